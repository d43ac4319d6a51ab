//! Common defects of files, each through the real functions after a valid first night: the
//! notification to the district, and no removed records. `defects.rs` tests all other defects
//! without the functions.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use districts::{Defect, District, Size};
use e2e::{Application, Night};
use mirror::ports::objects::ReadObjects;
use roster::finding::{Finding, Severity};
use roster::id::DistrictId;
use roster::outcome;
use roster::report::Report;
use roster::run::RunState;
use roster::settings::Settings;
use serde_json::json;
use stack::INTERNAL;

/// Expected outcome of a set with a defect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// Refused; the mirror is unchanged.
    Refused,
    /// Imported without the bad rows; nothing is removed.
    Imported,
    /// Imported, but one enrollment is removed: its row names a person or class that does not
    /// exist, and the intended one is unknown. Such rows do not keep the roster unchanged, because
    /// many exports contain rows of people who have left, and then rosters would never change.
    ImportedWithoutOneEnrollment,
    /// The defect is in the set every night: imported completely, and the second night changes
    /// nothing.
    ImportedTwice,
}

/// The tested defects.
const CASES: &[(Defect, Ends)] = &[
    (Defect::NotAZip, Ends::Refused),
    (Defect::TruncatedZip, Ends::Refused),
    (Defect::CorruptZip, Ends::Refused),
    (Defect::ZipBomb, Ends::Refused),
    (Defect::LyingSizes, Ends::Refused),
    (Defect::TooManyMembers, Ends::Refused),
    (Defect::PathTraversal, Ends::Refused),
    (Defect::Encrypted, Ends::Refused),
    (Defect::EmptyZip, Ends::Refused),
    (Defect::UsersMissing, Ends::Refused),
    (Defect::UsersHeaderOnly, Ends::Refused),
    (Defect::RequiredColumnMissing, Ends::Refused),
    (Defect::UnclosedQuote, Ends::Refused),
    (Defect::FileCutOff, Ends::Refused),
    (Defect::FileCutOffInQuote, Ends::Refused),
    (Defect::MemberCutOff, Ends::Refused),
    (Defect::Semicolons, Ends::Refused),
    (Defect::Gzip, Ends::Refused),
    (Defect::ZipInZip, Ends::Refused),
    (Defect::InvalidUtf8, Ends::Refused),
    (Defect::NulBytes, Ends::Imported),
    (Defect::DuplicateEqual, Ends::Imported),
    (Defect::DuplicateDifferent, Ends::Imported),
    (Defect::RoleUnknown, Ends::Imported),
    (Defect::EnrollmentRoleUnknown, Ends::Imported),
    (Defect::UserRowMissing, Ends::Imported),
    (Defect::DanglingUser, Ends::ImportedWithoutOneEnrollment),
    (Defect::DanglingClass, Ends::ImportedWithoutOneEnrollment),
    (Defect::DanglingSchool, Ends::Imported),
    (Defect::DanglingCourse, Ends::Imported),
    (Defect::DanglingTerm, Ends::Imported),
    (Defect::DanglingOrg, Ends::Imported),
    (Defect::DanglingAgent, Ends::Imported),
    (Defect::DanglingDemographics, Ends::Imported),
    (Defect::HugeClass, Ends::Imported),
    (Defect::OddIds, Ends::ImportedTwice),
    (Defect::LongIds, Ends::ImportedTwice),
];

fn set() -> District {
    District::new(Size::students(30)).seed(2)
}

/// Writes one line for the outcome of the run and one for its most severe finding that a valid set
/// does not have.
fn describe(text: &mut String, name: &str, report: &Report, usual: &BTreeSet<String>) {
    let removed = outcome::removed(&report.counts);
    let state = format!("{:?}", report.state).to_lowercase();
    writeln!(text, "{name}: {state}, {removed} records removed").expect("writing to a string");
    let own = report.findings.iter().filter(|finding| !usual.contains(finding.code.as_ref()));
    // Of findings with equal severity, use the first.
    let most_severe = own.rev().max_by_key(|finding| finding.severity);
    if let Some(Finding { code, severity, place, message, .. }) = most_severe {
        let severity = match severity {
            Severity::Stop => "stop",
            Severity::Drop => "drop",
            Severity::Warn => "warn",
            Severity::Info => "info",
        };
        let place = place.as_ref().map_or(String::new(), |place| {
            let line = place.line.map_or(String::new(), |line| format!(", line {line}"));
            let column =
                place.column.as_ref().map_or(String::new(), |column| format!(", {column}"));
            format!(" ({}{line}{column})", place.file)
        });
        // Cut long ids.
        let message: String = message.chars().take(400).collect();
        writeln!(text, "    {severity} {code}{place}: {message}").expect("writing to a string");
    }
}

