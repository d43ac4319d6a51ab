//! WebhookEvents as a function URL passes them on: first the story of an honest one, then everybody else.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clever_webhook::{Config, Door, KEYS_KEPT, LONGEST_BODY};
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
/// Nobody has ever heard of it.
const STRANGER: &str = "0123456789abcdef01234567";

/// A request in the making: the sample of an event, with headers and a body of its own.
#[derive(Clone)]
struct Notice {
    event: Value,
}

impl Notice {
    /// An honest one of this moment.
    fn new(key: &str, body: &str) -> Self {
        Self::at(NOW, key, body.as_bytes())
    }

    /// One that was signed at a moment.
    fn at(second: i64, key: &str, body: &[u8]) -> Self {
        let second = second.to_string();
        let signature = hex::encode(sign(key, &[second.as_bytes(), b".", body]));
        Self::bare(body)
            .with("x-rollbook-timestamp", &second)
            .with("x-rollbook-signature", &signature)
    }

    /// One without a signature.
    fn bare(body: &[u8]) -> Self {
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

/// Everything behind the door, in memory, under a cue.
struct World {
    door: Door<SecretCache<Failing<MemorySecrets>>, Failing<MemoryTable>, Failing<MemorySchedules>>,
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
        let told = Arc::clone(&second);
        let clock =
            Clock::new(move || Timestamp::from_second(told.load(Ordering::SeqCst)).unwrap());
        let (secrets, table, schedules) =
            <(MemorySecrets, MemoryTable, MemorySchedules)>::default();
        secrets.put("notice_keys", &json!({ "current": NEW, "previous": OLD }).to_string());
        let door = Door {
            config: config.unwrap(),
            secrets: SecretCache::new(Failing::new(secrets.clone(), cue), clock.clone(), KEYS_KEPT),
            notices: Failing::new(table.clone(), cue),
            schedules: Failing::new(schedules.clone(), cue),
            clock,
        };
        Self { door, secrets, table, schedules, second }
    }

    fn wait(&self, seconds: i64) {
        self.second.fetch_add(seconds, Ordering::SeqCst);
    }

    async fn knock(&self, notice: &Notice) -> u16 {
        let request = lambda_http::request::from_str(&notice.event.to_string()).unwrap();
        let response = self.door.handle(request).await;
        assert!(matches!(response.body(), Body::Empty), "a status says enough");
        response.status().as_u16()
    }

    /// Name, seconds from now, and payload of what was scheduled.
    fn scheduled(&self) -> Vec<(String, i64, Value)> {
        let at = |at: Timestamp| at.as_second() - self.second.load(Ordering::SeqCst);
        let all = self.schedules.take_all().into_iter();
        all.map(|(name, when, payload)| (name, at(when), serde_json::from_str(&payload).unwrap()))
            .collect()
    }

    /// Nothing came of it, and nothing is remembered of it.
    fn nothing_happened(&self) -> bool {
        self.schedules.take_all().is_empty() && self.table.notices() == 0
    }
}

#[tokio::test]
async fn a_notice_leads_to_one_question_about_its_district() {
    let world = World::new();
    assert_eq!(world.knock(&Notice::new(NEW, &about(DISTRICT))).await, 202);
    world.wait(20);
    let second = Notice::at(NOW + 20, OLD, about(DISTRICT).as_bytes());
    assert_eq!(world.knock(&second).await, 202, "the key before is good while both are there");
    let payload: Value =
        serde_json::from_str(include_str!("../../../events/confirm.json")).unwrap();
    assert_eq!(world.scheduled(), [(format!("clever-notice-{DISTRICT}"), 40, payload)]);
    world.wait(60);
    assert_eq!(world.knock(&Notice::at(NOW + 80, NEW, about(DISTRICT).as_bytes())).await, 202);
    assert_eq!(
        world.scheduled().len(),
        1,
        "what comes after the question was asked leads to another"
    );
    assert_eq!(world.secrets.reads(), 1, "the keys are read once");
}

#[tokio::test]
async fn all_that_a_notice_says_but_its_district_is_passed_over() {
    let world = World::new();
    let body = json!({ "district": DISTRICT, "token": "t0", "url": "https://clever.example.net", "schools": ["s1"], "n": [[[{}]]] });
    assert_eq!(world.knock(&Notice::new(NEW, &body.to_string())).await, 202);
    assert_eq!(world.scheduled()[0].2, json!({ "confirm": { "district": DISTRICT } }));
}

#[tokio::test]
async fn a_body_in_base64_is_checked_as_it_was_sent() {
    let world = World::new();
    let mut notice = Notice::new(NEW, &about(DISTRICT));
    notice.event["body"] = STANDARD.encode(about(DISTRICT)).into();
    notice.event["isBase64Encoded"] = true.into();
    assert_eq!(world.knock(&notice).await, 202);
    // The same JSON in other words is another body.
    let mut spaced = Notice::new(NEW, &about(DISTRICT));
    spaced.event["body"] = about(DISTRICT).replace(':', ": ").into();
    assert_eq!(world.knock(&spaced).await, 401);
}

#[tokio::test]
async fn senders_of_other_kinds_are_settings() {
    let body = about(DISTRICT);
    let time = NOW.to_string();
    let tag = |key: &str| hex::encode(sign(key, &[time.as_bytes(), b".", body.as_bytes()]));
    let combined = World::with(
        &[("TIMESTAMP_FORM", "combined"), ("SIGNATURE_HEADER", "Clever-Signature")],
        &Cue::never(),
    );
    let value =
        format!("t={time},v1={},v1={}", tag("a key that this side does not have yet"), tag(NEW));
    assert_eq!(
        combined.knock(&Notice::bare(body.as_bytes()).with("clever-signature", &value)).await,
        202
    );
    let value = format!("t={time},v1={}", tag("a key that this side does not have yet"));
    assert_eq!(
        combined.knock(&Notice::bare(body.as_bytes()).with("clever-signature", &value)).await,
        401
    );

    let settings = [("SIGNATURE_ENCODING", "base64"), ("SIGNATURE_PREFIX", "sha256=")];
    let base64 = World::with(&settings, &Cue::never());
    let value =
        format!("sha256={}", STANDARD.encode(sign(NEW, &[time.as_bytes(), b".", body.as_bytes()])));
    let notice = Notice::new(NEW, &body);
    assert_eq!(base64.knock(&notice).await, 401, "the usual form is not the one that was agreed");
    assert_eq!(base64.knock(&notice.with("x-rollbook-signature", &value)).await, 202);
}

#[tokio::test]
async fn a_sender_that_gives_no_time_is_believed_once_for_each_body() {
    let untimed = World::with(&[("TIMESTAMP_FORM", "none")], &Cue::never());
    let notice = |n: u64| {
        let body = json!({ "id": n, "district": DISTRICT }).to_string();
        Notice::bare(body.as_bytes())
            .with("x-rollbook-signature", &hex::encode(sign(NEW, &[body.as_bytes()])))
    };
    assert_eq!(untimed.knock(&notice(1)).await, 202);
    untimed.wait(7 * 24 * 3600);
    assert_eq!((untimed.knock(&notice(1)).await, untimed.knock(&notice(2)).await), (409, 202));
    // Where times are agreed on, one without is nothing.
    assert_eq!(World::new().knock(&notice(1)).await, 401);
}

#[tokio::test]
async fn whoever_has_no_key_is_refused() {
    let world = World::new();
    let body = about(DISTRICT);
    let honest = Notice::new(NEW, &body);
    let signature = honest.header("x-rollbook-signature").to_owned();
    for (who, notice) in [
        ("unsigned", Notice::bare(body.as_bytes())),
        ("no signature", honest.clone().without("x-rollbook-signature")),
        ("no time", honest.clone().without("x-rollbook-timestamp")),
        ("an empty signature", honest.clone().with("x-rollbook-signature", "")),
        ("no hexadecimal digits", honest.clone().with("x-rollbook-signature", &"zz".repeat(32))),
        ("half a signature", honest.clone().with("x-rollbook-signature", &signature[..32])),
        (
            "more than a signature",
            honest.clone().with("x-rollbook-signature", &format!("{signature}00")),
        ),
        (
            "a prefix that was not agreed on",
            honest.clone().with("x-rollbook-signature", &format!("sha256={signature}")),
        ),
        ("the wrong key", Notice::new("some other key, invented as well 0123456", &body)),
        ("the empty key", Notice::new("", &body)),
        (
            "another time than the signed one",
            honest.clone().with("x-rollbook-timestamp", &(NOW + 1).to_string()),
        ),
        (
            "the time in another spelling",
            honest.clone().with("x-rollbook-timestamp", &format!("0{NOW}")),
        ),
        (
            "two signatures",
            honest.clone().with("x-rollbook-signature", &format!("{signature},{signature}")),
        ),
        ("two times", honest.clone().with("x-rollbook-timestamp", &format!("{NOW},{NOW}"))),
        ("too old", Notice::at(NOW - 301, NEW, body.as_bytes())),
        ("too new", Notice::at(NOW + 301, NEW, body.as_bytes())),
        ("another body", {
            let mut other = honest.clone();
            other.event["body"] = about(STRANGER).into();
            other
        }),
    ] {
        assert_eq!((who, world.knock(&notice).await), (who, 401));
        assert!(world.nothing_happened(), "{who}");
    }
    for edge in [NOW - 300, NOW + 300] {
        assert_eq!(
            world.knock(&Notice::at(edge, NEW, body.as_bytes())).await,
            202,
            "within the tolerance"
        );
    }
}

#[tokio::test]
async fn a_header_that_comes_twice_is_refused_though_both_are_right() {
    let world = World::new();
    for twice in ["x-rollbook-signature", "x-rollbook-timestamp"] {
        let notice = Notice::new(NEW, &about(DISTRICT));
        let mut request = lambda_http::request::from_str(&notice.event.to_string()).unwrap();
        let value = request.headers()[twice].clone();
        request.headers_mut().append(twice, value);
        assert_eq!(world.door.handle(request).await.status(), 401, "{twice}");
    }
    assert!(world.nothing_happened());
}

#[tokio::test]
async fn a_key_that_was_changed_is_worth_nothing_soon_after() {
    let world = World::new();
    assert_eq!(world.knock(&Notice::new(OLD, &about(DISTRICT))).await, 202);
    world.secrets.put("notice_keys", &json!({ "current": NEW }).to_string());
    let kept = KEYS_KEPT.as_secs().cast_signed();
    world.wait(kept);
    assert_eq!(world.knock(&Notice::at(NOW + kept, OLD, about(STRANGER).as_bytes())).await, 401);
    assert_eq!(world.knock(&Notice::at(NOW + kept, NEW, about(STRANGER).as_bytes())).await, 202);
}

#[tokio::test]
async fn a_notice_is_taken_once() {
    let world = World::new();
    let notice = Notice::new(NEW, &about(DISTRICT));
    assert_eq!(world.knock(&notice).await, 202);
    assert_eq!(world.scheduled().len(), 1);
    world.wait(299);
    assert_eq!(world.knock(&notice).await, 409);
    // The same words under the other key are the same notice.
    assert_eq!(world.knock(&Notice::new(OLD, &about(DISTRICT))).await, 409);
    world.wait(10);
    assert_eq!(world.knock(&notice).await, 401, "and then it is too old");
    assert!(world.scheduled().is_empty());
}

#[tokio::test]
async fn what_is_signed_and_no_hint_is_told_so() {
    let world = World::new();
    for body in [
        "",
        "sharing was switched on",
        "{}",
        r#"{"district": "oak"}"#,
        r#"{"district": "../../../../etc/passwd"}"#,
    ] {
        assert_eq!(world.knock(&Notice::new(NEW, body)).await, 400, "{body}");
    }
    assert_eq!(world.knock(&Notice::at(NOW, NEW, b"\xff\xfe")).await, 400);
    assert!(world.nothing_happened());
}

#[tokio::test]
async fn a_body_has_64_kib_and_no_byte_more() {
    let world = World::new();
    let padded = |length: usize| {
        let bare = json!({ "district": DISTRICT, "more": "" }).to_string().len();
        json!({ "district": DISTRICT, "more": "x".repeat(length - bare) }).to_string()
    };
    assert_eq!(world.knock(&Notice::new(NEW, &padded(LONGEST_BODY + 1))).await, 413);
    assert!(world.nothing_happened() && world.secrets.reads() == 0, "nothing is computed over it");
    assert_eq!(world.knock(&Notice::new(NEW, &padded(LONGEST_BODY))).await, 202);
}

#[tokio::test]
async fn other_methods_are_refused() {
    let world = World::new();
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let mut notice = Notice::new(NEW, &about(DISTRICT));
        notice.event["requestContext"]["http"]["method"] = method.into();
        assert_eq!(world.knock(&notice).await, 405, "{method}");
    }
    assert!(world.nothing_happened());
}

