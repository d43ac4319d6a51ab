//! A district at Clever, from the webhook event to the mirror: the real webhook endpoint, pull,
//! plan and decision. Clever is the simulator.

use axum::http::Method;
use districts::{District, Size};
use e2e::{Application, Night};
use jiff::Timestamp;
use mirror::ports::districts::Districts;
use mirror::ports::runs::Runs;
use roster::id::DistrictId;
use roster::records::RecordKind;
use roster::run::RunState;
use roster::settings::DistrictStatus;
use serde_json::json;
use simulators::clever::{Fault, List, Sharing, id};
use stack::{Claims, PULL, SCHEDULE_GROUP, WEBHOOK_KEYS};

use crate::notices::{KEY, send_event};

const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

/// Starts a pull as the schedule of the district does, and waits for the end of its run.
async fn pull(application: &Application, district: &DistrictId, at: Timestamp) -> Night {
    let stack = &application.stack;
    stack
        .invoke(PULL, json!({ "district": district, "at": at }))
        .await
        .expect("the function exists");
    // Retries wait for Clever for several minutes.
    stack.run_until(stack.clock().now() + HOUR).await;
    let run =
        stack.table().newest(district, 1).await.expect("the table answers").pop().expect("a run");
    let report = stack.report(district, &run.run).await.expect("the report can be read");
    Night {
        report: report
            .unwrap_or_else(|| panic!("no report; failures: {:?}", application.failures())),
        run,
    }
}

