//! Events as AWS delivers them: repeated, late, out of order, or for a district that does not
//! exist.

use districts::{District, Size};
use e2e::Application;
use mirror::ports::objects::ReadObjects;
use mirror::ports::runs::Runs;
use roster::id::DistrictId;
use roster::run::RunState;
use roster::settings::Settings;
use roster::snapshot::Upload;
use serde_json::json;
use stack::{IMPORT, INBOX, INTERNAL};

fn small() -> District {
    District::new(Size::students(60)).seed(5).churn(5.0)
}

fn settings() -> Settings {
    let mut settings = Settings::of_preset("clever");
    settings.overrides.insert("hold_if_removed_percent".into(), json!(60));
    settings.overrides.insert("hold_if_changed_percent".into(), json!(100));
    settings
}

#[tokio::test]
async fn a_repeated_event_starts_no_second_run() {
    let application = Application::start().await;
    let district = application.district("brook", settings()).await;
    let first = application.night(&district, &small().night(0)).await;
    assert_eq!(first.state(), RunState::Applied);
    let before = application.mirror(&district).await;
    let event = Application::upload_event(first.run.upload.as_ref().expect("an upload"));
    for _ in 0..2 {
        assert!(application.stack.send(IMPORT, event.clone()));
    }
    application.stack.settled().await;
    let runs = application.stack.table().newest(&district, 10).await.expect("the table answers");
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].state, RunState::Applied);
    assert_eq!(application.mirror(&district).await, before);
    assert!(application.failures().is_empty(), "{:?}", application.failures());
}

#[tokio::test]
async fn r_m6_two_concurrent_uploads_are_two_runs_and_the_newer_one_wins() {
    let application = Application::start().await;
    let district = application.district("brook", settings()).await;
    application.night(&district, &small().night(0)).await;
    let mut uploaded = Vec::new();
    for night in [1, 2] {
        let night = small().night(night);
        let file = application.file(&format!("{}.zip", night.date()));
        night.write_zip_file(&file).expect("the zip can be written");
        uploaded.push(
            application
                .stack
                .upload(&district, &file, Some(night.date()))
                .await
                .expect("the upload arrives"),
        );
    }
    application.stack.settled().await;
    let newer = application.outcome(&uploaded[1]).await;
    assert_eq!(newer.state(), RunState::Applied, "{:?}", application.failures());
    let runs = application.stack.table().newest(&district, 10).await.expect("the table answers");
    assert_eq!(runs.len(), 3);
    assert!(
        runs.iter().all(|run| matches!(run.state, RunState::Applied | RunState::Replaced)),
        "{runs:?}"
    );

    let alone = application.district("alone", settings()).await;
    application.night(&alone, &small().night(2)).await;
    for kind in [roster::records::RecordKind::Student, roster::records::RecordKind::Class] {
        assert_eq!(
            application.keys(&district, kind, "active").await,
            application.keys(&alone, kind, "active").await,
            "{kind}"
        );
    }
}

#[tokio::test]
async fn r_m6_a_late_event_of_an_older_upload_changes_nothing() {
    let application = Application::start().await;
    let district = application.district("brook", settings()).await;
    // S3 sends no notification for this file name, so the test can send the event of the older set
    // after the newer set is imported.
    let file = application.file("old.zip");
    small().night(0).write_zip_file(&file).expect("the zip can be written");
    let key = format!("uploads/{district}/old.Zip");
    let body = std::fs::read(&file).expect("the zip exists");
    let at = jiff::Timestamp::now();
    let put = application.stack.s3().put_object().bucket(INBOX).key(&key).body(body.into());
    let put = put.send().await.expect("the bucket stores it");
    let newer = application.night(&district, &small().night(1)).await;
    assert_eq!(newer.state(), RunState::Applied);
    let mirror = application.mirror(&district).await;
    let event = Application::upload_event(&Upload {
        bucket: INBOX.into(),
        key,
        etag: put.e_tag().unwrap_or_default().trim_matches('"').into(),
        version: put.version_id().map(str::to_owned),
        at,
        files: Vec::new(),
    });
    application.stack.send(IMPORT, event);
    application.stack.settled().await;

    assert_eq!(application.mirror(&district).await, mirror);
    let runs = application.stack.table().newest(&district, 10).await.expect("the table answers");
    assert_eq!(runs.len(), 2);
    assert!(
        runs.iter()
            .filter(|run| run.run != newer.run.run)
            .all(|run| run.state == RunState::Replaced),
        "{runs:?}"
    );
}

#[tokio::test]
async fn an_upload_for_an_unknown_district_is_refused_with_a_report_and_writes_nothing() {
    let application = Application::start().await;
    let unknown = DistrictId::new("nobody");
    let file = application.file("set.zip");
    small().night(0).write_zip_file(&file).expect("the zip can be written");
    application.stack.upload(&unknown, &file, None).await.expect("the upload arrives");
    application.stack.settled().await;
    assert!(application.failures().is_empty(), "{:?}", application.failures());
    let reports = application
        .stack
        .bucket(INTERNAL)
        .list("refused/nobody/")
        .await
        .expect("the bucket answers");
    assert_eq!(reports.len(), 1);
    let report = application
        .stack
        .bucket(INTERNAL)
        .get(&reports[0].object.key)
        .await
        .expect("the bucket answers")
        .expect("a report");
    let report = String::from_utf8(report).expect("text");
    assert!(report.contains("district_unknown"), "{report}");
    assert!(
        application.stack.table().newest(&unknown, 10).await.expect("the table answers").is_empty()
    );
    assert!(application.mirror(&unknown).await.is_empty());
}

#[tokio::test]
async fn notifications_that_are_not_uploads_are_skipped() {
    let application = Application::start().await;
    let district = application.district("brook", settings()).await;
    for key in [
        "uploads/brook/readme.zip.txt",
        "uploads/brook/set/users.csv",
        "uploads/../brook/x.zip",
        "elsewhere/brook/x.zip",
    ] {
        let put = application
            .stack
            .s3()
            .put_object()
            .bucket(INBOX)
            .key(key)
            .body(b"nothing".to_vec().into());
        // S3 may reject a key with `..`; then there is nothing to skip.
        let _ = put.send().await;
    }
    let test =
        std::fs::read_to_string(e2e::sample("s3-test-event.json")).expect("the sample event");
    let answer = application
        .stack
        .invoke(IMPORT, serde_json::from_str(&test).expect("JSON"))
        .await
        .expect("the function exists");
    assert!(!answer.failed, "{answer:?}");
    application.stack.settled().await;
    assert!(
        application
            .stack
            .table()
            .newest(&district, 10)
            .await
            .expect("the table answers")
            .is_empty()
    );
    assert!(application.failures().is_empty(), "{:?}", application.failures());
}
