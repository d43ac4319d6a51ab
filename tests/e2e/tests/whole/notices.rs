//! A notice that a district shares data, at the real door: the real keys, table and schedules.

use axum::http::Method;
use e2e::{Application, sample};
use serde_json::{Value, json};
use stack::{Api, WEBHOOK, WEBHOOK_KEYS, WEBHOOK_SCHEDULE_GROUP};

pub(crate) const KEY: &str = "an invented key of this year, 89abcdef";
const DISTRICT: &str = "58da8a43cc70ab00017a1a87";

/// Knocks at the door with a notice that is signed now.
pub(crate) async fn knock(application: &Application, key: &str, body: &str) -> u16 {
    application.stack.send_webhook_event(key, body).await.expect("the door answers").status
}

#[tokio::test]
async fn a_signed_notice_is_looked_into_once_and_an_unsigned_one_never() {
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
        knock(&application, KEY, &body).await,
        503,
        "nobody is believed before there is a key"
    );
    stack.put_secret(WEBHOOK_KEYS, &json!({ "current": KEY }).to_string());
    let door = Api::new(&stack.endpoints().webhook, None);
    assert_eq!(door.send(Method::POST, "/", &[], body.clone().into()).await.unwrap().status, 401);
    assert_eq!(knock(&application, "some other key, invented as well 0123456", &body).await, 401);
    assert!(scheduled().await.is_empty());
    assert_eq!(knock(&application, KEY, &body).await, 202);
    assert_eq!(scheduled().await, [format!("clever-notice-{DISTRICT}")]);

    let name = format!("clever-notice-{DISTRICT}");
    let asked = stack
        .scheduler()
        .get_schedule()
        .name(name)
        .group_name(WEBHOOK_SCHEDULE_GROUP)
        .send()
        .await
        .unwrap();
    let asked: Value = serde_json::from_str(asked.target().unwrap().input().unwrap()).unwrap();
    assert_eq!(
        asked,
        serde_json::from_str::<Value>(&std::fs::read_to_string(sample("confirm.json")).unwrap())
            .unwrap()
    );
    let due = stack.next_schedule().unwrap();
    stack.run_until(due).await;
    assert!(scheduled().await.is_empty(), "it is gone when it has asked");
    assert_eq!(
        application.told(),
        [],
        "a notice that the token list does not confirm is told to nobody"
    );
    let log = stack.log(WEBHOOK);
    assert!(
        log.contains(DISTRICT) && !log.contains(KEY) && !log.contains("district.shared"),
        "{log}"
    );
}
