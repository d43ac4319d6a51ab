//! Sign-in addresses (R-I5), and administrators (R-M5).

use std::sync::Arc;

use mirror::ports::directory::Directory;
use mirror::ports::districts::Districts as _;
use mirror::testing::memory::MemoryTable;
use roster::contract::Administrator;
use roster::id::AccountId;
use roster::personal::Personal;
use roster::records::{AnyMirrored, RecordKind, Status};
use serde_json::{Value, json};

use crate::world::*;

const PIA: &str = "/people/student/p1";
const ADA: &str = "/people/teacher/t1";
const GIL: &str = "/people/guardian/g1";

fn with_email(email: &str) -> Value {
    json!({ "email": email })
}

/// The address that a person signs in with.
async fn address(w: &World, path: &str) -> Value {
    w.get(&support(), path).await.body["account"]["sign_in_email"].clone()
}

/// The keys of the people who are found by an address.
async fn found(w: &World, email: &str) -> Vec<String> {
    let reply = w.post(&application(), "/people/lookup", with_email(email)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let mut keys: Vec<String> = reply.all("key").into_iter().map(str::to_owned).collect();
    keys.sort_unstable();
    keys
}

async fn boss(table: &MemoryTable) {
    let (email, account) = (Personal::new("boss@oak.org"), AccountId::new("boss-account"));
    table.put_administrator(&oak(), &Administrator { email, account }).await.unwrap();
}

#[tokio::test]
async fn r_i5_nobody_takes_the_address_of_another_account() {
    let w = world("family-directory").await;
    boss(&w.table).await;
    assert_eq!(
        w.post(&application(), &format!("{GIL}/account/accept"), json!({})).await.status,
        200
    );
    // A guardian sets a teacher's address, support that of a student; either set an administrator's.
    let ways =
        [(guardian(), format!("{GIL}/contact")), (support(), format!("{PIA}/sign-in-email"))];
    for (who, path) in &ways {
        for taken in ["ada@oak.org", " Sam@Oak.ORG", "boss@oak.org"] {
            let refused = w.put_json(who, path, with_email(taken)).await;
            assert_eq!(refused.refusal(), (409, "R-I5"), "{path} {taken}");
            let text = refused.body.to_string();
            for told in ["Ada", "Quill", "t1", "Sam", "p9", "boss", "south"] {
                assert!(!text.contains(told), "{text}");
            }
        }
    }
    // So is a person who is added by hand with such an address.
    let gus = |email: &str| json!({ "given": "Gus", "family": "Reed", "email": email });
    let path = "/people/student/p2/guardians";
    assert_eq!(w.post(&north_leader(), path, gus("cleo@oak.org")).await.refusal(), (409, "R-I5"));
    assert_eq!(address(&w, ADA).await, "ada@oak.org");
    assert_eq!(address(&w, GIL).await, "gil@home.org");

    // One's own address, a free one, and one of an archived account are no other's.
    let set = async |version: Option<&str>, email: &str| {
        let path = format!("{GIL}/contact");
        let reply = match version {
            None => w.put_json(&guardian(), &path, with_email(email)).await,
            Some(version) => w.put_at(&guardian(), &path, version, with_email(email)).await,
        };
        assert_eq!(reply.status, 200, "{email}: {}", reply.body);
        reply.version()
    };
    let own = set(None, "gil@home.org").await;
    let free = set(Some(&own), "gil@new.org").await;
    let mut pam = student("p3", person("Pam Yew", "pam@oak.org", "north"), &[], &[]);
    pam.status = Status::Archived;
    w.put(AnyMirrored::Student(pam)).await;
    let of_archived = set(Some(&free), "pam@oak.org").await;
    let last = set(Some(&of_archived), "gil@new.org").await;
    assert_eq!(address(&w, GIL).await, "gil@new.org");

    // What one person has set here is another account's too, until it is removed.
    let path = format!("{PIA}/sign-in-email");
    let pia = async || w.put_json(&support(), &path, with_email("gil@new.org")).await;
    assert_eq!(pia().await.refusal(), (409, "R-I5"));
    assert_eq!(
        w.post(&north_leader(), "/people/student/p2/guardians", gus("gil@new.org")).await.refusal(),
        (409, "R-I5")
    );
    assert_eq!(w.delete_at(&guardian(), &format!("{GIL}/contact"), &last).await.status, 204);
    assert_eq!(pia().await.status, 200);
    // A temporary address becomes the person's own.
    let own = w.put_json(&support(), &format!("{PIA}/contact"), with_email("gil@new.org")).await;
    assert_eq!(own.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_i5_of_requests_at_the_same_time_one_gets_the_address() {
    let w = Arc::new(world("clever").await);
    let mut puts = tokio::task::JoinSet::new();
    for key in ["p1", "p2", "p3", "p4", "p5", "p9"] {
        let w = Arc::clone(&w);
        puts.spawn(async move {
            let path = format!("/people/student/{key}/contact");
            w.put_json(&users_manager(), &path, with_email("same@oak.org")).await.status
        });
    }
    let mut ended = puts.join_all().await;
    ended.sort_unstable();
    assert_eq!(ended, [200, 409, 409, 409, 409, 409]);
    assert_eq!(found(&w, "same@oak.org").await.len(), 1);
}

#[tokio::test]
async fn r_i5_an_address_that_a_run_gives_to_a_second_account_signs_neither_in() {
    let w = world("family-directory").await;
    boss(&w.table).await;
    w.put_json(&support(), &format!("{PIA}/contact"), with_email("new@oak.org")).await;
    assert_eq!(address(&w, PIA).await, "new@oak.org");
    w.put(AnyMirrored::Teacher(teacher_record(
        "t2",
        person("Ben Moss", "new@oak.org", "north"),
        &[],
    )))
    .await;
    assert_eq!(address(&w, PIA).await, json!(null));
    assert_eq!(address(&w, "/people/teacher/t2").await, json!(null));
    assert_eq!(found(&w, "new@oak.org").await, ["p1", "t2"], "both are listed");
    // Support gives one of them another address: the other one can sign in again.
    let path = "/people/teacher/t2/sign-in-email";
    assert_eq!(w.put_json(&support(), path, with_email("ben@today.org")).await.status, 200);
    assert_eq!(address(&w, PIA).await, "new@oak.org");
    // An administrator's address signs in no teacher.
    w.put(AnyMirrored::Teacher(teacher_record(
        "t2",
        person("Ben Moss", "boss@oak.org", "north"),
        &[],
    )))
    .await;
    assert_eq!(address(&w, "/people/teacher/t2").await, "ben@today.org");
    w.put(AnyMirrored::Teacher(teacher_record(
        "t3",
        person("Cleo Fern", "boss@oak.org", "south"),
        &[],
    )))
    .await;
    assert_eq!(address(&w, "/people/teacher/t3").await, json!(null));
}

#[tokio::test]
async fn r_i5_people_are_looked_up_by_the_address_that_they_sign_in_with() {
    let w = world("clever").await;
    assert_eq!(found(&w, "pia@oak.org").await, ["p1"]);
    let path = format!("{PIA}/contact");
    let contact = w.put_json(&users_manager(), &path, with_email("pia@new.org")).await;
    assert_eq!(found(&w, "Pia@New.org").await, ["p1"]);
    assert!(found(&w, "pia@oak.org").await.is_empty(), "the former address");
    let path = format!("{PIA}/sign-in-email");
    let today = w.put_json(&support(), &path, with_email("pia@today.org")).await;
    assert_eq!(found(&w, "pia@today.org").await, ["p1"]);
    assert!(found(&w, "pia@new.org").await.is_empty());
    assert_eq!(w.delete_at(&support(), &path, &today.version()).await.status, 204);
    assert_eq!(found(&w, "pia@new.org").await, ["p1"]);
    let path = format!("{PIA}/contact");
    assert_eq!(w.delete_at(&users_manager(), &path, &contact.version()).await.status, 204);
    assert_eq!(found(&w, "pia@oak.org").await, ["p1"]);
    // A school's leader does not find the people of another school.
    let reply = w.post(&north_leader(), "/people/lookup", with_email("sam@oak.org")).await;
    assert_eq!((reply.status, reply.all("key").len()), (200, 0));
}

#[tokio::test]
async fn r_m5_support_links_a_teacher_to_an_administrator() {
    let w = world("clever").await;
    boss(&w.table).await;
    let put = async |path: &str, body| w.put_json(&support(), path, body).await;
    let link = |person: &str, administrator: &str| json!({ "person": person, "administrator": administrator });
    let nobody = put("/links/teacher/t1", link("t1", "nobody@oak.org")).await;
    assert_eq!(nobody.refusal(), (422, "R-M5"));
    let student = put("/links/student/p1", link("p1", "boss@oak.org")).await;
    assert_eq!(student.refusal(), (422, "R-M5"));
    // An address that was set here would become the administrator's.
    let path = format!("{ADA}/contact");
    let contact = w.put_json(&users_manager(), &path, with_email("clerk@oak.org")).await;
    let early = put("/links/teacher/t1", link("t1", "boss@oak.org")).await;
    assert_eq!(early.refusal(), (409, "R-M5"));
    assert_eq!(w.delete_at(&users_manager(), &path, &contact.version()).await.status, 204);

    let linked = put("/links/teacher/t1", link("t1", " Boss@oak.org")).await;
    assert_eq!((linked.status, &linked.body["administrator"]), (200, &json!("boss-account")));
    let stored = w.table.link(&oak(), RecordKind::Teacher, &"t1".into()).await.unwrap().unwrap();
    assert_eq!(stored.administrator, Some(AccountId::new("boss-account")));
    for who in ["users_manager", "district_leader", "school_leader"] {
        let who = token(who).schools(&["north"]);
        assert_eq!(
            w.put_json(&who, "/links/teacher/t2", link("t2", "boss@oak.org")).await.status,
            403
        );
    }
}

#[tokio::test]
async fn r_m5_only_support_changes_the_account_of_a_teacher_who_is_an_administrator() {
    let w = world("family-directory").await;
    boss(&w.table).await;
    let linked = json!({ "person": "t1", "administrator": "boss@oak.org" });
    assert_eq!(w.put_json(&support(), "/links/teacher/t1", linked).await.status, 200);
    w.post(&application(), &format!("{ADA}/account/accept"), json!({})).await;
    let changes = |n: usize| {
        [
            ("name", json!({ "given": "Eve" })),
            ("contact", json!({ "email": format!("eve{n}@oak.org") })),
            ("account", json!({ "enabled": false })),
            ("sign-in-email", json!({ "email": format!("eve-today{n}@oak.org") })),
        ]
    };
    let all = async |round: &str| {
        let roles = ["users_manager", "district_leader", "school_leader", "teacher", "operator"];
        for (n, role) in roles.into_iter().enumerate() {
            let who = token(role).schools(&["north"]).record("t1");
            for (what, body) in changes(n) {
                let path = format!("{ADA}/{what}");
                let refused = w.put_json(&who, &path, body).await;
                assert_eq!(refused.status, 403, "{round}: {role} {what} {}", refused.body);
                let deleted = w.delete_at(&who, &path, "\"x\"").await;
                assert!([403, 405].contains(&deleted.status), "{round}: {role} {what}");
            }
        }
    };
    // From the moment of the link, and after the run that carries it out, also without the link.
    all("linked").await;
    let mut ada = teacher_record("t1", person("Ada Quill", "ada@oak.org", "north"), &["c1"]);
    (ada.account, ada.state.administrator) = (Some(AccountId::new("boss-account")), true);
    w.put(AnyMirrored::Teacher(ada)).await;
    all("carried out").await;
    let link = w.get(&support(), "/links/teacher/t1").await.version();
    assert_eq!(w.delete_at(&support(), "/links/teacher/t1", &link).await.status, 204);
    all("unlinked").await;
    for (what, body) in changes(9).into_iter().filter(|(what, _)| *what != "account") {
        let changed = w.put_json(&support(), &format!("{ADA}/{what}"), body).await;
        assert_eq!(changed.status, 200, "{what} {}", changed.body);
    }
    let account = w.get(&support(), ADA).await.body["edits"]
        .as_array()
        .unwrap()
        .iter()
        .find(|edit| edit["slot"] == "ACCOUNT")
        .unwrap()["version"]
        .as_str()
        .unwrap()
        .to_owned();
    let off = w
        .put_at(
            &support(),
            &format!("{ADA}/account"),
            &format!("\"{account}\""),
            json!({ "enabled": false }),
        )
        .await;
    assert_eq!(off.status, 200);
    // Other teachers are as before.
    assert_eq!(
        w.put_json(&users_manager(), "/people/teacher/t2/name", json!({ "given": "B" }))
            .await
            .status,
        200
    );
    assert_eq!(
        w.put_json(&north_leader(), "/people/teacher/t2/account", json!({ "enabled": false }))
            .await
            .status,
        200
    );
}
