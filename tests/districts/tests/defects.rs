//! Each defect makes the change that it describes, and no other.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use districts::{Defect, District, File, Night, Size, Version};

fn district() -> District {
    District::new(Size::students(150)).seed(11)
}

fn clean() -> Night {
    district().night(0)
}

fn zip(night: &Night) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    night.write_zip(&mut out).expect("writing to memory");
    out.into_inner()
}

/// A set's members by name, read with the `zip` crate.
fn members(night: &Night) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip(night))).expect("a zip");
    let mut members = BTreeMap::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).expect("a member");
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).expect("its bytes");
        members.insert(member.name().expect("its name").into_owned(), bytes);
    }
    members
}

/// The rows of a file including the header, read with the `csv` crate.
fn rows(night: &Night, file: File) -> Vec<Vec<String>> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(night.read(file));
    reader.records().map(|row| row.expect("a row").iter().map(str::to_owned).collect()).collect()
}

/// A cell by file, line and column. The columns must be in the standard order.
fn cell(night: &Night, file: File, line: usize, column: &str) -> String {
    let index =
        file.columns(night.version()).iter().position(|name| *name == column).expect("a column");
    rows(night, file)[line - 1][index].clone()
}

/// The cells of a column, without the header.
fn column(night: &Night, file: File, name: &str) -> Vec<String> {
    let index =
        file.columns(night.version()).iter().position(|column| *column == name).expect("a column");
    rows(night, file).into_iter().skip(1).map(|mut row| row.swap_remove(index)).collect()
}

/// The numbers of the lines that the defect changes, from 1.
fn differing(spoiled: &Night, clean: &Night, file: File) -> Vec<usize> {
    let (spoiled, clean) = (rows(spoiled, file), rows(clean, file));
    let longest = spoiled.len().max(clean.len());
    (0..longest).filter(|i| spoiled.get(*i) != clean.get(*i)).map(|i| i + 1).collect()
}

/// Asserts that the defect changes one cell of one line to this value.
fn changes_one_cell(defect: Defect, file: File, line: usize, name: &str, value: &str) {
    let spoiled = clean().with(defect);
    assert_eq!(differing(&spoiled, &clean(), file), [line], "{defect}");
    assert_eq!(cell(&spoiled, file, line, name), value, "{defect}");
    for other in File::of(Version::V1_1).filter(|other| *other != file) {
        assert_eq!(rows(&spoiled, other), rows(&clean(), other), "{defect}");
    }
}

#[test]
fn names_can_be_parsed_and_every_defect_has_an_explanation() {
    for defect in Defect::ALL {
        assert_eq!(defect.name().parse(), Ok(*defect));
        assert!(defect.explanation().len() > 10 && !defect.explanation().starts_with(' '));
    }
    assert!("no-such-thing".parse::<Defect>().is_err());
}

#[test]
fn every_defect_changes_the_files() {
    let small = || District::new(Size::students(60)).seed(11);
    for defect in Defect::ALL.iter().filter(|defect| **defect != Defect::ZipBomb) {
        let night = match defect {
            Defect::MixedCaseStatus
            | Defect::InactiveStatus
            | Defect::DateForDateTime
            | Defect::LooseDateTime => small().churn(10.0).night(1).delta(),
            Defect::NoRole | Defect::TwoPrimaryRoles | Defect::ResourceColumn => {
                small().version(Version::V1_2).night(0)
            }
            _ => small().night(0),
        };
        let spoiled = night.clone().with(*defect);
        assert_ne!(zip(&spoiled), zip(&night), "{defect}");
        assert_eq!(zip(&spoiled), zip(&spoiled.clone()), "{defect} differs between two runs");
        assert_eq!(spoiled.expected(), night.expected(), "{defect} changed what is expected");
    }
}

