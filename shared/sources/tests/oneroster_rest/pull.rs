//! All kinds of responses, and the reaction to each.

use roster::settings::{OneRoster, SignIn};
use serde_json::json;
use sources::http::{Failing, NoAnswer};
use sources::oneroster_rest::memory::Fault;
use sources::oneroster_rest::{Api, BadSetting, PullError, Pulled, Resource};

use crate::support::*;

#[tokio::test]
async fn transient_failures_are_retried() {
    let answer = |status: u16, body: &str| Fault::Answer(status, body.into());
    for fault in [
        answer(502, "<html><body>Bad gateway</body></html>"),
        answer(500, r#"{"imsx_codeMajor":"failure","imsx_severity":"error"}"#),
        answer(503, ""),
        // An empty 200, an error in a 200, and another list.
        answer(200, ""),
        answer(200, "{}"),
        answer(200, r#"{"imsx_codeMajor":"processing","imsx_severity":"warning"}"#),
        answer(200, r#"{"orgs":[]}"#),
        answer(200, "<!doctype html><p>Please sign in"),
        Fault::TooMany(7),
        Fault::Truncated,
        Fault::None(NoAnswer::Connection),
        Fault::None(NoAnswer::TimedOut),
    ] {
        let world = World::larger();
        world.server.plan("users?", 2, 3, fault.clone());
        let before = world.time.millis();
        assert_eq!(world.snapshot().await.ids("student").len(), 11, "{fault:?}");
        let waited = world.time.millis() - before;
        if let Fault::TooMany(seconds) = fault {
            assert!(waited >= 3 * 1000 * seconds as i64, "{waited}");
        }
    }
}

#[tokio::test]
async fn a_server_that_keeps_failing_is_down_and_stored_pages_are_not_read_again() {
    let world = World::larger();
    world.server.plan("users?", 2, 6, Fault::Answer(503, String::new()));
    let mut state = sources::oneroster_rest::PullState::default();
    let error = world.go_on(&mut state, || false).await.unwrap_err();
    assert!(
        matches!(error, PullError::Down { list: "users", tries: 6, last: Failing::Status(503) }),
        "{error}"
    );
    assert_eq!(state.lists[&Resource::Users].pages, 2);
    assert_eq!(world.go_on(&mut state, || false).await.unwrap(), Pulled::Whole);
    assert_eq!(world.snapshot_of(&state).ids("student").len(), 11);
    assert_eq!(
        world
            .server
            .requests()
            .iter()
            .filter(|path| path.starts_with("users?limit=2&offset=0"))
            .count(),
        1
    );
}

#[tokio::test]
async fn a_refused_list_ends_the_pull_unless_it_is_demographics() {
    for status in [403, 404] {
        let world = World::larger();
        world.server.plan("classes?", 0, 9, Fault::Answer(status, "no".into()));
        let error = world.pull().await.1.unwrap_err();
        assert!(
            matches!(error, PullError::Refused { list: "classes", status: found } if found == status),
            "{error}"
        );
        let world = World::larger();
        world.server.plan("demographics?", 0, 9, Fault::Answer(status, "no".into()));
        let snapshot = world.snapshot().await;
        assert_eq!(
            (snapshot.ids("student").len(), snapshot.count("demographics_not_shared")),
            (11, 1)
        );
        assert!(snapshot.record("student", "st1").unwrap()["demographics"].get("gender").is_none());
    }
    let world = World::larger();
    world.server.plan("demographics?", 0, 99, Fault::Answer(401, "no".into()));
    assert!(matches!(world.pull().await.1, Err(PullError::Unauthorized)));
}

#[tokio::test]
async fn r_h3_an_empty_required_list_refuses_the_snapshot() {
    let world = World::new();
    for id in ["e1", "e2", "e3"] {
        world.server.remove(Resource::Enrollments, id);
    }
    let snapshot = world.snapshot().await;
    assert!(snapshot.refused);
    assert_eq!(snapshot.found("no_rows").0, "enrollments");
    let world = World::new();
    world.server.remove(Resource::Demographics, "st1");
    assert!(!world.snapshot().await.refused);
}

#[tokio::test]
async fn r_m7_ignored_demographics_are_not_requested() {
    let world = World::new().read_by("family-directory", &[]);
    let snapshot = world.snapshot().await;
    assert!(world.server.requests().iter().all(|path| !path.starts_with("demographics")));
    assert!(snapshot.record("student", "st1").unwrap().get("demographics").is_none());
    for page in world.kept.pages().into_values() {
        let text = String::from_utf8(page).unwrap();
        assert!(
            !text.contains("grades\":[\"03\"],\"agents") && !text.contains("hunter2"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn passwords_are_not_stored_and_reference_urls_not_followed() {
    let world = World::of_1_2();
    world.snapshot().await;
    assert!(
        world
            .kept
            .pages()
            .into_values()
            .all(|page| !String::from_utf8(page).unwrap().contains("hunter2"))
    );
    assert!(world.server.requests().iter().all(|path| !path.contains("evil")));
}

#[tokio::test]
async fn whether_a_district_shares_an_org_is_known_without_a_pull() {
    let world = World::new();
    let mut rng = fastrand::Rng::with_seed(1);
    assert!(world.client().shares::<()>(&mut rng).await.unwrap());
    for id in ["d1", "s1", "s2"] {
        world.server.remove(Resource::Orgs, id);
    }
    assert!(!world.client().shares::<()>(&mut rng).await.unwrap());
    world.server.plan("orgs?", 0, 1, Fault::Answer(403, json!({}).to_string()));
    assert!(matches!(
        world.client().shares::<()>(&mut rng).await,
        Err(PullError::Refused { status: 403, .. })
    ));
}

#[test]
fn invalid_settings_are_named() {
    let sis = || OneRoster {
        sign_in: SignIn::Bearer,
        ..OneRoster::at("https://sis.example.org/a%3D/ims/oneroster/v1p1/", "s")
    };
    assert!(Api::of(&sis()).is_ok());
    assert!(Api::of(&OneRoster { url: "http://127.0.0.1:9000/ims".into(), ..sis() }).is_ok());
    for url in [
        "http://sis.example.org/v1p1",
        "",
        "https://",
        "https://x/users?limit=1",
        "https://user@x/v1p1",
        "https://x/ü",
        "sis.example.org",
    ] {
        assert_eq!(
            Api::of(&OneRoster { url: url.into(), ..sis() }),
            Err(BadSetting("source.oneroster.url")),
            "{url}"
        );
    }
    for page_size in [0, 10_001] {
        assert_eq!(
            Api::of(&OneRoster { page_size, ..sis() }),
            Err(BadSetting("source.oneroster.page_size"))
        );
    }
    assert_eq!(
        Api::of(&OneRoster { secret: String::new(), ..sis() }),
        Err(BadSetting("source.oneroster.secret"))
    );
    for token_url in [None, Some("http://sis.example.org/token")] {
        let settings =
            OneRoster { sign_in: SignIn::Oauth2, token_url: token_url.map(str::to_owned), ..sis() };
        assert_eq!(Api::of(&settings), Err(BadSetting("source.oneroster.token_url")));
    }
}

/// The server in memory also supports features that the pull does not use, for tests of other
/// clients.
#[test]
fn the_server_in_memory_supports_filters_and_fields() {
    let world = World::new();
    world.server.put(
        Resource::Users,
        &user("st3", "student", json!({ "dateLastModified": "2026-09-02T05:00:00.000Z" })),
    );
    let answer = |query: &str| {
        let answer = world.server.answer("users", query).unwrap();
        (answer.status, serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap())
    };
    let newer =
        "filter=dateLastModified%3E%272026-09-01T00%3A00%3A00.000Z%27&fields=sourcedId,role";
    assert_eq!(
        answer(newer),
        (200, json!({ "users": [{ "role": "student", "sourcedId": "st3" }] }))
    );
    let (status, parents) = answer("filter=role='parent'&limit=1&offset=0");
    assert_eq!((status, &parents["users"][0]["sourcedId"]), (200, &json!("gu1")));
    for (query, minor) in [
        ("filter=role", "invalid_filter_field"),
        ("limit=0", "invaliddata"),
        ("offset=-1", "invaliddata"),
    ] {
        let (status, body) = answer(query);
        let reason = &body["imsx_CodeMinor"]["imsx_codeMinorField"][0]["imsx_codeMinorFieldValue"];
        assert_eq!((status, reason), (400, &json!(minor)), "{query}");
    }
    assert_eq!(world.server.answer("lineItems", "").unwrap().status, 404);
}
