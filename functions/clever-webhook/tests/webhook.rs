//! Webhook events in the format of a function URL: valid ones first, then all kinds of invalid
//! ones.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clever_webhook::{Config, Endpoint, KEYS_CACHED, LONGEST_BODY, Services};
use jiff::Timestamp;
use lambda_http::Body;
use mirror::clock::Clock;
use mirror::ports::secrets::SecretCache;
use mirror::testing::failing::{Cue, Failing};
use mirror::testing::memory::{MemorySchedules, MemorySecrets, MemoryTable};
use serde_json::{Value, json};

const NOW: i64 = 1_788_228_184;
const OLD: &str = "an invented key of last year, 01234567";
const NEW: &str = "an invented key of this year, 89abcdef";
const DISTRICT: &str = "58da8a43cc70ab00017a1a87";
/// A district that has never connected.
const STRANGER: &str = "0123456789abcdef01234567";

/// A request under construction: the sample event, with other headers and another body.
#[derive(Clone)]
struct WebhookEvent {
    event: Value,
}

impl WebhookEvent {
    /// A valid event with the current time.
    fn new(key: &str, body: &str) -> Self {
        Self::at(NOW, key, body.as_bytes())
    }

    /// An event that is signed at a given second.
    fn at(second: i64, key: &str, body: &[u8]) -> Self {
        let second = second.to_string();
        let signature = hex::encode(sign(key, &[second.as_bytes(), b".", body]));
        Self::unsigned(body)
            .with("x-rollbook-timestamp", &second)
            .with("x-rollbook-signature", &signature)
    }

    /// An event without a signature.
    fn unsigned(body: &[u8]) -> Self {
        let mut event: Value =
            serde_json::from_str(include_str!("../../../events/clever-notice.json")).unwrap();
        let text = std::str::from_utf8(body);
        event["body"] = text.map_or_else(|_| STANDARD.encode(body), str::to_owned).into();
        event["isBase64Encoded"] = text.is_err().into();
        for name in ["x-rollbook-timestamp", "x-rollbook-signature"] {
            event["headers"].as_object_mut().unwrap().remove(name);
        }
        Self { event }
    }

    fn with(mut self, header: &str, value: &str) -> Self {
        self.event["headers"][header] = json!(value);
        self
    }

    fn without(mut self, header: &str) -> Self {
        self.event["headers"].as_object_mut().unwrap().remove(header);
        self
    }

    fn header(&self, header: &str) -> &str {
        self.event["headers"][header].as_str().unwrap()
    }
}

fn sign(key: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()));
    parts.iter().for_each(|part| mac.update(part));
    mac.sign().as_ref().to_vec()
}

fn about(district: &str) -> String {
    json!({ "type": "district.shared", "district": district }).to_string()
}

/// Services in memory, which fail on a [`Cue`].
struct InMemory;

impl Services for InMemory {
    type Secrets = Failing<MemorySecrets>;
    type Events = Failing<MemoryTable>;
    type Schedules = Failing<MemorySchedules>;
}

/// An endpoint with its services.
struct World {
    endpoint: Endpoint<InMemory>,
    secrets: MemorySecrets,
    table: MemoryTable,
    schedules: MemorySchedules,
    second: Arc<AtomicI64>,
}

impl World {
    fn new() -> Self {
        Self::with(&[], &Cue::never())
    }

