//! Credentials.

use roster::settings::{OneRoster, SignIn};
use sources::http::Secret;
use sources::oneroster_rest::{Access, PullError, Pulled};

use crate::support::*;

const CREDENTIALS: &str = r#"{"client_id": "rollbook", "client_secret": "open sesame&more"}"#;

fn oauth2(world: &mut World) {
    world.oneroster.sign_in = SignIn::Oauth2;
    world.oneroster.token_url = Some("https://sis.example.org/oauth/token".into());
    world.secret = CREDENTIALS.into();
}

#[tokio::test]
async fn a_token_that_expires_during_a_pull_is_replaced() {
    for in_form in [false, true] {
        let mut world = World::larger();
        oauth2(&mut world);
        world.server.grant("rollbook", "open sesame&more", 5, in_form, None);
        assert_eq!(world.snapshot().await.ids("student").len(), 11);
        assert!(world.server.given() > 3, "{}", world.server.given());
    }
}

#[tokio::test]
async fn a_rejected_token_is_replaced_once() {
    let mut world = World::larger();
    oauth2(&mut world);
    world.server.grant("rollbook", "open sesame&more", 0, false, None);
    assert!(matches!(world.pull().await.1, Err(PullError::Unauthorized)));
    assert_eq!(world.server.given(), 2);
    world.server.grant("rollbook", "something else", 100, false, None);
    assert!(matches!(world.pull().await.1, Err(PullError::Unauthorized)));
}

#[tokio::test]
async fn the_scopes_of_1_2_are_requested_until_one_is_granted() {
    let core = "https://purl.imsglobal.org/spec/or/v1p2/scope/roster-core.readonly";
    let mut world = World::of_1_2();
    oauth2(&mut world);
    world.server.grant("rollbook", "open sesame&more", 100, false, Some(core));
    assert_eq!(world.pull().await.1.unwrap(), Pulled::Whole);
    world.oneroster.scope = Some("own.scope".into());
    assert!(matches!(world.pull().await.1, Err(PullError::Unauthorized)));
    world.server.grant("rollbook", "open sesame&more", 100, false, Some("own.scope"));
    assert_eq!(world.pull().await.1.unwrap(), Pulled::Whole);
}

#[tokio::test]
async fn a_wrong_token_reads_nothing() {
    let mut world = World::larger();
    world.secret = "another".into();
    assert!(matches!(world.pull().await.1, Err(PullError::Unauthorized)));
    assert!(world.kept.pages().is_empty());
}

#[test]
fn a_secret_in_the_wrong_form_is_rejected() {
    let with = |sign_in: SignIn, secret: &str| {
        let token_url = Some("https://x/token".into());
        Access::of(
            &OneRoster { sign_in, token_url, ..OneRoster::at("https://x", "s") },
            &Secret::new(secret),
        )
        .is_some()
    };
    assert!(
        with(SignIn::Bearer, " 3f0c2f66\n")
            && !with(SignIn::Bearer, " ")
            && !with(SignIn::Bearer, "two words")
    );
    for sign_in in [SignIn::Oauth2, SignIn::Oauth1Sha1, SignIn::Oauth1Sha256] {
        assert!(
            with(sign_in, CREDENTIALS)
                && !with(sign_in, "token")
                && !with(sign_in, r#"{"client_id": "a"}"#)
        );
    }
}
