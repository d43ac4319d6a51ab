//! Faults of Clever's API, one case each: the effect on the mirror and the notifications to
//! operators.

use std::collections::BTreeMap;
use std::time::Duration;

use mirror::eventbridge::event::{Event, Kind, Status};
use roster::finding::{Code, pull as codes};
use roster::records::RecordKind;
use roster::run::RunState;
use simulators::clever::{Fault, List};

use crate::clever_world::{World, tolerant};

#[tokio::test]
async fn temporary_faults_change_no_result_and_cause_no_notification() {
    let world = World::new().await;
    let (tried, calm) =
        (world.district("tried", tolerant()).await, world.district("calm", tolerant()).await);
    let slow = Fault::Slow(Duration::from_millis(300));
    // Several faults per night, each on a different list.
    let nights: [&[(&str, &str, Fault)]; 4] = [
        &[
            ("429 with Retry-After", "role=student", Fault::RetryAfter(40)),
            ("503 with a message", "/sections", Fault::Status(503)),
            ("502 with an HTML body", "/schools", Fault::Html(502)),
        ],
        &[
            ("429 without Retry-After", "role=student", Fault::Status(429)),
            ("500 with a body in the older format", "/sections", Fault::OldStatus(500)),
            ("200 with an HTML body", "role=teacher", Fault::Html(200)),
        ],
        &[
            ("a connection reset", "role=student", Fault::Reset),
            ("a truncated body", "role=contact", Fault::Truncated),
            ("a slow page", "/sections", slow),
        ],
        &[
            ("the district record is unavailable", "/districts", Fault::Status(503)),
            ("the token list is unreadable", "/oauth/tokens", Fault::Html(502)),
        ],
    ];
    for (night, faults) in (1..).zip(nights) {
        let cases: Vec<&str> = faults.iter().map(|(case, ..)| *case).collect();
        for district in [&tried, &calm] {
            assert!(world.clever().sync(&district.source, &district.set.night(night)));
        }
        for (_, path, fault) in faults {
            world.clever().fault(path, 0, 2, *fault);
        }
        let pulled = world.pull(&tried.here).await;
        assert_eq!(
            pulled.state(),
            RunState::Applied,
            "{cases:?}: {:?} {:?}",
            pulled.report.findings,
            pulled.report.holds
        );
        assert_eq!(world.clever().faults_left(), 0, "{cases:?}: every fault occurred");
        let expected = world.pull(&calm.here).await;
        assert_eq!(expected.state(), RunState::Applied);
        assert_eq!(pulled.report.counts, expected.report.counts, "{cases:?}");
        assert!(
            world.contents(&tried).await == world.contents(&calm).await,
            "{cases:?}: the mirrors differ"
        );
        assert_eq!(world.notified(), [], "{cases:?}");
    }
}

#[tokio::test]
async fn the_pull_obeys_the_rate_limit_headers() {
    let world = World::new().await;
    let oak = world.paged("oak", tolerant(), 5).await;
    // Some requests of each window are reserved for other clients, which leaves about ten per
    // minute.
    world.clever().set_rate_limit(24);
    world.clever().sync(&oak.source, &oak.set.night(1));
    let begun = world.clock().now();
    let pulled = world.pull(&oak.here).await;
    assert_eq!(pulled.state(), RunState::Applied, "{:?}", pulled.report.findings);
    let took = world.clock().now().duration_since(begun);
    assert!(took.as_secs() >= 60, "the pull waits for more than one window: {took}");
    assert_eq!(world.notified(), []);
}

/// A fault that retries do not fix, and its expected result.
struct Refusal {
    case: &'static str,
    path: &'static str,
    fault: Fault,
    code: &'static Code,
    /// Text that the finding contains in addition to the advice of the code.
    text: &'static str,
    /// Whether the pull was retried before it was refused.
    is_retried: bool,
}

/// Refused immediately: a retry would get the same response.
const fn at_once(
    case: &'static str,
    path: &'static str,
    fault: Fault,
    code: &'static Code,
    text: &'static str,
) -> Refusal {
    Refusal { case, path, fault, code, text, is_retried: false }
}

/// Refused after four attempts, fifteen minutes apart.
const fn after_retries(
    case: &'static str,
    path: &'static str,
    fault: Fault,
    text: &'static str,
) -> Refusal {
    Refusal { case, path, fault, code: &codes::SOURCE_DOWN, text, is_retried: true }
}