/// Runs two nights in a new district.
async fn run_defect(application: &Application, defect: Defect, ends: Ends) -> (Night, Night) {
    let mut settings = Settings::of_preset("clever");
    if defect == Defect::HugeClass {
        // So many new enrollments would be held (R-H1).
        settings.overrides.insert("hold_if_added_percent".into(), 100_000.into());
    }
    let district = application.district(defect.name(), settings).await;
    let (good, bad) = (set().night(0), set().night(0).with(defect));
    let first =
        application.night(&district, if ends == Ends::ImportedTwice { &bad } else { &good }).await;
    assert_eq!(first.state(), RunState::Applied, "{defect}: {:?}", application.failures());
    let before = application.mirror(&district).await;

    let second = application.night(&district, &bad).await;
    let after = application.mirror(&district).await;
    match ends {
        Ends::Refused => assert_eq!(second.state(), RunState::Refused, "{defect}"),
        Ends::ImportedTwice => assert_eq!(second.state(), RunState::Unchanged, "{defect}"),
        Ends::Imported | Ends::ImportedWithoutOneEnrollment => {
            let imported = matches!(second.state(), RunState::Applied | RunState::Unchanged);
            assert!(imported, "{defect}: {:?} {:?}", second.state(), second.report.holds);
        }
    }
    if matches!(ends, Ends::Refused | Ends::ImportedTwice) {
        assert_eq!(after, before, "{defect}");
        assert_eq!(second.report.item_writes, 0, "{defect}");
    }
    let sent = application
        .stack
        .notifications()
        .into_iter()
        .filter(|event| event.detail["district"] == json!(district));
    let sent: Vec<_> = sent.map(|event| (event.detail_type, event.detail["run"].clone())).collect();
    let refused =
        (ends == Ends::Refused).then(|| ("Upload Refused".to_owned(), json!(second.run.run)));
    assert_eq!(sent, refused.into_iter().collect::<Vec<_>>(), "{defect}: notifications");
    let enrollments = u64::from(ends == Ends::ImportedWithoutOneEnrollment);
    assert_eq!(
        (second.removed(), second.counts("enrollment").removed),
        (enrollments, enrollments),
        "{defect}: {:?}",
        second.report.counts
    );
    for (key, record) in &before {
        assert_eq!(
            after.get(key).map(|now| &now["status"]),
            Some(&record["status"]),
            "{defect}: {key:?}"
        );
    }
    (first, second)
}