#[test]
fn encodings() {
    let plain = clean().bytes_of("users.csv").unwrap();
    let text = String::from_utf8(plain.clone()).unwrap();
    assert!(!text.is_ascii());
    let bytes = |defect: Defect| clean().with(defect).bytes_of("users.csv").unwrap();
    assert_eq!(bytes(Defect::Bom), [b"\xef\xbb\xbf".as_slice(), &plain].concat());
    let decoded = |bytes: &[u8], encoding: &'static encoding_rs::Encoding| {
        encoding.decode(bytes).0.into_owned()
    };
    for (defect, encoding) in
        [(Defect::Utf16Le, encoding_rs::UTF_16LE), (Defect::Utf16Be, encoding_rs::UTF_16BE)]
    {
        assert_eq!(encoding_rs::Encoding::for_bom(&bytes(defect)).unwrap().0, encoding);
        assert_eq!(decoded(&bytes(defect), encoding), text);
        assert!(
            encoding_rs::Encoding::for_bom(&clean().with(defect).bytes_of("manifest.csv").unwrap())
                .is_some()
        );
    }
    assert_eq!(decoded(&bytes(Defect::Utf16Unmarked), encoding_rs::UTF_16LE), text);
    assert!(encoding_rs::Encoding::for_bom(&bytes(Defect::Utf16Unmarked)).is_none());
    let narrow = bytes(Defect::Windows1252);
    assert!(std::str::from_utf8(&narrow).is_err());
    assert_eq!(decoded(&narrow, encoding_rs::WINDOWS_1252), text);
    let broken = bytes(Defect::InvalidUtf8);
    assert_eq!(
        (broken.len(), broken.iter().filter(|byte| **byte == 0xff).count()),
        (plain.len() + 1, 1)
    );
    assert_eq!(bytes(Defect::NulBytes).iter().filter(|byte| **byte == 0).count(), 1);
}

#[test]
fn headers() {
    let header = |defect: Defect, file: File| rows(&clean().with(defect), file)[0].clone();
    let width = File::Users.columns(Version::V1_1).len();
    assert!(header(Defect::HeaderCase, File::Users).contains(&"sourcedid".to_owned()));
    let old = header(Defect::OldHeaderNames, File::Users);
    assert!(["grade", "userId", "agents"].iter().all(|name| old.contains(&(*name).to_owned())));
    assert!(header(Defect::OldHeaderNames, File::Demographics).contains(&"birthdate".to_owned()));
    assert!(header(Defect::OldHeaderNames, File::Classes).contains(&"grades".to_owned()));
    let wide = clean().with(Defect::TrailingEmptyHeaders);
    assert!(
        rows(&wide, File::Users).iter().all(|row| row.len() == width + 2 && row[width].is_empty())
    );
    let turned: Vec<Vec<String>> = rows(&clean(), File::Users)
        .into_iter()
        .map(|row| row.into_iter().rev().collect())
        .collect();
    assert_eq!(rows(&clean().with(Defect::ColumnOrder), File::Users), turned);
    assert_eq!(rows(&clean().with(Defect::OwnColumnFirst), File::Users)[1][..1], ["en"]);
    assert_eq!(header(Defect::OwnColumnFirst, File::Users)[..2], ["homeLanguage", "sourcedId"]);
    assert!(
        !header(Defect::RequiredColumnMissing, File::Enrollments)
            .contains(&"userSourcedId".to_owned())
    );
    assert!(!header(Defect::OptionalColumnMissing, File::Users).contains(&"middleName".to_owned()));
    assert!(header(Defect::HeaderMisspelt, File::Users).contains(&"familyNmae".to_owned()));
    assert_eq!(
        header(Defect::HeaderDuplicate, File::Users).iter().filter(|name| *name == "email").count(),
        2
    );
    assert!(header(Defect::EmailColumnRenamed, File::Users).contains(&"Email Address".to_owned()));
    let semicolons = clean().with(Defect::Semicolons);
    for name in ["manifest.csv", "users.csv"] {
        let (plain, other) = (clean().bytes_of(name).unwrap(), semicolons.bytes_of(name).unwrap());
        assert_eq!(other.len(), plain.len(), "{name}");
        assert!(other.starts_with(b"propertyName;value") || other.starts_with(b"sourcedId;"));
    }
    let modern =
        rows(&district().version(Version::V1_2).night(0).with(Defect::ResourceColumn), File::Users);
    assert_eq!(modern[0][17], "resourceSourcedIds");
    assert!(modern.iter().all(|row| row.len() == modern[0].len()));
}

