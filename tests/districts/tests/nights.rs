//! The same seed gives the same bytes, and counts, references and changes are as documented. The
//! files are read with the `csv` and `zip` crates, independently of the code that writes them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::{Cursor, Read};

use districts::{Counts, District, File, IdStyle, Night, Size, Version};

type Table = Vec<HashMap<String, String>>;

fn table(night: &Night, file: File) -> Table {
    let mut reader = csv::Reader::from_reader(night.read(file));
    reader.deserialize().map(|row| row.expect("a row of CSV")).collect()
}

fn zip(night: &Night) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    night.write_zip(&mut out).expect("writing to memory");
    out.into_inner()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_different_ones() {
    let make = |seed| zip(&District::new(Size::students(300)).seed(seed).night(2));
    assert_eq!(make(7), make(7));
    assert_ne!(make(7), make(8));
}

#[test]
fn zip_folder_and_reader_have_the_same_files() {
    let night = District::new(Size::students(120)).version(Version::V1_2).night(1);
    let folder = tempfile::tempdir().unwrap();
    night.write_folder(folder.path()).unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(zip(&night))).unwrap();
    assert_eq!(archive.len(), 9);
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).unwrap();
        let name = member.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, std::fs::read(folder.path().join(&name)).unwrap(), "{name}");
        assert_eq!(bytes, night.bytes_of(&name).unwrap());
    }
}

#[test]
fn the_counts_are_in_proportion() {
    let night = District::new(Size::students(20_000)).seed(3).night(0);
    let expected = night.expected();
    assert_eq!(expected.students.in_source, 20_000);
    assert_eq!(expected.teachers.in_source, 1_600);
    let near = |counts: Counts, target: u64| {
        let off = counts.in_source.abs_diff(target) * 100 / target;
        assert!(off <= 5, "{} is not near {target}", counts.in_source);
        assert_eq!((counts.added, counts.changed, counts.removed), (counts.in_source, 0, 0));
    };
    near(expected.enrollments, 168_000);
    near(expected.classes, 6_000);
    near(expected.guardians, 30_000);
}

#[test]
fn every_reference_exists() {
    for ids in [IdStyle::Mixed, IdStyle::Uuid, IdStyle::Numbers] {
        for (version, night) in [(Version::V1_1, 0), (Version::V1_2, 3)] {
            let night = District::new(Size::students(700))
                .ids(ids)
                .version(version)
                .churn(20.0)
                .night(night);
            check_references(&night);
        }
    }
}

fn check_references(night: &Night) {
    let tables: BTreeMap<File, Table> =
        File::of(night.version()).map(|file| (file, table(night, file))).collect();
    let ids: BTreeMap<File, HashSet<String>> = tables
        .iter()
        .map(|(file, table)| {
            let ids: HashSet<String> = table.iter().map(|row| row["sourcedId"].clone()).collect();
            assert_eq!(ids.len(), table.len(), "an id twice in {}", file.name());
            (*file, ids)
        })
        .collect();
    let references = [
        (File::Orgs, "parentSourcedId", File::Orgs),
        (File::AcademicSessions, "parentSourcedId", File::AcademicSessions),
        (File::Courses, "schoolYearSourcedId", File::AcademicSessions),
        (File::Courses, "orgSourcedId", File::Orgs),
        (File::Classes, "courseSourcedId", File::Courses),
        (File::Classes, "schoolSourcedId", File::Orgs),
        (File::Classes, "termSourcedIds", File::AcademicSessions),
        (File::Users, "agentSourcedIds", File::Users),
        (File::Users, "orgSourcedIds", File::Orgs),
        (File::Users, "primaryOrgSourcedId", File::Orgs),
        (File::Roles, "userSourcedId", File::Users),
        (File::Roles, "orgSourcedId", File::Orgs),
        (File::Enrollments, "classSourcedId", File::Classes),
        (File::Enrollments, "schoolSourcedId", File::Orgs),
        (File::Enrollments, "userSourcedId", File::Users),
        (File::Demographics, "sourcedId", File::Users),
    ];
    for (file, column, target) in references {
        for row in tables.get(&file).into_iter().flatten() {
            let Some(cell) = row.get(column) else { continue };
            for id in cell.split(',').filter(|id| !id.is_empty()) {
                assert!(ids[&target].contains(id), "{}.{column} {id}", file.name());
            }
        }
    }
    // References between students and guardians match in both directions; no double enrollments.
    let agents: HashSet<(&str, &str)> = tables[&File::Users]
        .iter()
        .flat_map(|row| {
            row["agentSourcedIds"]
                .split(',')
                .filter(|id| !id.is_empty())
                .map(|id| (row["sourcedId"].as_str(), id))
        })
        .collect();
    assert!(
        !agents.is_empty() && agents.iter().all(|(one, other)| agents.contains(&(*other, *one)))
    );
    let mut seats = BTreeSet::new();
    for row in &tables[&File::Enrollments] {
        assert!(seats.insert((&row["classSourcedId"], &row["userSourcedId"])));
    }
}