#[tokio::test]
async fn r_h3_bad_input_is_reported_in_plain_words_and_removes_no_record() {
    let application = Application::start().await;
    let nights = CASES.iter().map(|&(defect, ends)| run_defect(&application, defect, ends));
    let nights = futures::future::join_all(nights).await;
    let good =
        nights.first().map(|(first, _)| first.report.finding_totals.keys().cloned().collect());
    let usual: BTreeSet<String> = good.unwrap_or_default();

    let mut text = String::new();
    for (&(defect, _), (_, second)) in CASES.iter().zip(&nights) {
        describe(&mut text, defect.name(), &second.report, &usual);
    }
    let crowded = CASES.iter().zip(&nights).find(|((defect, _), _)| *defect == Defect::HugeClass);
    let crowded = crowded.map(|(_, (_, second))| second.counts("student").added);
    assert_eq!(crowded, Some(30_000), "a class of any size is imported completely");

    let unknown = DistrictId::new("nobody");
    let file = application.file("nobody.zip");
    set().night(0).write_zip_file(&file).expect("the zip can be written");
    application.stack.upload(&unknown, &file, None).await.expect("the upload arrives");
    application.stack.settled().await;
    let reports = application
        .stack
        .bucket(INTERNAL)
        .list("refused/nobody/")
        .await
        .expect("the bucket answers");
    let report = application
        .stack
        .bucket(INTERNAL)
        .get(&reports[0].object.key)
        .await
        .expect("the bucket answers");
    let report: Report = serde_json::from_slice(&report.expect("a report")).expect("a report");
    describe(&mut text, "a district that does not exist", &report, &usual);
    assert!(application.mirror(&unknown).await.is_empty());

    assert!(application.failures().is_empty(), "{:?}", application.failures());
    insta::assert_snapshot!(text, @r"
    not-a-zip: refused, 0 records removed
        stop zip_unreadable: the upload is not a zip file, or it is incomplete. Export again and upload the zip file without changing it.
    truncated-zip: refused, 0 records removed
        stop zip_unreadable: the zip file was cut off: its end is missing. Export again and upload the zip file without changing it.
    corrupt-zip: refused, 0 records removed
        stop file_cut_off (users.csv): `users.csv` in the zip is shorter than the zip says (19184 of 19185 bytes). Records at the end of the file are missing. Export again, wait until the export has ended, and send the complete file.
    zip-bomb: refused, 0 records removed
        stop zip_too_large (users.csv): a file unpacks to more than 200 times its packed size. Upload only the OneRoster files. If the export really is this large, contact support.
    lying-sizes: refused, 0 records removed
        stop zip_unreadable (users.csv): the zip file is incomplete or damaged. Export again and upload the zip file without changing it.
    too-many-members: refused, 0 records removed
        stop zip_too_large: the zip file contains 2008 entries, more than the limit of 1000. Upload only the OneRoster files. If the export really is this large, contact support.
    path-traversal: refused, 0 records removed
        stop zip_path: a file in the zip has a path that leads out of the zip. Create the zip file again, without folders.
    encrypted: refused, 0 records removed
        stop zip_encrypted (orgs.csv): the zip file is protected by a password. Export without a password. The upload itself is encrypted.
    empty-zip: refused, 0 records removed
        stop zip_empty: the zip file contains no files. Export again and check whether the export reports errors.
    users-missing: refused, 0 records removed
        stop file_missing (users.csv): manifest.csv lists users.csv, but the file is missing. Export again and include this file.
    users-header-only: refused, 0 records removed
        stop no_rows (users.csv): the file has a header but no rows. Export the file with its rows. If there are none, leave the file out and mark it as absent in manifest.csv.
    required-column-missing: refused, 0 records removed
        stop column_missing (enrollments.csv, line 1, userSourcedId): a required column is missing: userSourcedId. Export the file with this column.
    unclosed-quote: refused, 0 records removed
        stop quote_unclosed (enrollments.csv, line 3): a quoted cell has no closing quote. Add the closing quote, and double every quote inside a quoted cell.
    file-cut-off: refused, 0 records removed
        stop file_cut_off (users.csv, line 85): users.csv ends in the middle of a row: line 85 has 4 of 18 cells and no line end. Records at the end of the file are missing. Export again, wait until the export has ended, and send the complete file.
    file-cut-off-in-quote: refused, 0 records removed
        stop file_cut_off (enrollments.csv, line 346): enrollments.csv ends inside a quoted cell on line 346. Records at the end of the file are missing. Export again, wait until the export has ended, and send the complete file.
    member-cut-off: refused, 0 records removed
        stop file_cut_off (users.csv): `users.csv` in the zip is shorter than the zip says (19185 of 19285 bytes). Records at the end of the file are missing. Export again, wait until the export has ended, and send the complete file.
    semicolons: refused, 0 records removed
        stop separator (manifest.csv, line 1): the cells of manifest.csv are separated by semicolons, not by commas. Export with commas as separators. If the file was saved in a spreadsheet, send the file as it was exported.
    gzip: refused, 0 records removed
        stop zip_unreadable: the upload is a gzip file (.gz or .tar.gz), not a zip file. Export again and upload the zip file without changing it.
    zip-in-zip: refused, 0 records removed
        stop container_nested: the upload contains another zip file, `export.zip`, and no OneRoster file. Put the CSV files themselves into one zip file, as the student information system exports them.
    invalid-utf-8: refused, 0 records removed
        stop not_utf8 (users.csv, line 3): the file is not encoded as UTF-8. Export as UTF-8, or set fallback_encoding (for example windows-1252).
    nul-bytes: unchanged, 0 records removed
        drop nul_byte (users.csv, line 3): a row contains NUL bytes. Export again, and check the record for damage.
    duplicate-equal: unchanged, 0 records removed
        warn duplicate_row (users.csv, line 85, sourcedId): the row is the same as the one on line 3. Export every record once.
    duplicate-different: unchanged, 0 records removed
        drop duplicate_id (users.csv, line 85, sourcedId): line 3 has the same sourcedId with other values; these rows were skipped. Give every record its own sourcedId.
    role-unknown: unchanged, 0 records removed
        drop value_unknown (users.csv, line 3, role): role is `wizard`, which is not one of administrator, aide, guardian, parent, proctor, relative, student, teacher. Correct the value.
    enrollment-role-unknown: unchanged, 0 records removed
        drop value_unknown (enrollments.csv, line 3, role): role is `wizard`, which is not one of student, teacher, administrator, proctor. Correct the value.
    user-row-missing: unchanged, 0 records removed
        drop reference_missing (demographics.csv, line 3, sourcedId): `da2f93ef-1097-45c9-ae15-eed33a833e58` is named by 1 row of demographics, 8 enrollments and 2 users and is not in users.csv. Export the missing record, or correct the reference.
    dangling-user: applied, 1 records removed
        drop reference_missing (enrollments.csv, line 3, userSourcedId): `no-such-user` is named by 1 enrollment and is not in users.csv. Export the missing record, or correct the reference.
    dangling-class: applied, 1 records removed
        drop reference_missing (enrollments.csv, line 3, classSourcedId): `no-such-class` is named by 1 enrollment and is not in classes.csv. Export the missing record, or correct the reference.
    dangling-school: unchanged, 0 records removed
        drop reference_missing (classes.csv, line 3, schoolSourcedId): `no-such-school` is named by 1 class and is not in orgs.csv. Export the missing record, or correct the reference.
    dangling-course: unchanged, 0 records removed
        drop reference_missing (classes.csv, line 3, courseSourcedId): `no-such-course` is named by 1 class and is not in courses.csv. Export the missing record, or correct the reference.
    dangling-term: applied, 0 records removed
        warn optional_reference_missing (classes.csv, line 3, termSourcedIds): `no-such-session` is named by 1 class and is not in academicSessions.csv. Export the missing record, or correct the reference.
    dangling-org: unchanged, 0 records removed
        drop reference_missing (users.csv, line 3, orgSourcedIds): `no-such-org` is named by 1 user and is not in orgs.csv. Export the missing record, or correct the reference.
    dangling-agent: unchanged, 0 records removed
        warn agent_missing (users.csv, line 3, agentSourcedIds): `no-such-guardian` is named by 1 user and is not in users.csv. Export the user, or remove the id.
    dangling-demographics: unchanged, 0 records removed
        drop demographics_without_user (demographics.csv, line 32, sourcedId): `no-such-user` is named by 1 row of demographics and is not in users.csv. Export the user, or leave the row out.
    huge-class: applied, 0 records removed
    odd-ids: unchanged, 0 records removed
        warn id_characters (classes.csv, line 2, sourcedId): a sourcedId is longer than 255 characters or has characters that OneRoster does not allow; it was kept. Use only 0-9 a-z A-Z . - _ / @.
    long-ids: unchanged, 0 records removed
        warn id_characters (classes.csv, line 2, sourcedId): a sourcedId is longer than 255 characters or has characters that OneRoster does not allow; it was kept. Use only 0-9 a-z A-Z . - _ / @.
    a district that does not exist: refused, 0 records removed
        stop district_unknown: the upload is for a district that does not exist. Check that the folder name is the district's id. An operator can create a district.
    ");
}
