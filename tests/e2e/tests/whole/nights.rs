//! Nights of a district, from the upload to the mirror, through the real functions.

use districts::{District, Size};
use e2e::Application;
use roster::records::RecordKind;
use roster::run::RunState;
use roster::settings::Settings;
use serde_json::{Value, json};

fn school_district() -> District {
    District::new(Size::students(150)).seed(11).churn(4.0)
}

/// Settings that admit all students and guardians, so that the mirror equals the files record by
/// record.
fn admit_all() -> Settings {
    let mut settings = Settings::of_preset("clever");
    settings.overrides =
        json!({ "admit_guardians": "unique_contact", "hold_if_removed_percent": 60, "hold_if_changed_percent": 100 })
            .as_object()
            .cloned()
            .unwrap_or_default();
    settings
}

fn ids(
    night: &districts::Night,
    file: districts::File,
    column: &str,
    only: impl Fn(&csv::StringRecord) -> bool,
) -> Vec<String> {
    let columns = night.columns(file);
    let at = columns.iter().position(|name| name == column).expect("the column exists");
    let mut rows = night.rows(file);
    let mut found = Vec::new();
    while let Some(row) = rows.next_row() {
        if only(row) {
            found.push(row[at].to_owned());
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn r_m1_the_mirror_equals_the_files_and_a_second_upload_writes_nothing() {
    let application = Application::start().await;
    let district = application.district("brook", admit_all()).await;
    let first = school_district().night(0);
    let night = application.night(&district, &first).await;
    assert_eq!(night.state(), RunState::Applied, "{:?}", application.failures());

    let expected = first.expected();
    assert_eq!(night.counts("student").added, expected.students.in_source);
    assert_eq!(night.counts("teacher").added, expected.teachers.in_source);
    assert_eq!(night.counts("class").added, expected.classes.in_source);
    assert_eq!(night.counts("enrollment").in_source, expected.enrollments.in_source);
    assert_eq!(night.counts("enrollment").added, expected.enrollments.in_source);

    let role = first
        .columns(districts::File::Users)
        .iter()
        .position(|name| name == "role")
        .expect("a column role");
    let students = ids(&first, districts::File::Users, "sourcedId", |row| &row[role] == "student");
    assert_eq!(application.keys(&district, RecordKind::Student, "active").await, students);
    let classes = ids(&first, districts::File::Classes, "sourcedId", |_| true);
    assert_eq!(application.keys(&district, RecordKind::Class, "active").await, classes);

    // Compare every enrollment in the rosters with the rows of enrollments.csv.
    let mirror = application.mirror(&district).await;
    let mut enrollments: Vec<String> = Vec::new();
    for ((kind, key), record) in &mirror {
        if *kind == RecordKind::Class {
            let people = ["teachers", "students"]
                .into_iter()
                .flat_map(|list| record["state"][list].as_array().into_iter().flatten());
            enrollments
                .extend(people.map(|person| format!("{key} {}", person.as_str().expect("a key"))));
        }
    }
    enrollments.sort();
    let columns = first.columns(districts::File::Enrollments);
    let at =
        |name: &str| columns.iter().position(|column| column == name).expect("the column exists");
    let (class, user) = (at("classSourcedId"), at("userSourcedId"));
    let mut rows = first.rows(districts::File::Enrollments);
    let mut expected = Vec::new();
    while let Some(row) = rows.next_row() {
        expected.push(format!("{} {}", &row[class], &row[user]));
    }
    expected.sort();
    expected.dedup();
    assert_eq!(enrollments, expected);

    let again = application.night(&district, &first).await;
    assert_eq!(again.state(), RunState::Unchanged);
    assert_eq!(again.report.item_writes, 0);
    assert_eq!(application.mirror(&district).await, mirror);
}

#[tokio::test]
async fn r_m1_the_next_night_writes_only_changed_records() {
    let application = Application::start().await;
    let district = application.district("brook", admit_all()).await;
    let (first, second) = (school_district().night(0), school_district().night(1));
    application.night(&district, &first).await;
    let night = application.night(&district, &second).await;
    assert_eq!(
        night.state(),
        RunState::Applied,
        "{:?} {:?}",
        night.report.holds,
        application.failures()
    );
    let expected = second.expected_since(Some(&first));
    for (kind, expected) in [
        ("student", expected.students),
        ("teacher", expected.teachers),
        ("class", expected.classes),
    ] {
        let counts = night.counts(kind);
        assert_eq!(
            (counts.in_source, counts.added, counts.removed),
            (expected.in_source, expected.added, expected.removed),
            "{kind}"
        );
    }
    // Students who left are archived, not deleted (R-A1), and keep their accounts.
    let archived = application.keys(&district, RecordKind::Student, "archived").await;
    assert_eq!(archived.len() as u64, expected.students.removed);
    // Apart from archived records, two nights give the same mirror as the second night alone.
    let other = application.district("brook-anew", admit_all()).await;
    application.night(&other, &second).await;
    assert_eq!(
        application.keys(&district, RecordKind::Student, "active").await,
        application.keys(&other, RecordKind::Student, "active").await
    );
}

#[tokio::test]
async fn a_version_1_2_zip_and_a_folder_with_its_manifest_last_give_the_same_result() {
    let application = Application::start().await;
    let by_zip = application.district("zip", admit_all()).await;
    let by_folder = application.district("folder", admit_all()).await;
    let set = school_district().version(districts::Version::V1_2).night(0);
    let zipped = application.night(&by_zip, &set).await;
    assert_eq!(zipped.state(), RunState::Applied, "{:?}", zipped.report.findings);
    let folder = application.file("set");
    set.write_folder(&folder).expect("the folder can be written");
    let unpacked = application.upload(&by_folder, &folder, Some(set.date())).await;
    assert_eq!(unpacked.state(), RunState::Applied);
    assert_eq!(zipped.report.counts, unpacked.report.counts);
    assert!(zipped.counts("student").added > 0);
}

#[tokio::test]
async fn a_delta_is_applied_to_the_bulk_set_and_earlier_deltas() {
    let application = Application::start().await;
    let by_delta = application.district("delta", admit_all()).await;
    let by_bulk = application.district("bulk", admit_all()).await;
    for night in 0..3 {
        let bulk = school_district().night(night);
        let set = if night == 0 { bulk.clone() } else { bulk.clone().delta() };
        let done = application.night(&by_delta, &set).await;
        assert_eq!(
            done.state(),
            RunState::Applied,
            "night {night}: {:?} {:?}",
            done.report.holds,
            done.report.findings
        );
        application.night(&by_bulk, &bulk).await;
    }
    for kind in [RecordKind::Student, RecordKind::Teacher, RecordKind::Class, RecordKind::Guardian]
    {
        assert_eq!(
            application.keys(&by_delta, kind, "active").await,
            application.keys(&by_bulk, kind, "active").await,
            "{kind}"
        );
    }
}

#[tokio::test]
async fn r_h1_r_h2_a_dangerous_file_is_held_and_writes_nothing_before_a_decision() {
    let application = Application::start().await;
    let district = application.district("brook", Settings::of_preset("clever")).await;
    application.night(&district, &school_district().night(0)).await;
    let before = application.mirror(&district).await;

    let dangerous = school_district().night(0).without_students(30.0);
    let held = application.night(&district, &dangerous).await;
    assert_eq!(held.state(), RunState::Held);
    assert_eq!(held.report.item_writes, 0);
    assert!(
        held.report.holds.iter().any(|hold| hold.kind == "student" && hold.school.is_none()),
        "{:?}",
        held.report.holds
    );
    assert_eq!(application.mirror(&district).await, before, "a held run changed the mirror");
    let sent = application.notifications();
    assert_eq!(sent.len(), 1, "{sent:?}");
    let (kind, detail) = (sent[0].detail_type.as_str(), &sent[0].detail);
    assert_eq!(
        (kind, &detail["run"], &detail["status"]),
        ("Run Held", &json!(held.run.run), &json!("held"))
    );
    assert_eq!(
        (&detail["rules"], &detail["counts"]),
        (&json!(["R-H1"]), &json!(held.report.counts))
    );
    let students = held
        .report
        .holds
        .iter()
        .find(|hold| hold.kind == "student" && hold.school.is_none())
        .expect("a hold");
    let guards = detail["guards"].as_array().expect("reasons");
    assert!(
        guards.iter().any(|guard| guard["what"] == json!(students.what)
            && guard["count"] == json!(students.count)),
        "{detail}"
    );

    let applied = application.decide(&held, "approve").await;
    assert_eq!(applied.state(), RunState::Applied, "{:?}", application.failures());
    assert_eq!(
        application.keys(&district, RecordKind::Student, "archived").await.len() as u64,
        held.counts("student").removed
    );
    assert_eq!(application.notifications(), [], "a decided run is not reported again");
}

#[tokio::test]
async fn r_h2_additions_only_removes_no_student_and_a_rejected_run_changes_nothing() {
    let application = Application::start().await;
    let mut settings = Settings::of_preset("clever");
    settings.overrides.insert("hold_scope".into(), json!("district"));
    let district = application.district("brook", settings).await;
    application.night(&district, &school_district().night(0)).await;
    let before = application.keys(&district, RecordKind::Student, "active").await;

    let dangerous = school_district().night(1).without_students(30.0);
    let held = application.night(&district, &dangerous).await;
    assert_eq!(held.state(), RunState::Held);
    let rejected = application.decide(&held, "reject").await;
    assert_eq!(rejected.state(), RunState::Rejected);
    assert_eq!(application.keys(&district, RecordKind::Student, "active").await, before);

    let held = application.night(&district, &dangerous).await;
    assert_eq!(held.state(), RunState::Held);
    let applied = application.decide(&held, "approve_additions").await;
    assert_eq!(applied.state(), RunState::Applied, "{:?}", application.failures());
    let after = application.keys(&district, RecordKind::Student, "active").await;
    assert!(before.iter().all(|student| after.contains(student)), "a student was removed");
}

#[tokio::test]
async fn r_h2_a_newer_snapshot_replaces_a_held_run() {
    let application = Application::start().await;
    let district = application.district("brook", Settings::of_preset("clever")).await;
    application.night(&district, &school_district().night(0)).await;
    let held =
        application.night(&district, &school_district().night(0).without_students(30.0)).await;
    assert_eq!(held.state(), RunState::Held);
    let next = application.night(&district, &school_district().night(0)).await;
    assert_eq!(next.state(), RunState::Unchanged);
    let late = application.decide(&held, "approve").await;
    assert_eq!(late.state(), RunState::Replaced);
}

#[tokio::test]
async fn r_m7_ignore_stores_no_demographics() {
    let application = Application::start().await;
    let district = application.district("families", Settings::of_preset("family-directory")).await;
    let night = application.night(&district, &school_district().night(0)).await;
    assert_eq!(night.state(), RunState::Applied);
    let mirror = application.mirror(&district).await;
    let has_demographics = |record: &Value| record["state"].get("demographics").is_some();
    assert!(mirror.keys().any(|(kind, _)| *kind == RecordKind::Student));
    assert!(!mirror.values().any(has_demographics));
}
