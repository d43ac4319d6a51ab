//! The token list.

use serde_json::json;
use sources::clever::memory::{Fault, MemoryClever};
use sources::clever::{Connected, TokensError};
use sources::http::{NoAnswer, Secret};

use crate::support::*;

async fn connected(world: &World, district: Option<&str>) -> Result<Vec<Connected>, TokensError> {
    let secret = Secret::new(MemoryClever::CLIENT_SECRET);
    world
        .tokens()
        .connected(MemoryClever::CLIENT, &secret, district, &mut fastrand::Rng::with_seed(3))
        .await
}

#[tokio::test]
async fn the_list_has_the_connected_districts_and_prints_no_token() {
    let world = World::new();
    let other = id("district", 2);
    world.clever.connect(&other, "another");
    let all = connected(&world, None).await.unwrap();
    assert_eq!(
        all.iter().map(|one| one.district.as_str()).collect::<Vec<_>>(),
        [OAK, other.as_str()]
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    );
    assert!(!format!("{all:?}").contains("another"));
    let one = connected(&world, Some(OAK)).await.unwrap();
    assert_eq!((one.len(), one[0].token.reveal()), (1, TOKEN));
    assert_eq!(connected(&world, Some(&id("district", 3))).await.unwrap(), []);
}

#[tokio::test]
async fn an_incomplete_list_is_an_error() {
    let world = World::new();
    let next = |uri: &str| Fault::Next(uri.into());
    for fault in
        [next("https://evil.example/oauth/tokens?x"), next("/oauth/tokens?owner_type=district")]
    {
        world.clever.plan("/oauth/tokens", 0, 1, fault);
        assert!(matches!(connected(&world, None).await, Err(TokensError::Page)));
    }
    world.clever.plan("/oauth/tokens", 0, 6, Fault::None(NoAnswer::TimedOut));
    assert!(matches!(connected(&world, None).await, Err(TokensError::Down { tries: 6, .. })));
    world.clever.plan(
        "/oauth/tokens",
        0,
        1,
        Fault::Answer(401, json!({ "error": "no" }).to_string()),
    );
    assert!(matches!(connected(&world, None).await, Err(TokensError::Refused(401))));
    // A truncated list is requested again.
    world.clever.plan("/oauth/tokens", 0, 2, Fault::Truncated);
    assert_eq!(connected(&world, None).await.unwrap().len(), 1);
}