    fn with(settings: &[(&str, &str)], cue: &Cue) -> Self {
        let config =
            Config::from_lookup(|name| match settings.iter().find(|(set, _)| *set == name) {
                Some((_, value)) => Some((*value).to_owned()),
                None if name.ends_with("_ARN") => {
                    Some(format!("arn:aws:lambda:us-east-1:000000000000:function:{name}"))
                }
                None => ["NOTICE_KEYS", "TABLE", "SCHEDULE_GROUP"]
                    .contains(&name)
                    .then(|| name.to_lowercase()),
            });
        let second = Arc::new(AtomicI64::new(NOW));
        let current = Arc::clone(&second);
        let clock =
            Clock::new(move || Timestamp::from_second(current.load(Ordering::SeqCst)).unwrap());
        let (secrets, table, schedules) =
            <(MemorySecrets, MemoryTable, MemorySchedules)>::default();
        secrets.put("notice_keys", &json!({ "current": NEW, "previous": OLD }).to_string());
        let endpoint = Endpoint::<InMemory> {
            config: config.unwrap(),
            secrets: SecretCache::new(
                Failing::new(secrets.clone(), cue),
                clock.clone(),
                KEYS_CACHED,
            ),
            events: Failing::new(table.clone(), cue),
            schedules: Failing::new(schedules.clone(), cue),
            clock,
        };
        Self { endpoint, secrets, table, schedules, second }
    }

    fn wait(&self, seconds: i64) {
        self.second.fetch_add(seconds, Ordering::SeqCst);
    }

    async fn send(&self, event: &WebhookEvent) -> u16 {
        let request = lambda_http::request::from_str(&event.event.to_string()).unwrap();
        let response = self.endpoint.handle(request).await;
        assert!(matches!(response.body(), Body::Empty), "the response has only a status");
        response.status().as_u16()
    }

    /// Returns name, seconds from now, and payload of each schedule, and removes them.
    fn scheduled(&self) -> Vec<(String, i64, Value)> {
        let at = |at: Timestamp| at.as_second() - self.second.load(Ordering::SeqCst);
        let all = self.schedules.take_all().into_iter();
        all.map(|(name, when, payload)| (name, at(when), serde_json::from_str(&payload).unwrap()))
            .collect()
    }

    /// Whether nothing was scheduled and nothing recorded.
    fn nothing_happened(&self) -> bool {
        self.schedules.take_all().is_empty() && self.table.notices() == 0
    }
}

#[tokio::test]
async fn an_event_schedules_one_poll_for_its_district() {
    let world = World::new();
    assert_eq!(world.send(&WebhookEvent::new(NEW, &about(DISTRICT))).await, 202);
    world.wait(20);
    let second = WebhookEvent::at(NOW + 20, OLD, about(DISTRICT).as_bytes());
    assert_eq!(world.send(&second).await, 202, "the previous key is valid until it is removed");
    let payload: Value =
        serde_json::from_str(include_str!("../../../events/confirm.json")).unwrap();
    assert_eq!(world.scheduled(), [(format!("clever-notice-{DISTRICT}"), 40, payload)]);
    world.wait(60);
    assert_eq!(world.send(&WebhookEvent::at(NOW + 80, NEW, about(DISTRICT).as_bytes())).await, 202);
    assert_eq!(world.scheduled().len(), 1, "an event after the poll schedules another one");
    assert_eq!(world.secrets.reads(), 1, "the keys are read once");
}

#[tokio::test]
async fn only_the_district_of_an_event_is_used() {
    let world = World::new();
    let body = json!({ "district": DISTRICT, "token": "t0", "url": "https://clever.example.net", "schools": ["s1"], "n": [[[{}]]] });
    assert_eq!(world.send(&WebhookEvent::new(NEW, &body.to_string())).await, 202);
    assert_eq!(world.scheduled()[0].2, json!({ "confirm": { "district": DISTRICT } }));
}

#[tokio::test]
async fn the_signature_of_a_base64_body_covers_the_decoded_bytes() {
    let world = World::new();
    let mut event = WebhookEvent::new(NEW, &about(DISTRICT));
    event.event["body"] = STANDARD.encode(about(DISTRICT)).into();
    event.event["isBase64Encoded"] = true.into();
    assert_eq!(world.send(&event).await, 202);
    // The same JSON in another format is another body.
    let mut spaced = WebhookEvent::new(NEW, &about(DISTRICT));
    spaced.event["body"] = about(DISTRICT).replace(':', ": ").into();
    assert_eq!(world.send(&spaced).await, 401);
}