#[tokio::test]
async fn r_h3_permanent_faults_are_reported_and_leave_the_mirror_unchanged() {
    let world = World::new().await;
    let oak = world.district("oak", tolerant()).await;
    let cases = [
        at_once(
            "413: the page is larger than Clever's limit",
            "role=student",
            Fault::Status(413),
            &codes::SOURCE_REFUSED,
            "413 for the list of students",
        ),
        at_once(
            "404: the list is not available to this application",
            "/courses",
            Fault::Status(404),
            &codes::SOURCE_REFUSED,
            "404 for the list of courses",
        ),
        at_once(
            "404 with an HTML body",
            "/terms",
            Fault::Html(404),
            &codes::SOURCE_REFUSED,
            "404 for the list of terms",
        ),
        at_once(
            "400 with a body in the older format",
            "/sections",
            Fault::OldStatus(400),
            &codes::SOURCE_REFUSED,
            "400 for the list of sections",
        ),
        at_once(
            "501",
            "/schools",
            Fault::Status(501),
            &codes::SOURCE_REFUSED,
            "501 for the list of schools",
        ),
        at_once(
            "401: the token is invalid",
            "/v3.1/",
            Fault::Status(401),
            &codes::SOURCE_TOKEN,
            "",
        ),
        at_once(
            "a page that links to itself",
            "role=student",
            Fault::Loop,
            &codes::SOURCE_PAGES,
            "points to a page that was already read",
        ),
        at_once(
            "a page that links to another host",
            "role=student",
            Fault::ForeignLink,
            &codes::SOURCE_PAGES,
            "points to another address",
        ),
        at_once(
            "an empty page before the last page",
            "/sections",
            Fault::EmptyPage,
            &codes::SOURCE_PAGES,
            "points to a page that was already read",
        ),
        at_once(
            "new data during each attempt",
            "/districts",
            Fault::NewData,
            &codes::SOURCE_CHANGING,
            "",
        ),
        after_retries(
            "503 with a message, all night",
            "role=student",
            Fault::Status(503),
            "status 503",
        ),
        after_retries(
            "500 with a body in the older format, all night",
            "/sections",
            Fault::OldStatus(500),
            "status 500",
        ),
        after_retries(
            "502 with an HTML body, all night",
            "/schools",
            Fault::Html(502),
            "status 502",
        ),
        after_retries("429, all night", "role=student", Fault::RetryAfter(40), "status 429"),
        after_retries(
            "connection resets, all night",
            "role=teacher",
            Fault::Reset,
            "the connection failed or was closed",
        ),
        after_retries(
            "truncated bodies, all night",
            "role=student",
            Fault::Truncated,
            "not a page of a list",
        ),
        after_retries(
            "the token list is down, all night",
            "/oauth/tokens",
            Fault::Status(503),
            "token list",
        ),
    ];
    let before = world.application.mirror(&oak.here).await;
    for (night, Refusal { case, path, fault, code, text, is_retried }) in (1..).zip(cases) {
        // New data, so that an applied run would be visible.
        world.clever().sync(&oak.source, &oak.set.night(night));
        world.clever().fault(path, u32::from(path == "role=student"), u32::MAX, fault);
        let refused = world.pull(&oak.here).await;
        world.clever().clear_faults();
        assert_eq!(
            (refused.state(), refused.report.findings.len()),
            (RunState::Refused, 1),
            "{case}: {:?}",
            refused.report
        );
        let finding = &refused.report.findings[0];
        assert_eq!(finding.code, code.name, "{case}: {}", finding.message);
        assert!(
            finding.message.contains(text) && finding.message.contains(code.advice),
            "{case}: {}",
            finding.message
        );
        assert!(
            world.application.mirror(&oak.here).await == before,
            "{case}: the mirror has changed"
        );

        let events: Vec<Event> = world.bus.take_all();
        let statuses: Vec<Status> = events.iter().map(|event| event.detail.status).collect();
        let due = if is_retried {
            vec![Status::Importing, Status::Refused]
        } else {
            vec![Status::Refused]
        };
        assert_eq!(statuses, due, "{case}");
        assert!(events.iter().all(|event| event.kind == Kind::PullFailed
            && event.detail.run.as_ref() == Some(&refused.run.run)));
        assert_eq!(events[0].detail.tried_again.is_some(), is_retried, "{case}");
        let last = &events[events.len() - 1].detail;
        assert!(last.what.contains(code.meaning) && last.next == code.advice, "{case}: {last:?}");
        assert_eq!(last.findings, BTreeMap::from([(code.name.to_owned(), 1)]), "{case}");
        let token = world.clever().token(&oak.source).expect("the district is connected");
        assert!(
            !format!("{events:?}{:?}", refused.report).contains(&token),
            "{case}: the output contains a token"
        );
    }
    // Without faults, the next night is applied.
    assert_eq!(world.pull(&oak.here).await.state(), RunState::Applied);
    let students = world.application.keys(&oak.here, RecordKind::Student, "active").await;
    let users = world.clever().ids(&oak.source, List::Users);
    assert!(
        !students.is_empty() && students.iter().all(|student| users.contains(student)),
        "every student in the mirror is at Clever"
    );
    assert_eq!(world.notified(), []);
    assert!(world.application.failures().is_empty(), "{:?}", world.application.failures());
}
