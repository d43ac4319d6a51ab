//! Webhook events about a district that shares data, at the real endpoint with the real keys, table
//! and schedules.

use axum::http::Method;
use e2e::{Application, sample};
use serde_json::{Value, json};
use stack::{Api, WEBHOOK, WEBHOOK_KEYS, WEBHOOK_SCHEDULE_GROUP};

pub(crate) const KEY: &str = "an invented key of this year, 89abcdef";
const DISTRICT: &str = "58da8a43cc70ab00017a1a87";

/// Sends a webhook event that is signed now and returns the status of the response.
pub(crate) async fn send_event(application: &Application, key: &str, body: &str) -> u16 {
    application.stack.send_webhook_event(key, body).await.expect("the endpoint answers").status
}

#[tokio::test]
async fn a_signed_event_is_checked_once_and_an_unsigned_event_is_rejected() {
    let application = Application::start().await;
    let (stack, body) = (
        &application.stack,
        json!({ "type": "district.shared", "district": DISTRICT }).to_string(),
    );
    let scheduled = async || {
        let all = stack
            .scheduler()
            .list_schedules()
            .group_name(WEBHOOK_SCHEDULE_GROUP)
            .send()
            .await
            .unwrap();
        all.schedules().iter().filter_map(|one| one.name().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(
        send_event(&application, KEY, &body).await,
        503,
        "no event is accepted without a key"
    );
    stack.put_secret(WEBHOOK_KEYS, &json!({ "current": KEY }).to_string());
    let endpoint = Api::new(&stack.endpoints().webhook, None);
    assert_eq!(
        endpoint.send(Method::POST, "/", &[], body.clone().into()).await.unwrap().status,
        401
    );
    assert_eq!(
        send_event(&application, "some other key, invented as well 0123456", &body).await,
        401
    );
    assert!(scheduled().await.is_empty());
    assert_eq!(send_event(&application, KEY, &body).await, 202);
    assert_eq!(scheduled().await, [format!("clever-notice-{DISTRICT}")]);

    let name = format!("clever-notice-{DISTRICT}");
    let scheduled_request = stack
        .scheduler()
        .get_schedule()
        .name(name)
        .group_name(WEBHOOK_SCHEDULE_GROUP)
        .send()
        .await
        .unwrap();
    let scheduled_request: Value =
        serde_json::from_str(scheduled_request.target().unwrap().input().unwrap()).unwrap();
    assert_eq!(
        scheduled_request,
        serde_json::from_str::<Value>(&std::fs::read_to_string(sample("confirm.json")).unwrap())
            .unwrap()
    );
    let due = stack.next_schedule().unwrap();
    stack.run_until(due).await;
    assert!(scheduled().await.is_empty(), "the schedule is deleted after it ran");
    assert_eq!(
        application.notifications(),
        [],
        "an event that the token list does not confirm is not reported"
    );
    let log = stack.log(WEBHOOK);
    assert!(
        log.contains(DISTRICT) && !log.contains(KEY) && !log.contains("district.shared"),
        "{log}"
    );
}