#[tokio::test]
async fn other_signature_forms_are_configurable() {
    let body = about(DISTRICT);
    let time = NOW.to_string();
    let signature = |key: &str| hex::encode(sign(key, &[time.as_bytes(), b".", body.as_bytes()]));
    let combined = World::with(
        &[("TIMESTAMP_FORM", "combined"), ("SIGNATURE_HEADER", "Clever-Signature")],
        &Cue::never(),
    );
    let value = format!(
        "t={time},v1={},v1={}",
        signature("a key that this endpoint does not have yet"),
        signature(NEW)
    );
    assert_eq!(
        combined
            .send(&WebhookEvent::unsigned(body.as_bytes()).with("clever-signature", &value))
            .await,
        202
    );
    let value = format!("t={time},v1={}", signature("a key that this endpoint does not have yet"));
    assert_eq!(
        combined
            .send(&WebhookEvent::unsigned(body.as_bytes()).with("clever-signature", &value))
            .await,
        401
    );

    let settings = [("SIGNATURE_ENCODING", "base64"), ("SIGNATURE_PREFIX", "sha256=")];
    let base64 = World::with(&settings, &Cue::never());
    let value =
        format!("sha256={}", STANDARD.encode(sign(NEW, &[time.as_bytes(), b".", body.as_bytes()])));
    let event = WebhookEvent::new(NEW, &body);
    assert_eq!(base64.send(&event).await, 401, "the default form is not the configured one");
    assert_eq!(base64.send(&event.with("x-rollbook-signature", &value)).await, 202);
}

#[tokio::test]
async fn an_event_without_a_time_is_accepted_once_per_body() {
    let untimed = World::with(&[("TIMESTAMP_FORM", "none")], &Cue::never());
    let event = |n: u64| {
        let body = json!({ "id": n, "district": DISTRICT }).to_string();
        WebhookEvent::unsigned(body.as_bytes())
            .with("x-rollbook-signature", &hex::encode(sign(NEW, &[body.as_bytes()])))
    };
    assert_eq!(untimed.send(&event(1)).await, 202);
    untimed.wait(7 * 24 * 3600);
    assert_eq!((untimed.send(&event(1)).await, untimed.send(&event(2)).await), (409, 202));
    // If a time is configured, an event without one is rejected.
    assert_eq!(World::new().send(&event(1)).await, 401);
}

#[tokio::test]
async fn events_without_a_valid_signature_are_rejected() {
    let world = World::new();
    let body = about(DISTRICT);
    let valid = WebhookEvent::new(NEW, &body);
    let signature = valid.header("x-rollbook-signature").to_owned();
    for (case, event) in [
        ("unsigned", WebhookEvent::unsigned(body.as_bytes())),
        ("no signature", valid.clone().without("x-rollbook-signature")),
        ("no time", valid.clone().without("x-rollbook-timestamp")),
        ("an empty signature", valid.clone().with("x-rollbook-signature", "")),
        ("not hexadecimal", valid.clone().with("x-rollbook-signature", &"zz".repeat(32))),
        ("half a signature", valid.clone().with("x-rollbook-signature", &signature[..32])),
        (
            "more than a signature",
            valid.clone().with("x-rollbook-signature", &format!("{signature}00")),
        ),
        (
            "a prefix that is not configured",
            valid.clone().with("x-rollbook-signature", &format!("sha256={signature}")),
        ),
        ("the wrong key", WebhookEvent::new("some other key, invented as well 0123456", &body)),
        ("the empty key", WebhookEvent::new("", &body)),
        (
            "another time than the signed one",
            valid.clone().with("x-rollbook-timestamp", &(NOW + 1).to_string()),
        ),
        (
            "the time in another spelling",
            valid.clone().with("x-rollbook-timestamp", &format!("0{NOW}")),
        ),
        (
            "two signatures",
            valid.clone().with("x-rollbook-signature", &format!("{signature},{signature}")),
        ),
        ("two times", valid.clone().with("x-rollbook-timestamp", &format!("{NOW},{NOW}"))),
        ("too old", WebhookEvent::at(NOW - 301, NEW, body.as_bytes())),
        ("too new", WebhookEvent::at(NOW + 301, NEW, body.as_bytes())),
        ("another body", {
            let mut other = valid.clone();
            other.event["body"] = about(STRANGER).into();
            other
        }),
    ] {
        assert_eq!((case, world.send(&event).await), (case, 401));
        assert!(world.nothing_happened(), "{case}");
    }
    for edge in [NOW - 300, NOW + 300] {
        assert_eq!(
            world.send(&WebhookEvent::at(edge, NEW, body.as_bytes())).await,
            202,
            "within the tolerance"
        );
    }
}