#[test]
fn lines() {
    let text = |defect: Defect| {
        String::from_utf8(clean().with(defect).bytes_of("users.csv").unwrap()).unwrap()
    };
    let plain = String::from_utf8(clean().bytes_of("users.csv").unwrap()).unwrap();
    assert!(plain.ends_with("\r\n"));
    assert_eq!(text(Defect::NoLastLineEnd), plain.trim_end());
    assert_eq!(rows(&clean().with(Defect::BlankLines), File::Users), rows(&clean(), File::Users));
    assert!(
        text(Defect::BlankLines).contains("\r\n\r\n")
            && text(Defect::BlankLines).ends_with("\r\n\r\n\r\n")
    );
    assert!(
        rows(&clean().with(Defect::ShortRows), File::Enrollments)
            .iter()
            .skip(1)
            .any(|row| row.len() == 7)
    );
    let wide = rows(&clean(), File::Users)[0].len();
    assert_eq!(rows(&clean().with(Defect::CutRow), File::Users)[2].len(), 4);
    assert_eq!(rows(&clean().with(Defect::LongRow), File::Users)[2].len(), wide + 1);
    assert!(
        rows(&clean().with(Defect::TrailingCells), File::Users)[1..]
            .iter()
            .all(|row| row.len() == wide + 1)
    );
    assert!(text(Defect::LineBreakInField).contains("\nSecond-Line\","));
    assert_eq!(text(Defect::StrayQuote).matches('"').count(), plain.matches('"').count() + 1);
    assert!(
        rows(&clean().with(Defect::StrayQuote), File::Users).len()
            < rows(&clean(), File::Users).len()
    );
    let whole = String::from_utf8(clean().bytes_of("users.csv").unwrap()).unwrap();
    let cut = text(Defect::FileCutOff);
    assert!(cut.starts_with(&whole) && cut.ends_with(",true"), "four cells, and no line end");
    let cut = clean().with(Defect::FileCutOffInQuote).bytes_of("enrollments.csv").unwrap();
    assert!(cut.ends_with(b",\"stud"));
    let open = clean().with(Defect::UnclosedQuote).bytes_of("enrollments.csv").unwrap();
    assert_eq!(open.iter().filter(|byte| **byte == b'"').count(), 1);
    assert_eq!(rows(&clean().with(Defect::UnclosedQuote), File::Enrollments).len(), 3);
}

#[test]
fn a_missing_row_is_still_referred_to() {
    let person = cell(&clean(), File::Users, 3, "sourcedId");
    let without = clean().with(Defect::UserRowMissing);
    assert!(!column(&without, File::Users, "sourcedId").contains(&person));
    assert_eq!(rows(&without, File::Users).len() + 1, rows(&clean(), File::Users).len());
    assert!(column(&without, File::Enrollments, "userSourcedId").contains(&person));
    assert!(column(&without, File::Demographics, "sourcedId").contains(&person));
}