#[tokio::test]
async fn r_o1_r_o2_a_district_from_a_webhook_event_is_configured_reviewed_and_pulled() {
    let application = Application::start().await;
    let (stack, clever) = (&application.stack, application.stack.clever());
    let (source, set) =
        (id("district", "oak"), District::new(Size::students(120)).seed(5).churn(4.0));
    let district = DistrictId::new(&*source);
    clever.connect(&source, &set.night(0));
    stack.put_secret(WEBHOOK_KEYS, &json!({ "current": KEY }).to_string());

    // A webhook event is only a hint; the token list confirms it.
    assert_eq!(
        send_event(
            &application,
            KEY,
            &json!({ "type": "district.shared", "district": source }).to_string()
        )
        .await,
        202
    );
    stack.run_until(stack.next_schedule().expect("the discovery is scheduled")).await;
    let notified = stack.table().district(&district).await.unwrap().expect("the district exists");
    assert_eq!(notified.status, DistrictStatus::Notified);
    assert!(stack.table().newest(&district, 1).await.unwrap().is_empty(), "nothing is synced yet");
    assert_eq!(
        notifications(&application, &district, None),
        [("District Shares".to_owned(), "notified".to_owned(), false)]
    );

    // The operator configures the district and switches its sync on.
    let api = stack.api(&Claims::new("operator", district.as_str())).unwrap();
    let path = |rest: &str| format!("/v1/districts/{district}{rest}");
    let seen = api.call(Method::GET, &path("/settings"), &[], None).await.unwrap();
    let mut settings = seen.json();
    settings["time_zone"] = json!("America/New_York");
    let version = seen.header("etag").unwrap_or_default().to_owned();
    let put = api
        .call(Method::PUT, &path("/settings"), &[("if-match", version.as_str())], Some(&settings))
        .await
        .unwrap();
    assert!(put.is_ok(), "{} {}", put.status, put.text());
    let on = json!({ "sync": "on", "reason": "the contract begins" });
    assert!(api.call(Method::POST, &path("/sync"), &[], Some(&on)).await.unwrap().is_ok());

    // The first pull is always reviewed.
    let now = stack.clock().now();
    let first = pull(&application, &district, now).await;
    assert_eq!(first.state(), RunState::Held, "{:?}", first.report);
    assert!(application.mirror(&district).await.is_empty());
    assert_eq!(
        notifications(&application, &district, Some(&first)),
        [("Review Waits".to_owned(), "held".to_owned(), false)]
    );
    let review = api.get(&path(&format!("/runs/{}/review", first.run.run))).await.unwrap().json();
    assert_eq!(
        (&review["waits"], &review["source"], &review["counts"]["student"]["added"]),
        (&json!(true), &json!("clever"), &json!(120))
    );
    let known = |field: &str| {
        let all = review["fields"].as_array().unwrap();
        all.iter()
            .find(|share| share["kind"] == "student" && share["field"] == field)
            .map(|share| share["has"].clone())
    };
    for field in ["schools", "sis_id", "school", "district", "name"] {
        assert_eq!(known(field), Some(json!(120)), "{field}: Clever guarantees it");
    }
    let samples = review["samples"]["student"].as_array().unwrap();
    let users = clever.ids(&source, List::Users);
    assert!(
        samples.iter().all(|one| users.iter().any(|id| one["source_id"] == id.as_str())),
        "{samples:?}"
    );
    assert_eq!(application.decide(&first, "approve").await.state(), RunState::Applied);
    assert_eq!(
        stack.table().district(&district).await.unwrap().unwrap().status,
        DistrictStatus::Live
    );
    let students = application.keys(&district, RecordKind::Student, "active").await;
    assert_eq!(students.len(), 120);
    assert!(
        students.iter().all(|key| users.contains(key)),
        "every student in the mirror is at Clever"
    );
    assert_eq!(
        application.keys(&district, RecordKind::School, "active").await,
        sorted(clever.ids(&source, List::Schools))
    );
    assert_eq!(
        application.keys(&district, RecordKind::Class, "active").await,
        sorted(clever.ids(&source, List::Sections))
    );

    // Unchanged data changes nothing, and a repeated command returns the same run.
    let same = pull(&application, &district, now + HOUR).await;
    assert_eq!(same.state(), RunState::Unchanged);
    assert_eq!(pull(&application, &district, now + HOUR).await.run.run, same.run.run);

    // Data of the next night.
    clever.sync(&source, &set.night(1));
    let next = pull(&application, &district, now + HOUR * 24).await;
    assert_eq!(next.state(), RunState::Applied, "{:?}", next.report.holds);
    assert!(next.counts("student").added + next.counts("student").removed > 0);
    let before = application.mirror(&district).await;
    assert_eq!(
        notifications(&application, &district, None),
        [],
        "successful nights cause no notification"
    );

    // Clever is down: operators are notified and nothing is lost.
    clever.fault("/users", 0, 1000, Fault::Status(503));
    let down = pull(&application, &district, now + HOUR * 48).await;
    assert_eq!(
        (down.state(), application.mirror(&district).await == before),
        (RunState::Refused, true),
        "{:?}",
        down.report
    );
    let failed = |status: &str, again| ("Pull Failed".to_owned(), status.to_owned(), again);
    assert_eq!(
        notifications(&application, &district, Some(&down)),
        [failed("importing", true), failed("refused", false)]
    );

    // Sharing is reduced to one school by mistake: the run is held and nothing is lost.
    clever.clear_faults();
    let one = clever.ids(&source, List::Schools).into_iter().take(1).collect();
    clever.share(&source, Sharing::Schools(one));
    let reduced = pull(&application, &district, now + HOUR * 72).await;
    assert_eq!(
        (reduced.state(), application.mirror(&district).await == before),
        (RunState::Held, true)
    );
    assert_eq!(
        notifications(&application, &district, Some(&reduced)),
        [("Run Held".to_owned(), "held".to_owned(), false)]
    );

    // The hourly discovery creates the nightly schedule of the district.
    stack.invoke(PULL, json!({ "look": "clever" })).await.expect("the function exists");
    let nightly = stack
        .scheduler()
        .get_schedule()
        .group_name(SCHEDULE_GROUP)
        .name(format!("nightly-{district}"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (nightly.schedule_expression(), nightly.schedule_expression_timezone()),
        (Some("cron(0 3 * * ? *)"), Some("America/New_York")),
        "not 02:00, which daylight saving time skips once a year"
    );

    // The district disconnects: it is reported only after several discoveries, and nothing is lost.
    clever.disconnect(&source);
    for _ in 0..3 {
        stack.invoke(PULL, json!({ "look": "clever" })).await.expect("the function exists");
    }
    assert_eq!(
        notifications(&application, &district, None),
        [],
        "a single list without the district may be a mistake"
    );
    assert!(application.failures().is_empty(), "{:?}", application.failures());
}

/// Returns the notifications about this district and run since the last call: type, status, and
/// whether the pull is retried.
fn notifications(
    application: &Application,
    district: &DistrictId,
    night: Option<&Night>,
) -> Vec<(String, String, bool)> {
    let run = night.map(|night| night.run.run.as_str());
    let events = application.notifications().into_iter().map(|event| {
        let text = |name: &str| event.detail[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            (event.detail["district"].as_str(), event.detail["run"].as_str()),
            (Some(district.as_str()), run),
            "{event:?}"
        );
        assert!(
            !text("what").is_empty() && !text("next").is_empty() && text("id").len() == 32,
            "{event:?}"
        );
        let status = text("status");
        (event.detail_type, status, !event.detail["tried_again"].is_null())
    });
    events.collect()
}

fn sorted(mut all: Vec<String>) -> Vec<String> {
    all.sort_unstable();
    all
}