#[tokio::test]
async fn a_repeated_header_is_rejected_even_if_both_values_are_valid() {
    let world = World::new();
    for twice in ["x-rollbook-signature", "x-rollbook-timestamp"] {
        let event = WebhookEvent::new(NEW, &about(DISTRICT));
        let mut request = lambda_http::request::from_str(&event.event.to_string()).unwrap();
        let value = request.headers()[twice].clone();
        request.headers_mut().append(twice, value);
        assert_eq!(world.endpoint.handle(request).await.status(), 401, "{twice}");
    }
    assert!(world.nothing_happened());
}

#[tokio::test]
async fn a_removed_key_is_rejected_once_the_cache_expires() {
    let world = World::new();
    assert_eq!(world.send(&WebhookEvent::new(OLD, &about(DISTRICT))).await, 202);
    world.secrets.put("notice_keys", &json!({ "current": NEW }).to_string());
    let kept = KEYS_CACHED.as_secs().cast_signed();
    world.wait(kept);
    assert_eq!(
        world.send(&WebhookEvent::at(NOW + kept, OLD, about(STRANGER).as_bytes())).await,
        401
    );
    assert_eq!(
        world.send(&WebhookEvent::at(NOW + kept, NEW, about(STRANGER).as_bytes())).await,
        202
    );
}

#[tokio::test]
async fn an_event_is_accepted_once() {
    let world = World::new();
    let event = WebhookEvent::new(NEW, &about(DISTRICT));
    assert_eq!(world.send(&event).await, 202);
    assert_eq!(world.scheduled().len(), 1);
    world.wait(299);
    assert_eq!(world.send(&event).await, 409);
    // The same text signed with the other key is the same event.
    assert_eq!(world.send(&WebhookEvent::new(OLD, &about(DISTRICT))).await, 409);
    world.wait(10);
    assert_eq!(world.send(&event).await, 401, "later it is too old");
    assert!(world.scheduled().is_empty());
}

#[tokio::test]
async fn a_signed_body_without_a_district_is_a_bad_request() {
    let world = World::new();
    for body in [
        "",
        "sharing was switched on",
        "{}",
        r#"{"district": "oak"}"#,
        r#"{"district": "../../../../etc/passwd"}"#,
    ] {
        assert_eq!(world.send(&WebhookEvent::new(NEW, body)).await, 400, "{body}");
    }
    assert_eq!(world.send(&WebhookEvent::at(NOW, NEW, b"\xff\xfe")).await, 400);
    assert!(world.nothing_happened());
}

#[tokio::test]
async fn a_body_has_at_most_64_kib() {
    let world = World::new();
    let padded = |length: usize| {
        let bare = json!({ "district": DISTRICT, "more": "" }).to_string().len();
        json!({ "district": DISTRICT, "more": "x".repeat(length - bare) }).to_string()
    };
    assert_eq!(world.send(&WebhookEvent::new(NEW, &padded(LONGEST_BODY + 1))).await, 413);
    assert!(
        world.nothing_happened() && world.secrets.reads() == 0,
        "the signature of a long body is not computed"
    );
    assert_eq!(world.send(&WebhookEvent::new(NEW, &padded(LONGEST_BODY))).await, 202);
}