#[test]
fn values_of_one_record() {
    let users = File::Users;
    changes_one_cell(Defect::RequiredBlank, users, 3, "familyName", "");
    changes_one_cell(Defect::UsernameBlank, users, 3, "username", "");
    changes_one_cell(Defect::EmailMalformed, users, 3, "email", "nobody at example");
    changes_one_cell(Defect::UserIdsMalformed, users, 3, "userIds", "LDAP-without-braces");
    changes_one_cell(Defect::RoleUnknown, users, 3, "role", "wizard");
    changes_one_cell(Defect::DanglingAgent, users, 3, "agentSourcedIds", "no-such-guardian");
    changes_one_cell(Defect::DanglingOrg, users, 3, "orgSourcedIds", "no-such-org");
    changes_one_cell(Defect::EnrollmentRoleUnknown, File::Enrollments, 3, "role", "wizard");
    changes_one_cell(Defect::DanglingUser, File::Enrollments, 3, "userSourcedId", "no-such-user");
    changes_one_cell(
        Defect::DanglingClass,
        File::Enrollments,
        3,
        "classSourcedId",
        "no-such-class",
    );
    changes_one_cell(
        Defect::EnrollmentSchoolDiffers,
        File::Enrollments,
        3,
        "schoolSourcedId",
        "district-1",
    );
    changes_one_cell(Defect::ClassTypeUnknown, File::Classes, 3, "classType", "seance");
    changes_one_cell(Defect::SubjectCodes, File::Classes, 3, "subjectCodes", "ONE,TWO,THREE");
    changes_one_cell(Defect::DanglingSchool, File::Classes, 3, "schoolSourcedId", "no-such-school");
    changes_one_cell(Defect::DanglingCourse, File::Classes, 3, "courseSourcedId", "no-such-course");
    changes_one_cell(Defect::DanglingTerm, File::Classes, 3, "termSourcedIds", "no-such-session");
    changes_one_cell(Defect::DanglingParent, File::Orgs, 3, "parentSourcedId", "no-such-org");
    changes_one_cell(
        Defect::DanglingSchoolYear,
        File::Courses,
        3,
        "schoolYearSourcedId",
        "no-such-session",
    );
    changes_one_cell(Defect::SchoolUnderSchool, File::Orgs, 4, "parentSourcedId", "S0001");
    let shared = clean().with(Defect::EmailShared);
    assert_eq!(cell(&shared, users, 3, "email"), cell(&shared, users, 4, "email"));
    assert_eq!(differing(&shared, &clean(), users), [3, 4]);
    let circle = clean().with(Defect::OrgCycle);
    assert_eq!(
        (
            cell(&circle, File::Orgs, 3, "parentSourcedId"),
            cell(&circle, File::Orgs, 4, "parentSourcedId")
        ),
        ("S0002".into(), "S0001".into())
    );
}

#[test]
fn values_of_all_records() {
    let all = |defect: Defect, file: File, name: &str| column(&clean().with(defect), file, name);
    assert_eq!(all(Defect::UsDates, File::AcademicSessions, "startDate")[0], "8/17/2026");
    assert_eq!(all(Defect::DayFirstDates, File::AcademicSessions, "startDate")[0], "17/8/2026");
    assert!(
        all(Defect::UpperCaseBooleans, File::Users, "enabledUser")
            .iter()
            .all(|cell| cell == "TRUE")
    );
    assert!(
        all(Defect::YesNo, File::Demographics, "asian")
            .iter()
            .all(|cell| matches!(cell.as_str(), "yes" | "no" | ""))
    );
    assert!(all(Defect::StatusInBulk, File::Orgs, "status").iter().all(|cell| cell == "active"));
    let some = all(Defect::StatusInSomeRows, File::Users, "dateLastModified");
    assert!(some.iter().enumerate().all(|(i, cell)| cell.is_empty() == (i % 2 == 1)));
    let grades = all(Defect::OneDigitGrades, File::Users, "grades");
    assert!(
        grades.contains(&"K".into())
            && grades.contains(&"1".into())
            && grades.contains(&"10".into())
    );
    assert!(
        all(Defect::Passwords, File::Users, "password").iter().all(|cell| cell == "Secret-pass-1")
    );
    assert!(
        all(Defect::ClassTypeCase, File::Classes, "classType")
            .iter()
            .all(|cell| matches!(cell.as_str(), "Scheduled" | "Homeroom"))
    );
    assert!(!all(Defect::SchoolsAsDepartments, File::Orgs, "type").contains(&"school".into()));
    assert!(all(Defect::NoTerms, File::Classes, "termSourcedIds").iter().all(String::is_empty));
    assert!(
        all(Defect::EnrollmentDatesOutsideTerm, File::Enrollments, "beginDate")
            .iter()
            .all(|cell| cell == "2026-07-01")
    );
    assert!(
        all(Defect::SessionsWithoutParent, File::AcademicSessions, "parentSourcedId")
            .iter()
            .all(String::is_empty)
    );
    assert_eq!(
        all(Defect::SchoolYearBelowTerm, File::AcademicSessions, "parentSourcedId"),
        ["SY-2027-S1", "", ""]
    );
    let turned = clean().with(Defect::SessionStartAfterEnd);
    assert!(
        cell(&turned, File::AcademicSessions, 4, "startDate")
            > cell(&turned, File::AcademicSessions, 4, "endDate")
    );
    let emails = all(Defect::EmailsMissing, File::Users, "email");
    assert!(emails[..150].iter().all(String::is_empty) && !emails[150].is_empty());
    let primaries = |defect: Defect| all(defect, File::Enrollments, "primary");
    assert!(!primaries(Defect::SeveralPrimaries).contains(&"false".into()));
    assert!(primaries(Defect::NoPrimary).iter().all(String::is_empty));
    assert!(column(&clean(), File::Enrollments, "primary").contains(&"false".into()));
}