#[test]
fn every_combination_of_contact_data_occurs() {
    let users = table(&District::new(Size::students(2_000)).night(0), File::Users);
    let guardians: Vec<_> = users
        .iter()
        .filter(|row| matches!(row["role"].as_str(), "parent" | "guardian" | "relative"))
        .collect();
    let mut mails: HashMap<&str, usize> = HashMap::new();
    let mut phones: HashMap<&str, usize> = HashMap::new();
    for row in &guardians {
        *mails.entry(&row["email"]).or_default() += 1;
        *phones.entry(&row["phone"]).or_default() += 1;
    }
    let count = |test: &dyn Fn(&&&HashMap<String, String>) -> bool| {
        guardians.iter().filter(test).count() * 100 / guardians.len()
    };
    let none = count(&|row| row["email"].is_empty() && row["phone"].is_empty());
    let shared = count(&|row| {
        !row["email"].is_empty()
            && mails[row["email"].as_str()] > 1
            && phones[row["phone"].as_str()] > 1
    });
    let mail_only = count(&|row| !row["email"].is_empty() && row["phone"].is_empty());
    assert!(
        (3..12).contains(&none) && (3..12).contains(&shared) && (5..15).contains(&mail_only),
        "{none} {shared} {mail_only}"
    );
    let phone_only: Vec<_> = guardians
        .iter()
        .filter(|row| row["email"].is_empty() && !row["phone"].is_empty())
        .collect();
    assert!(
        !phone_only.is_empty() && phone_only.iter().all(|row| phones[row["phone"].as_str()] == 1)
    );
    let siblings = guardians.iter().filter(|row| row["agentSourcedIds"].contains(',')).count();
    assert!(siblings * 5 > guardians.len(), "{siblings} guardians of siblings");
}

#[test]
fn expected_counts_match_the_files() {
    for version in [Version::V1_1, Version::V1_2] {
        let district = District::new(Size::students(900)).seed(5).version(version).churn(4.0);
        for night in 1..4 {
            let expected = district.night(night).expected();
            let recount = |file: File, role: Option<&str>| {
                let read = |night: u32| -> HashMap<String, String> {
                    let night = district.night(night);
                    let roles: HashMap<String, String> = match version {
                        Version::V1_2 => table(&night, File::Roles)
                            .into_iter()
                            .map(|mut row| {
                                (row.remove("userSourcedId").unwrap(), row["role"].clone())
                            })
                            .collect(),
                        Version::V1_1 => HashMap::new(),
                    };
                    let rows = table(&night, file).into_iter();
                    let rows = rows.filter(|row| {
                        role.is_none_or(|role| {
                            row.get("role").unwrap_or_else(|| &roles[&row["sourcedId"]]) == role
                        })
                    });
                    rows.map(|row| {
                        (
                            row["sourcedId"].clone(),
                            format!("{:?}", row.into_iter().collect::<BTreeMap<_, _>>()),
                        )
                    })
                    .collect()
                };
                let (now, before) = (read(night), read(night - 1));
                Counts {
                    in_source: now.len() as u64,
                    added: now.keys().filter(|id| !before.contains_key(*id)).count() as u64,
                    changed: now
                        .iter()
                        .filter(|(id, row)| before.get(*id).is_some_and(|old| old != *row))
                        .count() as u64,
                    removed: before.keys().filter(|id| !now.contains_key(*id)).count() as u64,
                }
            };
            assert_eq!(expected.enrollments, recount(File::Enrollments, None));
            assert_eq!(expected.classes, recount(File::Classes, None));
            let students = recount(File::Users, Some("student"));
            assert_eq!(
                (expected.students.added, expected.students.removed),
                (students.added, students.removed)
            );
            assert!(
                expected.students.changed >= students.changed
                    && students.added > 0
                    && students.removed > 0
            );
            if version == Version::V1_1 {
                assert_eq!(expected.students, students);
                assert_eq!(expected.teachers, recount(File::Users, Some("teacher")));
            }
        }
    }
}

