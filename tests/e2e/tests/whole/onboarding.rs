//! Onboarding of a district, and pause, resume and pull of its sync (R-O2, R-O4, R-O5), through the
//! real API, functions and table.

use axum::http::Method;
use districts::{District, File, Night as Set, Size};
use e2e::{Application, Night};
use jiff::SignedDuration;
use mirror::keys;
use mirror::ports::districts::Districts;
use mirror::ports::runs::Runs;
use roster::id::DistrictId;
use roster::records::RecordKind;
use roster::run::RunState;
use roster::settings::{Clever, DistrictStatus, Settings};
use serde_json::{Value, json};
use simulators::clever::id;
use stack::{Api, Claims, PULL, SCHEDULE_GROUP};

/// API client of a district with a role.
struct DistrictApi {
    api: Api,
    district: String,
}

impl DistrictApi {
    fn of(application: &Application, role: &str, district: &DistrictId) -> Self {
        let api = application
            .stack
            .api(&Claims::new(role, district.as_str()).subject("kim"))
            .expect("a token");
        Self { api, district: district.to_string() }
    }

    async fn send(&self, method: Method, below: &str, body: Value) -> (u16, Value) {
        let path = format!("/v1/districts/{}{below}", self.district);
        let body = Some(&body).filter(|_| method != Method::GET);
        let reply = self.api.call(method, &path, &[], body).await.expect("the API answers");
        (reply.status, reply.json())
    }

    async fn get(&self, below: &str) -> Value {
        let (status, body) = self.send(Method::GET, below, Value::Null).await;
        assert_eq!(status, 200, "{below}: {body}");
        body
    }

    async fn post(&self, below: &str) -> (u16, Value) {
        self.send(Method::POST, below, json!({ "reason": "agreed with the district" })).await
    }

    async fn status(&self) -> Value {
        self.get("").await["status"].clone()
    }
}

/// Returns the number of students of a set and the number of those with a value in a column. Reads
/// the files without product code.
fn students(set: &Set, column: &str) -> (u64, u64) {
    let columns = set.columns(File::Users);
    let at = |name: &str| {
        columns
            .iter()
            .position(|column| column == name)
            .unwrap_or_else(|| panic!("no column {name}"))
    };
    let (role, wanted) = (at("role"), at(column));
    let (mut all, mut known) = (0, 0);
    let mut rows = set.rows(File::Users);
    while let Some(row) = rows.next_row() {
        if &row[role] == "student" {
            all += 1;
            known += u64::from(!row[wanted].trim().is_empty());
        }
    }
    (all, known)
}

/// Returns the share of a field in a review: records with a value, and all records.
fn share(review: &Value, kind: &str, field: &str) -> (u64, u64) {
    let all = review["fields"].as_array().expect("a list of fields");
    let share = all.iter().find(|share| share["kind"] == kind && share["field"] == field);
    let share = share.unwrap_or_else(|| panic!("no {field} of {kind}: {review}"));
    (share["has"].as_u64().expect("a number"), share["of"].as_u64().expect("a number"))
}

