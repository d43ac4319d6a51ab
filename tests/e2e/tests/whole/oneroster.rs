//! Districts at a OneRoster server and at ClassLink, from their discovery to their mirror: the real
//! pull, plan and decision. The servers are the simulator.

use axum::http::Method;
use districts::{District, File, Night as Data, Size, Version};
use e2e::{Application, Night};
use jiff::Timestamp;
use mirror::ports::districts::Districts;
use mirror::ports::runs::Runs;
use roster::id::DistrictId;
use roster::records::RecordKind;
use roster::run::RunState;
use roster::settings::{DistrictStatus, OneRoster, OneRosterVersion, Settings, SignIn};
use serde_json::json;
use simulators::oneroster::Authentication;
use sources::oneroster_rest::memory::Fault;
use stack::{Claims, PULL, SCHEDULE_GROUP};

const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

/// Starts a pull as the schedule of the district does, and waits for the end of its run.
async fn pull(application: &Application, district: &DistrictId, at: Timestamp) -> Night {
    let stack = &application.stack;
    stack
        .invoke(PULL, json!({ "district": district, "at": at }))
        .await
        .expect("the function exists");
    // Retries wait for the server for several minutes.
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

/// Returns the source ids of all students.
fn students(night: &Data) -> Vec<String> {
    let mut all = Vec::new();
    night.objects(File::Users, |id, user| {
        let is_student = user["role"] == "student"
            || user["roles"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one["role"] == "student"));
        if is_student {
            all.push(id.to_owned());
        }
    });
    all.sort();
    all
}

#[tokio::test]
async fn r_o1_r_o2_a_district_at_classlink_is_discovered_configured_reviewed_and_pulled() {
    let application = Application::start().await;
    let (stack, servers) = (&application.stack, application.stack.oneroster());
    let set = District::new(Size::students(120)).seed(5).churn(4.0);
    servers.add_application(4711, &set.night(0), false);
    let district = DistrictId::new("classlink-4711");
    let discovery = json!({ "look": "all" });
    stack.invoke(PULL, discovery.clone()).await.expect("the function exists");
    assert!(
        stack.table().district(&district).await.unwrap().is_none(),
        "the district added the application but did not enable it"
    );
    servers.enable(4711, true);
    stack.invoke(PULL, discovery.clone()).await.expect("the function exists");
    let notified = stack.table().district(&district).await.unwrap().expect("the district exists");
    assert_eq!(notified.status, DistrictStatus::Notified);

    // The operator configures the district and switches its sync on.
    let api = stack.api(&Claims::new("operator", district.as_str())).unwrap();
    let path = |rest: &str| format!("/v1/districts/{district}{rest}");
    let seen = api.call(Method::GET, &path("/settings"), &[], None).await.unwrap();
    let mut settings = seen.json();
    settings["time_zone"] = json!("America/Chicago");
    settings["source"]["classlink"]["page_size"] = json!(100);
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
    assert_eq!(application.decide(&first, "approve").await.state(), RunState::Applied);
    let source = students(&set.night(0));
    let here = application.keys(&district, RecordKind::Student, "active").await;
    assert!(
        !here.is_empty() && here.iter().all(|key| source.contains(key)),
        "every student in the mirror is at the source"
    );
    assert_eq!(pull(&application, &district, now + HOUR).await.state(), RunState::Unchanged);

    // Data of the next night, with a new token.
    servers.sync("T4711G0%3D", &set.night(1), stack.clock().now());
    servers.behave("T4711G0%3D", |ways| ways.revision = Some("2".into()));
    servers.rotate(4711);
    let next = pull(&application, &district, now + HOUR * 24).await;
    assert_eq!(next.state(), RunState::Applied, "{:?}", next.report.holds);
    let before = application.mirror(&district).await;

    // Reduced permissions appear as a mass removal: the run is held and nothing is lost.
    servers.sync("T4711G0%3D", &set.night(1).without_students(30.0), stack.clock().now());
    let reduced = pull(&application, &district, now + HOUR * 48).await;
    assert_eq!(
        (reduced.state(), application.mirror(&district).await == before),
        (RunState::Held, true)
    );

    // The application is withdrawn: the run is refused and nothing is lost. Discovery keeps its
    // schedule.
    servers.withdraw(4711);
    let gone = pull(&application, &district, now + HOUR * 72).await;
    assert_eq!(
        (gone.state(), application.mirror(&district).await == before),
        (RunState::Refused, true)
    );
    stack.invoke(PULL, discovery).await.expect("the function exists");
    let nightly = stack
        .scheduler()
        .get_schedule()
        .group_name(SCHEDULE_GROUP)
        .name(format!("nightly-{district}"))
        .send()
        .await
        .unwrap();
    assert_eq!(nightly.schedule_expression_timezone(), Some("America/Chicago"));
    assert!(application.failures().is_empty(), "{:?}", application.failures());
}

#[tokio::test]
async fn r_m1_a_oneroster_pull_survives_expired_tokens_and_temporary_faults() {
    let application = Application::start().await;
    let (stack, servers) = (&application.stack, application.stack.oneroster());
    let set = District::new(Size::students(120)).version(Version::V1_2).seed(9).churn(4.0);
    let district = DistrictId::new("elm");
    let (client, secret) = ("rollbook", "open sesame");
    // The server accepts a token for ten requests only, although it reports a lifetime of one hour,
    // so the token expires during every pull.
    servers.share(
        "elm",
        &set.night(0),
        Authentication::Oauth2 { client: client.into(), secret: secret.into(), uses: 10 },
    );
    stack.put_secret(
        "rollbook-token-elm",
        &json!({ "client_id": client, "client_secret": secret }).to_string(),
    );
    let mut settings = Settings::of_preset("ats-stars");
    settings.time_zone = "America/New_York".into();
    settings.source.oneroster = Some(OneRoster {
        version: OneRosterVersion::V1p2,
        sign_in: SignIn::Oauth2,
        token_url: Some(servers.token_url("elm")),
        page_size: 50,
        ..OneRoster::at(servers.address("elm"), "rollbook-token-elm")
    });
    let _ = stack.table().create(&district, &settings, DistrictStatus::Live).await.unwrap();
    let now = stack.clock().now();
    let first = pull(&application, &district, now).await;
    assert_eq!(first.state(), RunState::Applied, "{:?}", first.report);
    assert_eq!(
        application.keys(&district, RecordKind::Student, "active").await,
        students(&set.night(0))
    );
    assert!(servers.requests().iter().filter(|path| path.ends_with("/oauth/token")).count() > 2);

    servers.sync("elm", &set.night(1), stack.clock().now());
    servers.fault("elm", "users", 1, 2, Fault::Answer(502, "<html>".into()));
    servers.fault("elm", "enrollments", 2, 1, Fault::Truncated);
    servers.fault("elm", "classes", 0, 1, Fault::TooMany(1));
    let next = pull(&application, &district, now + HOUR * 24).await;
    assert_eq!(next.state(), RunState::Applied, "{:?}", next.report);
    assert_eq!(
        application.keys(&district, RecordKind::Student, "active").await,
        students(&set.night(1))
    );
    let before = application.mirror(&district).await;

    servers.fault("elm", "users", 0, 1000, Fault::Answer(503, String::new()));
    let down = pull(&application, &district, now + HOUR * 48).await;
    assert_eq!(
        (down.state(), application.mirror(&district).await == before),
        (RunState::Refused, true)
    );
    assert!(application.failures().is_empty(), "{:?}", application.failures());
}