#[test]
fn statuses_of_deltas() {
    let delta = || district().churn(10.0).night(1).delta();
    let column_of = |defect: Defect, name: &str| column(&delta().with(defect), File::Users, name);
    let plain = column(&delta(), File::Users, "status");
    let turned: Vec<String> = plain
        .iter()
        .map(|cell| cell.replace("active", "Active").replace("tobedeleted", "toBeDeleted"))
        .collect();
    assert!(plain.contains(&"tobedeleted".into()));
    assert_eq!(column_of(Defect::MixedCaseStatus, "status"), turned);
    assert!(column_of(Defect::InactiveStatus, "status").contains(&"inactive".into()));
    assert_eq!(column_of(Defect::DateForDateTime, "dateLastModified")[0], "2026-10-16");
    assert_eq!(column_of(Defect::LooseDateTime, "dateLastModified")[0], "2026-10-16 05:00:00");
}

#[test]
fn ids_and_doubles() {
    let users = File::Users;
    let length = rows(&clean(), users).len();
    let last = |defect: Defect| {
        let all = rows(&clean().with(defect), users);
        assert_eq!(all.len(), length + 1, "{defect}");
        (all[2].clone(), all[length].clone())
    };
    let (one, other) = last(Defect::DuplicateEqual);
    assert_eq!(one, other);
    let (one, other) = last(Defect::DuplicateDifferent);
    assert!(one[0] == other[0] && one != other);
    let (one, other) = last(Defect::IdsDifferInCase);
    assert!(one[0] != other[0] && one[0] == other[0].to_lowercase());
    for (defect, test) in [
        (
            Defect::OddIds,
            &(|id: &str| id.contains('#') && id.contains('/') && id.contains(' '))
                as &dyn Fn(&str) -> bool,
        ),
        (Defect::LongIds, &|id: &str| id.len() == 400),
    ] {
        let night = clean().with(defect);
        let people = column(&night, users, "sourcedId");
        let classes = column(&night, File::Classes, "sourcedId");
        assert!(people.iter().chain(&classes).all(|id| test(id)));
        assert!(
            column(&night, File::Enrollments, "userSourcedId").iter().all(|id| people.contains(id))
        );
        assert!(
            column(&night, File::Enrollments, "classSourcedId")
                .iter()
                .all(|id| classes.contains(id))
        );
        assert!(
            column(&night, File::Demographics, "sourcedId").iter().all(|id| people.contains(id))
        );
        let agents = column(&night, users, "agentSourcedIds");
        assert!(
            agents
                .iter()
                .flat_map(|list| list.split(','))
                .all(|id| id.is_empty() || people.contains(&id.to_owned()))
        );
    }
    assert_eq!(
        column(&clean().with(Defect::DanglingDemographics), File::Demographics, "sourcedId")
            .last()
            .unwrap(),
        "no-such-user"
    );
}