#[test]
fn churn_changes_its_share_and_zero_churn_changes_nothing() {
    let still = District::new(Size::students(1_000)).churn(0.0);
    assert_eq!(zip(&still.night(0)), zip(&still.night(5)));
    let expected = District::new(Size::students(10_000)).churn(1.0).night(1).expected();
    let Counts { added, changed, removed, .. } = expected.students;
    assert!((55..=100).contains(&(added.max(removed) + changed)), "{:?}", expected.students);
    assert!(
        expected.classes.added > 0 && expected.classes.removed > 0 && expected.classes.changed > 0
    );
    assert!(
        expected.teachers.added > 0
            && expected.teachers.removed > 0
            && expected.guardians.added > 0
    );
    assert!(expected.enrollments.removed * 100 < expected.enrollments.in_source * 3);
}

#[test]
fn applying_a_delta_gives_the_next_night() {
    for version in [Version::V1_1, Version::V1_2] {
        let district = District::new(Size::students(400)).version(version).churn(10.0);
        for file in File::of(version) {
            let mut state: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
            for night in 0..4 {
                for row in table(&district.night(night).delta(), file) {
                    let mut row: BTreeMap<_, _> = row.into_iter().collect();
                    let status = row.insert("status".into(), String::new()).unwrap();
                    assert!(
                        !row.insert("dateLastModified".into(), String::new()).unwrap().is_empty()
                    );
                    match status.as_str() {
                        "active" => {
                            state.insert(row["sourcedId"].clone(), row);
                        }
                        "tobedeleted" => assert!(state.remove(&row["sourcedId"]).is_some()),
                        other => panic!("status {other}"),
                    }
                }
                let whole: BTreeMap<String, BTreeMap<String, String>> =
                    table(&district.night(night), file)
                        .into_iter()
                        .map(|row| (row["sourcedId"].clone(), row.into_iter().collect()))
                        .collect();
                assert_eq!(state, whole, "{} of night {night}", file.name());
            }
        }
    }
}

#[test]
fn a_delta_set_leaves_out_unchanged_files() {
    let night = District::new(Size::students(400)).night(1).delta();
    assert!(!night.files().contains(&File::Orgs) && night.files().contains(&File::Users));
    let manifest: HashMap<String, String> = night.manifest().into_iter().collect();
    assert_eq!(
        (manifest["file.orgs"].as_str(), manifest["file.users"].as_str()),
        ("absent", "delta")
    );
    assert_eq!(manifest.keys().filter(|name| name.starts_with("file.")).count(), 13);
}

#[test]
fn left_out_students_leave_no_dangling_references() {
    let district = District::new(Size::students(2_000));
    let night = district.night(1).without_students(30.0);
    check_references(&night);
    let expected = night.expected();
    assert!((540..680).contains(&expected.students.removed), "{:?}", expected.students);
    assert!(expected.guardians.removed > 300 && expected.teachers.removed < 20);
}

#[test]
fn tiny_districts_are_consistent() {
    for students in [1, 2, 12, 40] {
        let night = District::new(Size::students(students)).churn(50.0).night(2);
        let tables = table(&night, File::Enrollments);
        assert!(!tables.is_empty());
        assert_eq!(district_students(students), students);
    }
    assert!(table(&District::new(Size::students(0)).night(1), File::Enrollments).is_empty());
}

fn district_students(students: u64) -> u64 {
    District::new(Size::students(students)).night(0).expected().students.in_source
}