#[tokio::test]
async fn r_o2_the_first_upload_is_reviewed_like_a_first_pull() {
    let application = Application::start().await;
    let (oak, set) =
        (DistrictId::new("oak"), District::new(Size::students(400)).seed(11).metadata(true));
    let (operator, leader) = (
        DistrictApi::of(&application, "operator", &oak),
        DistrictApi::of(&application, "district_leader", &oak),
    );
    let settings = json!({
        "preset": "clever", "time_zone": "America/Chicago", "source": { "metadata": { "state_id": "metadata.stateId" } },
    });
    assert_eq!(operator.send(Method::POST, "", settings).await.0, 201);
    assert_eq!(
        operator
            .send(Method::POST, "/sync", json!({ "sync": "on", "reason": "the contract begins" }))
            .await
            .0,
        200
    );
    assert_eq!(operator.status().await, "in_review");

    let first = application.night(&oak, &set.night(0)).await;
    assert_eq!(first.state(), RunState::Held, "the first run is held: {:?}", first.report.holds);
    let below = format!("/runs/{}/review", first.run.run);
    let review = leader.get(&below).await;
    assert_eq!((&review["waits"], &review["district_status"]), (&json!(true), &json!("in_review")));

    // Counts by kind and by school.
    assert_eq!(review["counts"]["student"]["added"], 400);
    let schools = review["schools"].as_array().unwrap();
    assert_eq!(schools.len() as u64, review["counts"]["school"]["in_source"].as_u64().unwrap());
    assert!(schools.iter().all(|school| school["name"].is_string()), "{schools:?}");
    let sum = |kind: &str| {
        schools
            .iter()
            .filter_map(|school| school["counts"][kind]["in_source"].as_u64())
            .sum::<u64>()
    };
    for kind in ["class", "enrollment"] {
        assert_eq!(
            sum(kind),
            review["counts"][kind]["in_source"].as_u64().unwrap(),
            "each {kind} has one school"
        );
    }
    assert!(sum("student") >= 400);

    // The share of each field, compared with the files.
    let night = set.night(0);
    for (field, column) in [
        ("email", "email"),
        ("student_number", "identifier"),
        ("state_id", "metadata.stateId"),
        ("grade", "grades"),
    ] {
        let (all, known) = students(&night, column);
        assert_eq!(share(&review, "student", field), (known, all), "{field}");
    }
    for field in ["schools", "sis_id", "school", "district", "name"] {
        assert_eq!(share(&review, "student", field), (400, 400), "{field}");
    }
    assert_eq!(
        review["fields"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|share| share["kind"] == "student")
            .count(),
        15
    );

    // A few samples of each kind, all from the files. The report and the outcome store no names.
    let samples = &review["samples"]["student"];
    assert_eq!(samples.as_array().unwrap().len(), 8);
    let family = samples[0]["family"].as_str().unwrap().to_owned();
    for key in [keys::report(&oak, &first.run.run), keys::outcome(&oak, &first.run.run)] {
        let stored =
            std::fs::read_to_string(application.stack.object_file(stack::INTERNAL, &key)).unwrap();
        assert!(stored.contains("student") && !stored.contains(&format!("\"{family}\"")), "{key}");
    }

    // Approval makes the district live; the next night needs no review.
    let plan = first.run.plan.as_ref().map(|plan| plan.hash.as_str());
    let decision = json!({ "decision": "approve", "plan": plan, "reason": "seen together" });
    assert_eq!(
        operator.send(Method::POST, &format!("/runs/{}/decision", first.run.run), decision).await.0,
        202
    );
    application.stack.settled().await;
    assert_eq!(operator.status().await, "live");
    assert_eq!(application.keys(&oak, RecordKind::Student, "active").await.len(), 400);
    let next = application.night(&oak, &set.night(1)).await;
    assert_eq!(next.state(), RunState::Applied, "{:?}", next.report.holds);
    let later = leader.get(&format!("/runs/{}/review", next.run.run)).await;
    assert_eq!((&later["waits"], &later["district_status"]), (&json!(false), &json!("live")));
    assert!(application.failures().is_empty(), "{:?}", application.failures());
}

/// Returns the newest run of a district, which has ended or waits for a person.
async fn newest(application: &Application, district: &DistrictId) -> Night {
    let stack = &application.stack;
    let run =
        stack.table().newest(district, 1).await.expect("the table answers").pop().expect("a run");
    let report = stack.report(district, &run.run).await.expect("the report can be read");
    Night {
        report: report
            .unwrap_or_else(|| panic!("no report; failures: {:?}", application.failures())),
        run,
    }
}

/// Creates a live district at Clever with its first night in the mirror, from last night.
async fn at_clever(application: &Application, set: &District) -> DistrictId {
    let (stack, source) = (&application.stack, id("district", "oak"));
    stack.clever().connect(&source, &set.night(0));
    let mut settings = Settings::of_preset("clever");
    settings.time_zone = "America/New_York".into();
    settings.source.clever =
        Some(Clever { api: stack.endpoints().clever.clone(), ..Clever::of(source.as_str()) });
    let district = application.district(&source, settings).await;
    let night = stack.clock().now() - SignedDuration::from_hours(6);
    stack
        .invoke(PULL, json!({ "district": district, "at": night }))
        .await
        .expect("the function exists");
    stack.settled().await;
    assert_eq!(
        newest(application, &district).await.state(),
        RunState::Applied,
        "{:?}",
        application.failures()
    );
    district
}

/// Requests a pull through the API and waits for the end of the run that the response names.
async fn pull_now(application: &Application, district: &DistrictId) -> Night {
    let (status, response) = DistrictApi::of(application, "operator", district).post("/runs").await;
    assert_eq!(status, 202, "{response}");
    application
        .stack
        .run_until(application.stack.clock().now() + SignedDuration::from_mins(1))
        .await;
    let night = newest(application, district).await;
    assert_eq!(response["run"], night.run.run.as_str(), "{:?}", application.failures());
    night
}

/// Returns whether the district has a nightly schedule after the hourly discovery.
async fn scheduled(application: &Application, district: &DistrictId) -> bool {
    application.stack.invoke(PULL, json!({ "look": "clever" })).await.expect("the function exists");
    let name = format!("nightly-{district}");
    application
        .stack
        .scheduler()
        .get_schedule()
        .group_name(SCHEDULE_GROUP)
        .name(name)
        .send()
        .await
        .is_ok()
}

