//! Tokens, and what a district shares.

use super::*;

#[tokio::test]
async fn a_request_needs_valid_credentials() {
    let world = world(&nights(50).night(0)).await;
    assert_eq!(
        world
            .request("/oauth/tokens?owner_type=district", "Basic bm9ib2R5Om5vdGhpbmc=")
            .await
            .status,
        401
    );
    let void = world.request("/v3.1/districts", "Bearer 0000").await;
    assert_eq!((void.status, keys(&void.body)), (401, ["message"].into()));
    let old = format!("Bearer {}", world.clever.token(&world.oak).unwrap());
    assert_eq!(world.request("/oauth/tokeninfo", &old).await.body["client_id"], CLIENT);
    world.clever.rotate_token(&world.oak);
    assert_eq!(
        (
            world.request("/v3.1/districts", &old).await.status,
            world.get("/v3.1/districts").await.status
        ),
        (401, 200)
    );
    let before = format!("Bearer {}", world.clever.token(&world.oak).unwrap());
    world.clever.disconnect(&world.oak);
    assert_eq!(world.request("/v3.1/districts", &before).await.status, 401);
    assert_eq!(
        world.tokens("?owner_type=district").await.body["data"],
        json!([]),
        "it is missing from the list"
    );
    world.clever.reconnect(&world.oak);
    assert_eq!(
        (
            world.request("/v3.1/districts", &before).await.status,
            world.get("/v3.1/districts").await.status
        ),
        (401, 200)
    );
    // A token gives access to its own district only.
    let elm = id("district", "elm");
    world.clever.connect(&elm, &nights(50).seed(2).night(0));
    assert_eq!(world.get(&format!("/v3.1/districts/{elm}")).await.status, 404);
    let users = world.clever.ids(&elm, List::Users);
    assert_eq!(world.get(&format!("/v3.1/users/{}", users[0])).await.status, 404);
    assert_eq!(
        world.tokens(&format!("?owner_type=district&district={elm}")).await.body["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    world.clever.page_tokens(1);
    let first = world.tokens("?owner_type=district").await;
    assert!(
        first
            .link("next")
            .unwrap()
            .starts_with("/oauth/tokens?owner_type=district&starting_after=")
    );
}

#[tokio::test]
async fn unshared_records_are_missing_even_if_a_section_lists_them() {
    let world = world(&nights(200).night(0)).await;
    let (everyone, _) = world.all("/v3.1/users?limit=1000").await;
    let (sections, _) = world.all("/v3.1/sections?limit=1000").await;
    world.clever.share(&world.oak, Sharing::Nothing);
    for list in ["users", "sections", "schools", "terms", "courses"] {
        assert_eq!(world.get(&format!("/v3.1/{list}")).await.body["data"], json!([]), "{list}");
    }
    assert_eq!(world.get("/v3.1/districts").await.status, 200, "the district is still connected");
    let school = world.clever.ids(&world.oak, List::Schools)[0].clone();
    world.clever.share(&world.oak, Sharing::Schools([school.clone()].into()));
    assert_eq!(ids(&world.all("/v3.1/schools").await.0), [school.as_str()]);
    let (some, _) = world.all("/v3.1/sections?limit=1000").await;
    assert!(
        !some.is_empty()
            && some.len() < sections.len()
            && some.iter().all(|section| section["school"] == school.as_str())
    );
    let (people, _) = world.all("/v3.1/users?limit=1000").await;
    assert!(!people.is_empty() && people.len() < everyone.len());
    let other =
        everyone.iter().find(|user| !people.contains(user)).unwrap()["id"].as_str().unwrap();
    let missing = world.get(&format!("/v3.1/users/{other}")).await;
    assert_eq!((missing.status, keys(&missing.body)), (404, ["message"].into()));

    world.clever.share(&world.oak, Sharing::All);
    let section = &sections[0];
    let student = section["students"][0].as_str().unwrap().to_owned();
    world.clever.withhold(&world.oak, [student.clone()]);
    let now = world.get(&format!("/v3.1/sections/{}", section["id"].as_str().unwrap())).await;
    assert_eq!(
        now.body["data"]["students"], section["students"],
        "the section still lists the student"
    );
    assert_eq!(world.get(&format!("/v3.1/users/{student}")).await.status, 404);
    let people = world
        .get(&format!("/v3.1/sections/{}/users?role=student", section["id"].as_str().unwrap()))
        .await;
    assert_eq!(people.objects().len(), section["students"].as_array().unwrap().len() - 1);
}

#[tokio::test]
async fn a_user_token_cannot_read_what_a_pull_reads() {
    let world = world(&nights(60).night(0)).await;
    let user = world.clever.ids(&world.oak, List::Users)[0].clone();
    let token = world.clever.sign_in(&world.oak, &user);
    assert!(token.starts_with("il"));
    let request = async |path: &str| world.request(path, &format!("Bearer {token}")).await;
    assert_eq!(request("/v3.1/me").await.body["data"]["id"], user.as_str());
    for (path, status) in [
        (format!("/v3.1/users/{user}"), 200),
        (format!("/v3.1/districts/{}", world.oak), 200),
        ("/v3.1/users".to_owned(), 404),
        ("/v3.1/sections".to_owned(), 404),
        ("/v3.1/districts".to_owned(), 404),
        ("/v3.1/resources".to_owned(), 404),
        (format!("/v3.1/users/{user}?limit=1"), 400),
    ] {
        assert_eq!(request(&path).await.status, status, "{path}");
    }
    world.clever.disconnect(&world.oak);
    assert_eq!(request("/v3.1/me").await.status, 401);
}
