//! The simulator against what is known of Clever: envelopes, cursors, limits, errors, sharing,
//! events; and every fault.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use districts::{District, Night, Size};
use serde_json::{Value, json};

use super::{CleverSimulator, Fault, List, Sharing, State, id};
use crate::client::{Api, ApiError};
use crate::clock::Clock;

const CLIENT: &str = "app";
const SECRET: &str = "an invented secret";

/// A Clever with one district, and somebody who asks it.
struct World {
    clever: CleverSimulator,
    clock: Clock,
    oak: String,
    http: Api,
}

struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

fn nights(students: u64) -> District {
    District::new(Size::students(students)).metadata(true).churn(10.0)
}

async fn world(night: &Night) -> World {
    let clock = Clock::new();
    let clever = CleverSimulator::start(CLIENT, SECRET, clock.clone()).await.unwrap();
    let oak = id("district", "oak");
    clever.connect(&oak, night);
    World { http: Api::new(&clever.url(), None), clever, clock, oak }
}

impl World {
    async fn raw(&self, path: &str, authority: &str) -> Result<(u16, HeaderMap, Bytes), ApiError> {
        let reply = self
            .http
            .send(Method::GET, path, &[("authorization", authority)], Bytes::new())
            .await?;
        Ok((reply.status, reply.headers, reply.body))
    }

    async fn ask(&self, path: &str, authority: &str) -> Reply {
        let (status, headers, body) = self.raw(path, authority).await.unwrap();
        Reply { status, headers, body: serde_json::from_slice(&body).unwrap_or_default() }
    }

    /// Asks with the district's present token.
    async fn get(&self, path: &str) -> Reply {
        self.ask(path, &format!("Bearer {}", self.clever.token(&self.oak).unwrap_or_default()))
            .await
    }

    async fn tokens(&self, query: &str) -> Reply {
        let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{SECRET}")));
        self.ask(&format!("/oauth/tokens{query}"), &basic).await
    }

    /// All objects of a list, page by page, and how many pages there were.
    async fn all(&self, path: &str) -> (Vec<Value>, u32) {
        let (mut next, mut all, mut pages) = (Some(path.to_owned()), Vec::new(), 0);
        while let Some(path) = next {
            let page = self.get(&path).await;
            assert_eq!(page.status, 200, "{path}");
            all.extend(page.objects());
            next = page.link("next");
            pages += 1;
        }
        (all, pages)
    }
}

impl Reply {
    fn objects(&self) -> Vec<Value> {
        self.body["data"].as_array().unwrap().iter().map(|item| item["data"].clone()).collect()
    }

    fn link(&self, rel: &str) -> Option<String> {
        let links = self.body["links"].as_array().unwrap();
        links
            .iter()
            .find(|link| link["rel"] == rel)
            .map(|link| link["uri"].as_str().unwrap().to_owned())
    }