#[tokio::test]
async fn nobody_can_tell_whose_district_it_is() {
    let (ours, strangers) = (World::new(), World::new());
    assert_eq!(
        ours.knock(&Notice::new(NEW, &about(DISTRICT))).await,
        strangers.knock(&Notice::new(NEW, &about(STRANGER))).await
    );
    // The question is the same, and Clever answers it: nothing was done to any district.
    assert_eq!(strangers.scheduled()[0].2["confirm"]["district"], STRANGER);
}

#[tokio::test]
async fn where_there_are_no_keys_nobody_is_believed() {
    let world = World::new();
    world.secrets.remove("notice_keys");
    assert_eq!(world.knock(&Notice::new(NEW, &about(DISTRICT))).await, 503);
    for keys in ["", "{}", "null", r#"{"current": ""}"#, r#"{"current": "short"}"#, NEW] {
        let world = World::new();
        world.secrets.put("notice_keys", keys);
        assert_eq!(world.knock(&Notice::new(NEW, &about(DISTRICT))).await, 503, "{keys}");
        assert_eq!(world.knock(&Notice::new("", &about(DISTRICT))).await, 503, "{keys}");
        assert!(world.nothing_happened(), "{keys}");
    }
    assert!(world.nothing_happened());
    world.secrets.put("notice_keys", &json!({ "current": NEW }).to_string());
    assert_eq!(
        world.knock(&Notice::new(NEW, &about(DISTRICT))).await,
        202,
        "and as soon as there are some, they are used"
    );
}

