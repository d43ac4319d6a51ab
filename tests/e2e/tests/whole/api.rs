//! Tests of roster-api, invoked as AWS invokes it, and its calls to the table.

use std::collections::BTreeMap;

use districts::{District, Size};
use e2e::{Application, sample};
use roster::records::RecordKind;
use roster::settings::Settings;
use serde_json::{Value, json};
use stack::{API, Claims, DynamoFaults, StackConfig};

#[tokio::test]
async fn the_sample_event_gets_an_http_api_response() {
    let application = Application::start().await;
    application.district("oakfield", Settings::of_preset("clever")).await;
    let event = std::fs::read_to_string(sample("api-request.json")).expect("the sample event");
    let mut event: Value = serde_json::from_str(&event).expect("JSON");
    // The request is about the whole district, which requires a token without schools.
    let claims =
        event["requestContext"]["authorizer"]["jwt"]["claims"].as_object_mut().expect("claims");
    claims.remove("schools");
    let answer = application.stack.invoke(API, event).await.expect("the function exists");
    assert!(!answer.failed, "{}", answer.payload);
    assert_eq!(
        (&answer.payload["statusCode"], &answer.payload["headers"]["content-type"]),
        (&json!(200), &json!("application/json"))
    );
    let body: Value =
        serde_json::from_str(answer.payload["body"].as_str().expect("text")).expect("JSON");
    assert_eq!((&body["district"], &body["status"]), (&json!("oakfield"), &json!("live")));
}

#[tokio::test]
async fn reading_an_effective_roster_takes_one_query() {
    let config = StackConfig { faults: Some(DynamoFaults::none()), ..StackConfig::default() };
    let application = Application::with(config).await;
    let district = application.district("brook", Settings::of_preset("clever")).await;
    application.night(&district, &District::new(Size::students(120)).seed(7).night(0)).await;
    let mirror = application.mirror(&district).await;
    let key = |value: &Value| value.as_str().expect("a key").to_owned();
    let class = mirror.iter().find(|((kind, _), record)| {
        *kind == RecordKind::Class
            && !record["state"]["teachers"].as_array().expect("a list").is_empty()
    });
    let ((_, class), record) = class.expect("a class with a teacher");
    let (school, teacher) =
        (key(&record["state"]["details"]["school"]), key(&record["state"]["teachers"][0]));
    let leader = application
        .stack
        .api(&Claims::new("school_leader", "brook").school(&school))
        .expect("a token");
    // Add an edit to the class. The same query must return it.
    let renamed = leader
        .call(
            "PUT".parse().expect("a method"),
            &format!("/v1/districts/brook/classes/{class}/custom-name"),
            &[],
            Some(&json!({ "name": "Quill" })),
        )
        .await
        .expect("the API answers");
    assert!(renamed.is_ok(), "{}", renamed.text());

    let before = application.stack.table_calls();
    let shown =
        leader.get(&format!("/v1/districts/brook/classes/{class}")).await.expect("the API answers");
    let after = application.stack.table_calls();
    assert_eq!(shown.json()["name"], "Quill", "{}", shown.text());
    assert_eq!(shown.json()["teachers"][0]["key"], json!(teacher));
    let made: BTreeMap<&str, u64> = after
        .iter()
        .map(|(operation, count)| {
            (operation.as_str(), count - before.get(operation).copied().unwrap_or(0))
        })
        .filter(|(_, count)| *count > 0)
        .collect();
    // One query reads the roster. The other reads whether the primary teacher has ever signed in
    // (R-T6).
    assert_eq!(made, [("Query", 2)].into());
}