#[test]
fn people_and_rosters() {
    let users = File::Users;
    let agents = |defect: Defect| column(&clean().with(defect), users, "agentSourcedIds");
    let teacher = column(&clean(), users, "sourcedId")[150].clone();
    assert_eq!(column(&clean(), users, "role")[150], "teacher");
    assert!(agents(Defect::TeachersAsAgents)[..150].iter().all(|list| list.contains(&teacher)));
    let plain = column(&clean(), users, "agentSourcedIds");
    let (one_way, reverse) = (agents(Defect::OneWayAgents), agents(Defect::ReverseAgents));
    assert!(one_way[..150] == plain[..150] && one_way[150..].iter().all(String::is_empty));
    assert!(reverse[..150].iter().all(String::is_empty) && reverse[150..] == plain[150..]);

    let twice = rows(&clean().with(Defect::SameUserTwice), File::Enrollments);
    assert!(
        twice[2][0] != twice[twice.len() - 1][0] && twice[2][1..] == twice[twice.len() - 1][1..]
    );
    let conflict = clean().with(Defect::RoleConflict);
    assert_eq!(differing(&conflict, &clean(), File::Enrollments).len(), 2);
    assert_eq!(cell(&conflict, File::Enrollments, 3, "role"), "teacher");

    let idle =
        column(&clean().with(Defect::StudentWithoutClasses), File::Enrollments, "userSourcedId");
    let everybody = column(&clean(), users, "sourcedId");
    assert!(!idle.contains(&everybody[0]) && idle.contains(&everybody[1]));
    assert_eq!(idle.len() + 8, rows(&clean(), File::Enrollments).len() - 1);

    let huge = clean().with(Defect::HugeClass);
    let class = cell(&clean(), File::Classes, 2, "sourcedId");
    let size = column(&huge, File::Enrollments, "classSourcedId")
        .into_iter()
        .filter(|id| *id == class)
        .count();
    assert!(size > 30_000);
    assert_eq!(rows(&huge, users).len(), rows(&clean(), users).len() + 30_000);

    let modern = || district().version(Version::V1_2).night(0);
    assert_eq!(
        rows(&modern().with(Defect::NoRole), File::Roles).len() + 1,
        rows(&modern(), File::Roles).len()
    );
    let double = rows(&modern().with(Defect::TwoPrimaryRoles), File::Roles);
    assert_eq!(double[2][1..], double[double.len() - 1][1..]);
    assert_eq!(cell(&modern().with(Defect::RoleUnknown), File::Roles, 3, "role"), "wizard");
    assert_eq!(
        cell(&modern().with(Defect::DanglingOrg), File::Roles, 3, "orgSourcedId"),
        "no-such-org"
    );
}

