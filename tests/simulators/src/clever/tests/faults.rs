//! Every fault.

use super::*;

#[tokio::test]
async fn every_fault_can_be_switched_on() {
    let world = world(&nights(100).night(0)).await;
    let fault = |fault| world.clever.fault("/v3.1/users", 0, 1, fault);
    let token = format!("Bearer {}", world.clever.token(&world.oak).unwrap());
    let users = async || world.get("/v3.1/users?limit=60").await;

    for (what, status, body) in [
        (Fault::Status(500), 500, json!({ "message": "something went wrong" })),
        (Fault::OldStatus(503), 503, json!({ "error": "something went wrong" })),
        (Fault::Html(502), 502, Value::Null),
    ] {
        fault(what);
        let reply = users().await;
        assert_eq!((reply.status, reply.body), (status, body), "{what:?}");
        assert_eq!(users().await.status, 200, "once");
    }
    fault(Fault::RetryAfter(7));
    let reply = users().await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, 7));

    let begun = Instant::now();
    fault(Fault::Slow(Duration::from_millis(200)));
    assert!(users().await.status == 200 && begun.elapsed() >= Duration::from_millis(200));

    fault(Fault::Reset);
    assert!(world.raw("/v3.1/users?limit=60", &token).await.is_err(), "the body breaks off");
    fault(Fault::Truncated);
    let (status, _, body) = world.raw("/v3.1/users?limit=60", &token).await.unwrap();
    assert!(
        status == 200 && body.starts_with(b"{") && serde_json::from_slice::<Value>(&body).is_err()
    );

    fault(Fault::ForeignLink);
    assert!(
        users().await.link("next").unwrap().starts_with("https://clever.example.net/v3.1/users?")
    );
    let next = users().await.link("next").unwrap();
    fault(Fault::Loop);
    assert_eq!(world.get(&next).await.link("next").unwrap(), next, "the page leads to itself");
    fault(Fault::Loop);
    let first = users().await;
    assert!(
        first.link("next").unwrap().ends_with(ids(&first.objects())[0]),
        "the first page leads into its middle"
    );
    fault(Fault::EmptyPage);
    let empty = users().await;
    assert!(empty.objects().is_empty() && empty.link("next").is_some());
    assert_eq!(
        world.clever.requests().iter().filter(|path| path.starts_with("/v3.1/users")).count(),
        15
    );
}

#[tokio::test]
async fn the_token_list_can_fail() {
    let world = world(&nights(50).night(0)).await;
    world.clever.fault("/oauth/tokens", 0, 2, Fault::Html(503));
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(world.tokens("?owner_type=district").await.status);
    }
    assert_eq!(answers, [503, 503, 200]);
}