#[tokio::test]
async fn other_methods_are_rejected() {
    let world = World::new();
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let mut event = WebhookEvent::new(NEW, &about(DISTRICT));
        event.event["requestContext"]["http"]["method"] = method.into();
        assert_eq!(world.send(&event).await, 405, "{method}");
    }
    assert!(world.nothing_happened());
}

#[tokio::test]
async fn responses_do_not_reveal_whether_a_district_is_known() {
    let (ours, strangers) = (World::new(), World::new());
    assert_eq!(
        ours.send(&WebhookEvent::new(NEW, &about(DISTRICT))).await,
        strangers.send(&WebhookEvent::new(NEW, &about(STRANGER))).await
    );
    // The poll is the same for both, and only Clever's list decides: no district was changed.
    assert_eq!(strangers.scheduled()[0].2["confirm"]["district"], STRANGER);
}

#[tokio::test]
async fn without_valid_keys_no_event_is_accepted() {
    let world = World::new();
    world.secrets.remove("notice_keys");
    assert_eq!(world.send(&WebhookEvent::new(NEW, &about(DISTRICT))).await, 503);
    for keys in ["", "{}", "null", r#"{"current": ""}"#, r#"{"current": "short"}"#, NEW] {
        let world = World::new();
        world.secrets.put("notice_keys", keys);
        assert_eq!(world.send(&WebhookEvent::new(NEW, &about(DISTRICT))).await, 503, "{keys}");
        assert_eq!(world.send(&WebhookEvent::new("", &about(DISTRICT))).await, 503, "{keys}");
        assert!(world.nothing_happened(), "{keys}");
    }
    assert!(world.nothing_happened());
    world.secrets.put("notice_keys", &json!({ "current": NEW }).to_string());
    assert_eq!(
        world.send(&WebhookEvent::new(NEW, &about(DISTRICT))).await,
        202,
        "keys are used as soon as they exist"
    );
}

#[tokio::test]
async fn a_leaked_key_can_send_a_limited_number_of_events_per_minute() {
    let world = World::with(&[("MOST_PER_MINUTE", "3")], &Cue::never());
    let mut statuses = Vec::new();
    for n in 0..5 {
        statuses.push(world.send(&WebhookEvent::new(NEW, &about(&format!("{n:024x}")))).await);
    }
    assert_eq!(statuses, [202, 202, 202, 503, 503]);
    assert_eq!(world.scheduled().len(), 3);
    world.wait(60);
    assert_eq!(
        world
            .send(&WebhookEvent::at(NOW + 60, NEW, about(&format!("{:024x}", 4)).as_bytes()))
            .await,
        202
    );
}

#[tokio::test]
async fn resending_an_event_repairs_a_failure_anywhere() {
    // The calls: read the keys, check for a repetition, count, schedule, record.
    for at in 0..5 {
        for fails_after_the_call in [false, true] {
            let cue = Cue::at(at, fails_after_the_call);
            let broken = World::with(&[], &cue);
            let event = WebhookEvent::new(NEW, &about(DISTRICT));
            assert_eq!(broken.send(&event).await, 503, "call {at}");
            // A working process with the same storage.
            let working = World::new();
            let schedules = broken.schedules.clone();
            let endpoint = Endpoint::<InMemory> {
                config: broken.endpoint.config.clone(),
                events: Failing::new(broken.table.clone(), &Cue::never()),
                schedules: Failing::new(schedules.clone(), &Cue::never()),
                ..working.endpoint
            };
            let request = lambda_http::request::from_str(&event.event.to_string()).unwrap();
            let status = endpoint.handle(request).await.status().as_u16();
            // If only the response of the last call was lost, the event is complete and the retry
            // is a repetition.
            assert_eq!(
                status,
                if (at, fails_after_the_call) == (4, true) { 409 } else { 202 },
                "call {at}"
            );
            assert_eq!(schedules.take_all().len(), 1, "call {at}");
        }
    }
}