#[test]
fn sets() {
    let names = |defect: Defect| members(&clean().with(defect)).into_keys().collect::<Vec<_>>();
    let plain: Vec<String> = members(&clean()).into_keys().collect();
    assert_eq!(plain.len(), 8);
    assert!(names(Defect::FolderInZip).iter().all(|name| name.starts_with("OneRoster Export/")));
    let two = names(Defect::TwoFolders);
    assert!(two[0].starts_with("first/") && two[7].starts_with("second/"));
    assert!(
        names(Defect::MacExtras).contains(&"__MACOSX/._users.csv".into())
            && names(Defect::MacExtras).contains(&".DS_Store".into())
    );
    assert_eq!(names(Defect::UnknownFile).len(), 9);
    assert!(names(Defect::FileNameCase).contains(&"academicsessions.csv".into()));
    for (defect, missing) in [
        (Defect::ManifestMissing, "manifest.csv"),
        (Defect::UsersMissing, "users.csv"),
        (Defect::EnrollmentsMissing, "enrollments.csv"),
        (Defect::ListedButMissing, "demographics.csv"),
    ] {
        assert_eq!(
            names(defect),
            plain.iter().filter(|name| *name != missing).cloned().collect::<Vec<_>>()
        );
    }
    assert_eq!(rows(&clean().with(Defect::UsersHeaderOnly), File::Users).len(), 1);
    assert_eq!(rows(&clean().with(Defect::EnrollmentsHeaderOnly), File::Enrollments).len(), 1);
    let manifest = |defect: Defect| {
        String::from_utf8(members(&clean().with(defect))["manifest.csv"].clone()).unwrap()
    };
    assert!(manifest(Defect::ManifestMisspelt).contains("\r\nfiel.demographics,bulk"));
    assert!(manifest(Defect::ManifestHeader).starts_with("property,setting"));
    assert!(manifest(Defect::ManifestModeBlank).contains("file.users,\r\n"));
    assert!(manifest(Defect::ManifestVersion).contains("manifest.version,1\r\n"));
    assert!(manifest(Defect::PresentButAbsent).contains("file.demographics,absent"));
    assert!(manifest(Defect::ListedButMissing).contains("file.demographics,bulk"));
    let sds = members(&clean().with(Defect::SdsFormat));
    assert!(
        !sds.contains_key("manifest.csv")
            && sds["enrollments.csv"].starts_with(b"classSourcedId,userSourcedId,role\r\n")
    );
}

#[test]
fn archives() {
    let open = |defect: Defect| zip::ZipArchive::new(Cursor::new(zip(&clean().with(defect))));
    assert!(open(Defect::NotAZip).is_err() && open(Defect::TruncatedZip).is_err());
    assert_eq!(open(Defect::EmptyZip).unwrap().len(), 0);
    let read = |defect: Defect, name: &str| {
        let mut archive = open(defect).unwrap();
        let mut member = archive.by_name(name).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok::<_, String>(bytes)
    };
    assert!(
        read(Defect::CorruptZip, "users.csv").is_err()
            && read(Defect::CorruptZip, "orgs.csv").is_ok()
    );
    assert!(read(Defect::Encrypted, "users.csv").unwrap_err().to_lowercase().contains("password"));
    assert!(open(Defect::TooManyMembers).unwrap().len() > 2_000);
    let outside = members(&clean().with(Defect::PathTraversal));
    assert!(outside.contains_key("../../users.csv"), "{:?}", outside.keys());
    let lying = open(Defect::LyingSizes).unwrap().by_name("users.csv").unwrap().size();
    assert_eq!(lying, 100);
    let declared = open(Defect::MemberCutOff).unwrap().by_name("users.csv").unwrap().size();
    assert_eq!(declared, clean().bytes_of("users.csv").unwrap().len() as u64 + 100);
    assert_eq!(read(Defect::MemberCutOff, "users.csv").unwrap().len() as u64 + 100, declared);
    let inner = read(Defect::ZipInZip, "export.zip");
    assert!(inner.is_err() || inner.unwrap().starts_with(b"PK\x03\x04"));
    assert_eq!(open(Defect::ZipInZip).unwrap().len(), 1);
    assert!(zip(&clean().with(Defect::Gzip)).starts_with(b"\x1f\x8b"));
    // The crate keeps only the last of two members with one name, so count the names in the bytes.
    let double = zip(&clean().with(Defect::DuplicateMembers));
    assert_eq!(double.windows(9).filter(|bytes| *bytes == b"users.csv").count(), 4);
    let bomb = zip(&clean().with(Defect::ZipBomb));
    assert!(bomb.len() < 1 << 20);
    assert!(
        zip::ZipArchive::new(Cursor::new(bomb)).unwrap().by_name("users.csv").unwrap().size()
            > 255 << 20
    );
}

#[test]
fn a_folder_cannot_have_archive_defects() {
    let folder = tempfile::tempdir().unwrap();
    let error = clean().with(Defect::TruncatedZip).write_folder(folder.path()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    clean().with(Defect::FolderInZip).write_folder(folder.path()).unwrap();
    assert!(folder.path().join("OneRoster Export/manifest.csv").exists());
}
