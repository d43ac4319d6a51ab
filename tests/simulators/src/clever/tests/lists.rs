//! The token list, pages, limits and the two versions of the API.

use super::*;

#[tokio::test]
async fn the_token_list_leads_to_every_page_of_a_list() {
    let world = world(&nights(300).night(0)).await;
    let tokens = world.tokens("?owner_type=district").await;
    assert_eq!(tokens.status, 200);
    assert!(
        !tokens.headers.contains_key("x-ratelimit-limit"),
        "only the Data API has rate-limit headers"
    );
    let [entry] = &tokens.body["data"].as_array().unwrap()[..] else { panic!("one district") };
    assert_eq!(
        keys(entry),
        ["access_token", "created", "id", "owner", "scopes"].into(),
        "items are flat"
    );
    assert_eq!(entry["owner"], json!({ "type": "district", "id": world.oak }));
    let token = entry["access_token"].as_str().unwrap();
    assert_eq!(
        (token.len(), tokens.body["links"][0]["uri"].as_str()),
        (40, Some("/oauth/tokens?owner_type=district"))
    );

    let districts = world.get("/v3.1/districts").await;
    assert_eq!(ids(&districts.objects()), [world.oak.as_str()]);
    assert_eq!(districts.body["data"][0]["uri"], format!("/v3.1/districts/{}", world.oak));

    let first = world.get("/v3.1/users?role=student").await;
    assert_eq!(keys(&first.body), ["data", "links"].into());
    assert_eq!(first.body["data"].as_array().unwrap().len(), 100, "the default limit");
    assert_eq!(
        (first.link("self").as_deref(), first.link("prev")),
        (Some("/v3.1/users?role=student"), None)
    );
    let objects = first.objects();
    let last = ids(&objects)[99];
    assert_eq!(first.link("next"), Some(format!("/v3.1/users?role=student&starting_after={last}")));
    let second = world.get(&first.link("next").unwrap()).await;
    let objects = second.objects();
    assert_eq!(
        second.link("prev"),
        Some(format!("/v3.1/users?role=student&ending_before={}", ids(&objects)[0]))
    );
    let back = world.get(&second.link("prev").unwrap()).await;
    assert_eq!(back.objects(), first.objects());
    assert!(back.link("next").is_some() && back.link("prev").is_none());

    let (students, pages) = world.all("/v3.1/users?role=student").await;
    assert_eq!((students.len(), pages), (300, 3));
    assert!(ids(&students).is_sorted() && ids(&students).iter().all(|id| id.len() == 24));
    let (same, pages) = world.all("/v3.1/users?limit=50&role=student").await;
    assert_eq!((same == students, pages), (true, 6));
    assert!(
        world
            .clever
            .requests()
            .iter()
            .any(|path| path.starts_with("/v3.1/users?limit=50&role=student&starting_after="))
    );
    let newest = world.get("/v3.1/users?role=student&ending_before=last&limit=1").await;
    assert_eq!(newest.objects(), students[299..]);
    let one = world.get(&format!("/v3.1/users/{}", ids(&students)[0])).await;
    assert_eq!(
        (one.body["data"] == students[0], keys(&one.body)),
        (true, ["data", "links"].into())
    );
}

#[tokio::test]
async fn version_3_1_only_adds_fields() {
    let world = world(&nights(100).night(0)).await;
    for list in ["users?role=student", "sections", "schools", "terms", "courses", "districts"] {
        let (old, new) =
            (world.get(&format!("/v3.0/{list}")).await, world.get(&format!("/v3.1/{list}")).await);
        let (old, new) = (&old.objects()[0], &new.objects()[0]);
        let (more, object) = match list {
            "users?role=student" => (vec!["frl_status", "iep_status"], "/roles/student"),
            "sections" => (vec!["lms_status"], ""),
            "districts" => (vec!["lms_state", "lms_type"], ""),
            _ => (vec![], ""),
        };
        let (old, new) = (old.pointer(object).unwrap(), new.pointer(object).unwrap());
        let added: BTreeSet<&str> = keys(new).difference(&keys(old)).copied().collect();
        assert_eq!(
            (added, keys(old).is_subset(&keys(new))),
            (more.into_iter().collect(), true),
            "{list}"
        );
    }
    let html = world
        .raw("/v2.1/students", &format!("Bearer {}", world.clever.token(&world.oak).unwrap()))
        .await
        .unwrap();
    assert_eq!((html.0, String::from_utf8_lossy(&html.2).contains("Cannot GET")), (404, true));
}

#[tokio::test]
async fn limits_match_clevers() {
    let world = world(&nights(50).night(0)).await;
    for (limit, status) in
        [("10000", 200), ("1", 200), ("10001", 413), ("0", 400), ("-1", 400), ("many", 400)]
    {
        let reply = world.get(&format!("/v3.1/users?limit={limit}")).await;
        assert_eq!(
            (limit, reply.status, reply.body["message"].is_string()),
            (limit, status, status != 200)
        );
    }
    assert_eq!(world.get("/v3.1/users?role=king").await.status, 400);
    // Windows are fixed minutes. Move to the start of the next one, which is unused.
    let into_the_minute = world.clock.now().as_second() % 60;
    world.clock.advance(Duration::from_secs(u64::try_from(60 - into_the_minute).unwrap()));
    world.clever.set_rate_limit(3);
    let replies = [
        world.get("/v3.1/terms").await,
        world.get("/v3.1/terms").await,
        world.get("/v3.1/terms").await,
    ];
    assert_eq!(replies.each_ref().map(|reply| reply.header("x-ratelimit-remaining")), [2, 1, 0]);
    assert_eq!(
        (replies[0].header("x-ratelimit-limit"), &replies[0].headers["x-ratelimit-bucket"]),
        (3, &"bearer".parse().unwrap())
    );
    let refused = world.get("/v3.1/terms").await;
    assert_eq!((refused.status, refused.headers.contains_key("retry-after")), (429, false));
    let reset = refused.header("x-ratelimit-reset");
    assert_eq!(reset % 60, 0);
    world.clock.advance_to(jiff::Timestamp::from_second(reset).unwrap());
    assert_eq!(world.get("/v3.1/terms").await.status, 200);
}