#[tokio::test]
async fn a_leaked_key_asks_so_many_questions_a_minute() {
    let world = World::with(&[("MOST_PER_MINUTE", "3")], &Cue::never());
    let mut answers = Vec::new();
    for n in 0..5 {
        answers.push(world.knock(&Notice::new(NEW, &about(&format!("{n:024x}")))).await);
    }
    assert_eq!(answers, [202, 202, 202, 503, 503]);
    assert_eq!(world.scheduled().len(), 3);
    world.wait(60);
    assert_eq!(
        world.knock(&Notice::at(NOW + 60, NEW, about(&format!("{:024x}", 4)).as_bytes())).await,
        202
    );
}

#[tokio::test]
async fn a_failure_anywhere_is_healed_by_sending_it_again() {
    // Keys, taken, count, again, take.
    for at in 0..5 {
        for done_all_the_same in [false, true] {
            let cue = Cue::at(at, done_all_the_same);
            let broken = World::with(&[], &cue);
            let notice = Notice::new(NEW, &about(DISTRICT));
            assert_eq!(broken.knock(&notice).await, 503, "call {at}");
            // The same storage, and a process that works.
            let well = World::new();
            let schedules = broken.schedules.clone();
            let door = Door {
                config: broken.door.config.clone(),
                notices: Failing::new(broken.table.clone(), &Cue::never()),
                schedules: Failing::new(schedules.clone(), &Cue::never()),
                ..well.door
            };
            let request = lambda_http::request::from_str(&notice.event.to_string()).unwrap();
            let status = door.handle(request).await.status().as_u16();
            // Only the last call was heard by nobody though all was done: the sender is told that
            // it came before, which is true.
            assert_eq!(
                status,
                if (at, done_all_the_same) == (4, true) { 409 } else { 202 },
                "call {at}"
            );
            assert_eq!(schedules.take_all().len(), 1, "call {at}");
        }
    }
}