#[tokio::test]
async fn r_o4_a_district_is_pulled_now_paused_and_resumed() {
    let application = Application::start().await;
    let set = District::new(Size::students(120)).seed(5).churn(4.0);
    let oak = at_clever(&application, &set).await;
    let (stack, operator) = (&application.stack, DistrictApi::of(&application, "operator", &oak));
    assert!(scheduled(&application, &oak).await);
    assert_eq!(application.keys(&oak, RecordKind::Student, "active").await.len(), 120);

    // Paused: no schedule, and a pull that starts anyway is skipped and logged.
    assert_eq!(operator.post("/pause").await, (200, json!({ "status": "paused" })));
    assert_eq!(operator.post("/runs").await.0, 409);
    stack.clever().sync(oak.as_str(), &set.night(1));
    let before = (application.mirror(&oak).await, stack.table().newest(&oak, 9).await.unwrap());
    let late = stack
        .invoke(PULL, json!({ "district": oak, "at": stack.clock().now() }))
        .await
        .expect("the function exists");
    assert_eq!(late.payload, json!({ "pull": "skipped" }));
    assert!(stack.log(PULL).contains("the district is not pulled"), "the log reports it");
    assert!(!scheduled(&application, &oak).await, "the discovery deletes the schedule");
    assert!(
        before == (application.mirror(&oak).await, stack.table().newest(&oak, 9).await.unwrap())
    );

    // Resumed: live immediately, without a review, and scheduled again.
    assert_eq!(operator.post("/resume").await, (200, json!({ "status": "live", "missed": null })));
    assert!(scheduled(&application, &oak).await);
    let next = pull_now(&application, &oak).await;
    assert_eq!(next.state(), RunState::Applied, "{:?}", next.report.holds);
    assert!(next.counts("student").added + next.counts("student").removed > 0);
    assert!(application.failures().is_empty(), "{:?}", application.failures());
}

#[tokio::test]
async fn r_o5_a_sync_that_was_off_allows_all_edits_and_is_reviewed_when_switched_on() {
    let application = Application::start().await;
    let set = District::new(Size::students(120)).seed(5);
    let oak = at_clever(&application, &set).await;
    let (stack, operator) = (&application.stack, DistrictApi::of(&application, "operator", &oak));
    let switch = async |to: &str| {
        operator.send(Method::POST, "/sync", json!({ "sync": to, "reason": "agreed" })).await.0
    };
    assert_eq!(switch("off").await, 200);
    assert!(!scheduled(&application, &oak).await);
    let before = application.mirror(&oak).await;

    // Data of the source can now be edited.
    let support = DistrictApi::of(&application, "support", &oak);
    let of = |kind: RecordKind| {
        before.iter().find(|((of, _), record)| *of == kind && record["status"] == "active").unwrap()
    };
    let ((_, student), _) = of(RecordKind::Student);
    let ((_, class), record) = of(RecordKind::Class);
    let (school, enrolled) = (
        record["state"]["details"]["school"].clone(),
        record["state"]["students"][0].as_str().unwrap(),
    );
    for (method, below, body) in [
        (
            Method::PUT,
            format!("/people/student/{student}/name"),
            json!({ "given": "Robin", "family": "Vale" }),
        ),
        (
            Method::PUT,
            format!("/people/student/{student}/contact"),
            json!({ "email": "robin.vale@example.org" }),
        ),
        (Method::DELETE, format!("/classes/{class}/students/{enrolled}"), json!({})),
        (Method::PUT, format!("/classes/{class}/custom-name"), json!({ "name": "Owls" })),
        (
            Method::POST,
            "/people/student".into(),
            json!({ "given": "Kit", "family": "Fern", "school": school }),
        ),
        (
            Method::POST,
            format!("/classes/{class}/teachers"),
            json!({ "given": "Jo", "family": "Elm", "email": "jo@example.org" }),
        ),
    ] {
        let (status, reply) = support.send(method, &below, body).await;
        assert!((200..300).contains(&status), "{below}: {reply}");
    }

    // Switched on again: the first run is held, although nothing changed at Clever, and its review
    // shows the edits that it would revert.
    assert_eq!(switch("on").await, 200);
    assert_eq!(operator.status().await, "in_review");
    let again = pull_now(&application, &oak).await;
    assert_eq!(again.state(), RunState::Held);
    let review = operator.get(&format!("/runs/{}/review", again.run.run)).await;
    assert_eq!(
        (&review["waits"], &review["counts"]["student"]["unchanged"]),
        (&json!(true), &json!(120))
    );
    assert!(
        review["changes"].as_u64().unwrap() > 0,
        "edits that no rule keeps are reverted: {review}"
    );
    assert_eq!(application.decide(&again, "approve").await.state(), RunState::Applied);
    assert_eq!(stack.table().district(&oak).await.unwrap().unwrap().status, DistrictStatus::Live);
    assert!(application.failures().is_empty(), "{:?}", application.failures());
}