    fn header(&self, name: &str) -> i64 {
        self.headers[name].to_str().unwrap().parse().unwrap()
    }
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

fn ids(objects: &[Value]) -> Vec<&str> {
    objects.iter().map(|object| object["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn from_the_token_list_to_the_last_page() {
    let world = world(&nights(300).night(0)).await;
    let tokens = world.tokens("?owner_type=district").await;
    assert_eq!(tokens.status, 200);
    assert!(!tokens.headers.contains_key("x-ratelimit-limit"), "only the Data API tells a limit");
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
    assert_eq!(
        first.body["data"].as_array().unwrap().len(),
        100,
        "unless something else is asked for"
    );
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
async fn objects_have_the_fields_of_the_recordings() {
    let world = world(&nights(200).night(0)).await;
    let (sections, _) = world.all("/v3.0/sections?limit=1000").await;
    let recorded = [
        "course",
        "created",
        "district",
        "ext",
        "grade",
        "id",
        "last_modified",
        "name",
        "period",
        "school",
        "section_number",
        "sis_id",
        "students",
        "subject",
        "teacher",
        "teachers",
        "term_id",
    ];
    assert!(sections.iter().all(|section| keys(section) == recorded.into()));
    assert!(
        sections.iter().all(|section| section["teacher"] == section["teachers"][0]),
        "the primary one is the first"
    );
    assert!(
        sections.iter().any(|section| section["teachers"].as_array().unwrap().len() > 1),
        "co-teachers stand behind"
    );
    let (users, _) = world.all("/v3.0/users?limit=1000").await;
    let of =
        |role: &'static str| users.iter().filter(move |user| user["roles"].get(role).is_some());
    let student = &of("student").next().unwrap()["roles"]["student"];
    let recorded = [
        "credentials",
        "dob",
        "email",
        "enrollments",
        "ext",
        "gender",
        "grade",
        "graduation_year",
        "hispanic_ethnicity",
        "location",
        "race",
        "school",
        "schools",
        "sis_id",
        "state_id",
        "student_number",
    ];
    assert!(
        keys(student).is_superset(&recorded.into()) && !keys(student).contains("iep_status"),
        "{student}"
    );
    let teacher = &of("teacher").next().unwrap()["roles"]["teacher"];
    assert!(keys(teacher).is_superset(
        &["legacy_id", "school", "schools", "sis_id", "teacher_number", "title"].into()
    ));
    // Quirks: a contact's whole name is in `last`; unknown is blank; days are not padded.
    let contact = of("contact").next().unwrap();
    assert_eq!(keys(&contact["name"]), ["last"].into());
    assert!(contact["name"]["last"].as_str().unwrap().contains(' '));
    assert!(contact["roles"]["contact"]["student_relationships"][0]["student"].is_string());
    let born: Vec<&str> =
        of("student").map(|user| user["roles"]["student"]["dob"].as_str().unwrap()).collect();
    assert!(
        born.iter()
            .all(|day| day.split('/').count() == 3 && !day.starts_with('0') && !day.contains("/0"))
    );
    assert!(
        of("student").any(|user| user["email"] == "")
            && of("student").any(|user| user["roles"]["student"]["gender"] == "")
    );
    assert!(of("student").any(|user| user["roles"]["student"]["grade"] == "Kindergarten"));
    assert_eq!(of("staff").count(), 0, "staff are shared only if the district says so");
    world.clever.share_staff(&world.oak, true);
    assert!(!world.all("/v3.0/users?role=staff").await.0.is_empty());
}

#[tokio::test]
async fn an_employee_with_several_roles_is_one_user_who_is_listed_under_each_that_is_shared() {
    let world = world(&nights(600).night(0)).await;
    let listed =
        async |role: &str| world.all(&format!("/v3.1/users?limit=1000&role={role}")).await.0;
    let teachers = listed("teacher").await;
    assert!(teachers.iter().all(|teacher| keys(&teacher["roles"]) == ["teacher"].into()));
    assert!(listed("staff").await.is_empty() && listed("district_admin").await.is_empty());
    world.clever.share_staff(&world.oak, true);
    let (teachers, staff) = (listed("teacher").await, listed("staff").await);
    let both: Vec<&Value> = teachers.iter().filter(|teacher| staff.contains(teacher)).collect();
    assert!(!both.is_empty() && both.len() < teachers.len() && both.len() < staff.len());
    assert_eq!(keys(&both[0]["roles"]), ["staff", "teacher"].into());
    let all = world.all("/v3.1/users?limit=1000").await.0;
    assert!(ids(&all).windows(2).all(|pair| pair[0] < pair[1]), "and once in the list of all");
    assert!(listed("district_admin").await.iter().all(|admin| staff.contains(admin)));
}

#[tokio::test]
async fn version_3_1_says_more_and_takes_nothing_away() {
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
async fn limits_are_those_of_clever() {
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
    // 1,200 a minute, in fixed windows: of the next one nothing is used.
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

#[tokio::test]
async fn nobody_gets_in_without_what_opens() {
    let world = world(&nights(50).night(0)).await;
    assert_eq!(
        world.ask("/oauth/tokens?owner_type=district", "Basic bm9ib2R5Om5vdGhpbmc=").await.status,
        401
    );
    let void = world.ask("/v3.1/districts", "Bearer 0000").await;
    assert_eq!((void.status, keys(&void.body)), (401, ["message"].into()));
    let old = format!("Bearer {}", world.clever.token(&world.oak).unwrap());
    assert_eq!(world.ask("/oauth/tokeninfo", &old).await.body["client_id"], CLIENT);
    world.clever.rotate_token(&world.oak);
    assert_eq!(
        (
            world.ask("/v3.1/districts", &old).await.status,
            world.get("/v3.1/districts").await.status
        ),
        (401, 200)
    );
    let before = format!("Bearer {}", world.clever.token(&world.oak).unwrap());
    world.clever.disconnect(&world.oak);
    assert_eq!(world.ask("/v3.1/districts", &before).await.status, 401);
    assert_eq!(
        world.tokens("?owner_type=district").await.body["data"],
        json!([]),
        "it is gone from the list"
    );
    world.clever.reconnect(&world.oak);
    assert_eq!(
        (
            world.ask("/v3.1/districts", &before).await.status,
            world.get("/v3.1/districts").await.status
        ),
        (401, 200)
    );
    // Another district's token opens the other district alone.
    let elm = id("district", "elm");
    world.clever.connect(&elm, &nights(50).seed(2).night(0));
    assert_eq!(world.get(&format!("/v3.1/districts/{elm}")).await.status, 404);
    let hers = world.clever.ids(&elm, List::Users);
    assert_eq!(world.get(&format!("/v3.1/users/{}", hers[0])).await.status, 404);
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
async fn what_is_not_shared_is_not_there_though_sections_name_it() {
    let world = world(&nights(200).night(0)).await;
    let (everybody, _) = world.all("/v3.1/users?limit=1000").await;
    let (sections, _) = world.all("/v3.1/sections?limit=1000").await;
    world.clever.share(&world.oak, Sharing::Nothing);
    for list in ["users", "sections", "schools", "terms", "courses"] {
        assert_eq!(world.get(&format!("/v3.1/{list}")).await.body["data"], json!([]), "{list}");
    }
    assert_eq!(world.get("/v3.1/districts").await.status, 200, "it is connected all the same");
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
    assert!(!people.is_empty() && people.len() < everybody.len());
    let other =
        everybody.iter().find(|user| !people.contains(user)).unwrap()["id"].as_str().unwrap();
    let gone = world.get(&format!("/v3.1/users/{other}")).await;
    assert_eq!((gone.status, keys(&gone.body)), (404, ["message"].into()));

    world.clever.share(&world.oak, Sharing::All);
    let section = &sections[0];
    let student = section["students"][0].as_str().unwrap().to_owned();
    world.clever.withhold(&world.oak, [student.clone()]);
    let now = world.get(&format!("/v3.1/sections/{}", section["id"].as_str().unwrap())).await;
    assert_eq!(
        now.body["data"]["students"], section["students"],
        "the section goes on naming the student"
    );
    assert_eq!(world.get(&format!("/v3.1/users/{student}")).await.status, 404);
    let people = world
        .get(&format!("/v3.1/sections/{}/users?role=student", section["id"].as_str().unwrap()))
        .await;
    assert_eq!(people.objects().len(), section["students"].as_array().unwrap().len() - 1);
}

#[tokio::test]
async fn what_belongs_to_a_record_is_found_through_it() {
    let world = world(&nights(120).night(0)).await;
    let (sections, _) = world.all("/v3.1/sections?limit=1000").await;
    let section = sections
        .iter()
        .find(|section| section["teachers"].as_array().is_some_and(|all| !all.is_empty()))
        .unwrap();
    let text = |object: &Value, field: &str| object[field].as_str().unwrap().to_owned();
    let (id, school, teacher) =
        (text(section, "id"), text(section, "school"), text(section, "teacher"));
    let student = section["students"][0].as_str().unwrap().to_owned();
    for (what, field) in [("school", "school"), ("course", "course"), ("term", "term_id")] {
        let found = world.get(&format!("/v3.1/sections/{id}/{what}")).await;
        assert_eq!((found.status, &found.body["data"]["id"]), (200, &section[field]), "{what}");
    }
    for path in
        [format!("/v3.1/schools/{school}/district"), format!("/v3.1/users/{student}/district")]
    {
        assert_eq!(world.get(&path).await.body["data"]["id"], world.oak.as_str());
    }
    let all = async |path: String| -> BTreeSet<String> {
        let (found, _) = world.all(&path).await;
        assert!(ids(&found).is_sorted());
        found.iter().map(|object| object["id"].as_str().unwrap().to_owned()).collect()
    };
    let of = |meant: &dyn Fn(&Value) -> bool, field: &str| -> BTreeSet<String> {
        let named = sections.iter().filter(|section| meant(section)).flat_map(|section| {
            match &section[field] {
                Value::Array(all) => all.clone(),
                one => vec![one.clone()],
            }
        });
        named.filter_map(|one| one.as_str().map(str::to_owned)).collect()
    };
    let has = |field: &'static str, who: &str| {
        let who = Value::from(who);
        move |section: &Value| section[field].as_array().unwrap().contains(&who)
    };
    let here = |section: &Value| section["school"] == school.as_str();
    assert_eq!(
        all(format!("/v3.1/schools/{school}/sections?limit=7")).await,
        of(&here, "id"),
        "in pages, as all lists"
    );
    assert_eq!(all(format!("/v3.1/schools/{school}/terms")).await, of(&here, "term_id"));
    assert_eq!(
        all(format!("/v3.1/users/{teacher}/sections")).await,
        of(&has("teachers", &teacher), "id")
    );
    assert_eq!(
        all(format!("/v3.1/users/{teacher}/mystudents?limit=1000")).await,
        of(&has("teachers", &teacher), "students")
    );
    assert_eq!(
        all(format!("/v3.1/users/{student}/myteachers")).await,
        of(&has("students", &student), "teachers")
    );
    assert!(all(format!("/v3.1/users/{student}/schools")).await.contains(&school));

    let (users, _) = world.all("/v3.1/users?limit=1000").await;
    let contact = users
        .iter()
        .find(|user| user["roles"]["contact"]["student_relationships"][0].is_object())
        .unwrap();
    let child =
        contact["roles"]["contact"]["student_relationships"][0]["student"].as_str().unwrap();
    assert!(
        all(format!("/v3.1/users/{child}/mycontacts"))
            .await
            .contains(contact["id"].as_str().unwrap())
    );
    assert!(all(format!("/v3.1/users/{}/mystudents", text(contact, "id"))).await.contains(child));

    // A student of another school who is here too.
    let schools = world.clever.ids(&world.oak, List::Schools);
    let other = schools.iter().find(|other| **other != school).unwrap();
    let both = json!([other, school]);
    world.clever.alter(&world.oak, List::Users, &student, |user| {
        user["roles"]["student"]["school"] = json!(other);
        user["roles"]["student"]["schools"] = both.clone();
    });
    let students = format!("/v3.1/schools/{school}/users?role=student&limit=1000");
    assert!(all(students.clone()).await.contains(&student));
    assert!(!all(format!("{students}&primary=true")).await.contains(&student));
    assert_eq!(world.get(&format!("/v3.1/schools/{school}/users?role=contact")).await.status, 400);
    assert_eq!(world.get(&format!("/v3.1/sections/{id}/nothing")).await.status, 404);
    assert_eq!(
        world.get("/v3.1/resources").await.body,
        json!({ "resources": [] }),
        "as it was recorded"
    );
    world.clever.withhold(&world.oak, [id.clone()]);
    assert_eq!(world.get(&format!("/v3.1/sections/{id}/users")).await.status, 404);
}

#[tokio::test]
async fn a_token_of_a_user_opens_nothing_that_a_pull_reads() {
    let world = world(&nights(60).night(0)).await;
    let user = world.clever.ids(&world.oak, List::Users)[0].clone();
    let token = world.clever.sign_in(&world.oak, &user);
    assert!(token.starts_with("il"));
    let ask = async |path: &str| world.ask(path, &format!("Bearer {token}")).await;
    assert_eq!(ask("/v3.1/me").await.body["data"]["id"], user.as_str());
    for (path, status) in [
        (format!("/v3.1/users/{user}"), 200),
        (format!("/v3.1/districts/{}", world.oak), 200),
        ("/v3.1/users".to_owned(), 404),
        ("/v3.1/sections".to_owned(), 404),
        ("/v3.1/districts".to_owned(), 404),
        ("/v3.1/resources".to_owned(), 404),
        (format!("/v3.1/users/{user}?limit=1"), 400),
    ] {
        assert_eq!(ask(&path).await.status, status, "{path}");
    }
    world.clever.disconnect(&world.oak);
    assert_eq!(ask("/v3.1/me").await.status, 401);
}

#[tokio::test]
async fn custom_sections_and_altered_records_live_through_syncs() {
    let district = nights(100);
    let world = world(&district.night(0)).await;
    let (schools, users) =
        (world.clever.ids(&world.oak, List::Schools), world.all("/v3.1/users?limit=1000").await.0);
    let of = |role: &str| {
        let all = users.iter().filter(|user| user["roles"].get(role).is_some());
        all.map(|user| user["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (teachers, students) = (of("teacher"), of("student"));
    let section = world.clever.custom_section(
        &world.oak,
        "Chess",
        &schools[0],
        &teachers[..3],
        &students[..5],
    );
    let student = &students[7];
    assert!(
        world
            .clever
            .alter(&world.oak, List::Users, student, |user| user["name"]["middle"] = Value::Null)
    );
    assert!(!world.clever.alter(&world.oak, List::Users, "nobody", |_| ()));
    for night in 1..3 {
        assert!(world.clever.sync(&world.oak, &district.night(night)));
        let chess = world.get(&format!("/v3.1/sections/{section}")).await.body["data"].clone();
        assert_eq!(
            (&chess["teacher"], &chess["teachers"]),
            (&json!(teachers[0]), &json!(teachers[..3]))
        );
        assert!(!keys(&chess).contains("custom"), "nothing marks it");
        assert_eq!(
            world.get(&format!("/v3.1/users/{student}")).await.body["data"]["name"]["middle"],
            Value::Null
        );
    }
}

#[tokio::test]
async fn a_night_that_changes_little_changes_little_and_tells_it_as_events() {
    let district = nights(300);
    let world = world(&district.night(0)).await;
    assert_eq!(
        world.get("/v3.1/events").await.body["data"],
        json!([]),
        "nothing is told of the time before"
    );
    let before = world.all("/v3.1/users?limit=10000&role=student").await.0;
    world.clock.advance(Duration::from_secs(24 * 3600));
    assert!(world.clever.sync(&world.oak, &district.night(1)));
    let after = world.all("/v3.1/users?limit=10000&role=student").await.0;
    let same = after.iter().filter(|student| before.contains(student)).count();
    assert!(same > 200 && same < after.len(), "times of what did not change stay: {same}");

    let (events, pages) = world.all("/v3.1/events").await;
    assert!(pages > 1 || events.len() <= 100);
    assert!(ids(&events).is_sorted());
    let kind = |event: &Value| event["type"].as_str().unwrap().to_owned();
    let kinds: BTreeSet<String> = events.iter().map(kind).collect();
    for expected in
        ["users.created", "users.updated", "users.deleted", "sections.updated", "districts.updated"]
    {
        assert!(kinds.contains(expected), "{expected}: {kinds:?}");
    }
    assert!(
        !kinds.iter().any(|kind| kind.starts_with("enrollments")),
        "there are none for enrolments"
    );
    let updated = events.iter().find(|event| event["type"] == "sections.updated").unwrap();
    assert_eq!(keys(updated), ["created", "data", "id", "type"].into());
    assert_eq!(
        keys(&updated["data"]),
        ["object", "previous_attributes"].into(),
        "beside the object, as recorded"
    );
    assert!(updated["created"].as_str().unwrap().ends_with(".000Z"), "whole seconds");
    for (name, was) in updated["data"]["previous_attributes"].as_object().unwrap() {
        assert_ne!(&updated["data"]["object"][name], was, "{name}");
    }
    let created = events.iter().find(|event| event["type"] == "users.created").unwrap();
    assert_eq!(keys(&created["data"]), ["object"].into());
    let district_event = events.iter().find(|event| event["type"] == "districts.updated").unwrap();
    assert_eq!(keys(&district_event["data"]["previous_attributes"]), ["last_sync"].into());

    let (only, _) = world.all("/v3.1/events?record_type=terms&record_type=users").await;
    assert!(!only.is_empty() && only.iter().all(|event| kind(event).starts_with("users.") || kind(event).starts_with("terms.")));
    let school = &world.clever.ids(&world.oak, List::Schools)[0];
    assert!(world.all(&format!("/v3.1/events?school={school}")).await.0.len() < events.len());
    let newest = world.get("/v3.1/events?ending_before=last&limit=1").await.objects();
    assert_eq!(newest, events[events.len() - 1..]);
    let one = world.get(&format!("/v3.1/events/{}", ids(&events)[0])).await;
    assert_eq!(one.body["data"], events[0]);
    let after = format!("/v3.1/events?starting_after={}", ids(&events)[events.len() - 1]);
    assert_eq!(world.get(&after).await.body["data"], json!([]));

    // Sharing less is as if it were deleted, sharing again as if it were made; and after thirty
    // days nothing is told any more.
    world.clever.share(&world.oak, Sharing::Nothing);
    let (gone, _) = world.all(&after).await;
    assert!(gone.len() > 300 && gone.iter().all(|event| kind(event).ends_with(".deleted")));
    world.clever.share(&world.oak, Sharing::All);
    let (back, _) =
        world.all(&format!("/v3.1/events?starting_after={}", ids(&gone)[gone.len() - 1])).await;
    assert!(back.len() == gone.len() && back.iter().all(|event| kind(event).ends_with(".created")));
    world.clock.advance(Duration::from_secs(30 * 24 * 3600 + 1));
    assert_eq!(world.get("/v3.1/events").await.body["data"], json!([]));
}

#[tokio::test]
async fn a_district_that_is_paused_or_in_error_stays_as_it_was() {
    let district = nights(100);
    let world = world(&district.night(0)).await;
    let before = world.all("/v3.1/users?limit=1000").await.0;
    let state = async || world.get("/v3.1/districts").await.objects()[0].clone();
    assert_eq!(
        (state().await["state"].clone(), state().await["error"].clone()),
        (json!("success"), json!(""))
    );
    let until = world.clock.now() + Duration::from_secs(3600);
    for (set, name) in [
        (State::Paused(Some(until)), "paused"),
        (State::Error, "error"),
        (State::Pending, "pending"),
    ] {
        world.clever.set_state(&world.oak, set);
        assert!(!world.clever.sync(&world.oak, &district.night(1)));
        let seen = state().await;
        assert_eq!(seen["state"], name);
        assert_eq!(
            (seen.get("pause_end").is_some(), seen["error"] != ""),
            (name == "paused", name == "error")
        );
        assert!(world.all("/v3.1/users?limit=1000").await.0 == before);
    }
    world.clever.set_state(&world.oak, State::Running);
    assert!(world.clever.sync(&world.oak, &district.night(1)));
    assert!(world.all("/v3.1/users?limit=1000").await.0 != before);
}

#[tokio::test]
async fn data_that_come_anew_during_a_pull_are_told_by_the_time_of_the_last_sync() {
    let district = nights(100);
    let world = world(&district.night(0)).await;
    let mark = async || world.get("/v3.1/districts").await.objects()[0]["last_sync"].clone();
    let before = mark().await;
    world.clock.advance(Duration::from_secs(60));
    world.clever.sync_during("/v3.1/users", 1, &world.oak, &district.night(1));
    let first = world.get("/v3.1/users?limit=50").await;
    assert_eq!(mark().await, before);
    let second = world.get(&first.link("next").unwrap()).await;
    assert_eq!(second.status, 200);
    let after = mark().await;
    assert_ne!(after, before);
    world.clever.fault("/v3.1/sections", 0, 1, Fault::NewData);
    assert_eq!((world.get("/v3.1/sections").await.status, mark().await != after), (200, true));
}

#[tokio::test]
async fn every_fault_is_a_switch() {
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
async fn a_token_list_can_fail_too() {
    let world = world(&nights(50).night(0)).await;
    world.clever.fault("/oauth/tokens", 0, 2, Fault::Html(503));
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(world.tokens("?owner_type=district").await.status);
    }
    assert_eq!(answers, [503, 503, 200]);
}
