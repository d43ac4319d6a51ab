//! Objects and their records: the same records and findings as of rows in files.

use serde_json::json;
use sources::oneroster_rest::Resource;

use crate::support::*;

#[tokio::test]
async fn a_small_district_is_imported_completely_without_findings() {
    let snapshot = World::new().snapshot().await;
    assert_eq!((snapshot.drops(), snapshot.enrollments), (0, 3));
    assert_eq!(
        snapshot.all("class"),
        [json!({
            "id": "c1",
            "details": {
                "title": " Reading c1", "code": "RD-1", "class_type": "scheduled", "location": "Room 4", "school": "s1", "course": "co1", "terms": ["t1"],
                "grades": ["03"], "periods": ["1", "3"] },
            "teachers": [{ "id": "te1", "primary": true }],
            "students": ["st1", { "id": "st2", "begin": "2026-08-20" }],
        })]
    );
    // A name with a comma is one name, and a year may be sent as a number.
    assert_eq!(snapshot.all("course")[0]["subjects"], json!(["Arts, Fine"]));
    assert_eq!(snapshot.all("term")[0]["school_year"], "2027");
    let student = snapshot.record("student", "st1").unwrap();
    assert_eq!(student["guardians"], json!(["gu1"]));
    assert_eq!(
        student["demographics"],
        json!({ "grades": ["03"], "races": ["asian", "white"], "gender": "female" })
    );
    assert_eq!(snapshot.record("guardian", "gu1").unwrap()["role"], "parent");
}

#[tokio::test]
async fn users_of_1_2_have_roles_in_orgs_and_preferred_names() {
    let snapshot = World::of_1_2().snapshot().await;
    assert_eq!((snapshot.drops(), snapshot.enrollments), (0, 3), "{:?}", snapshot.findings);
    assert_eq!(
        snapshot.record("teacher", "te1").unwrap()["person"]["schools"],
        json!(["s2", "s1"])
    );
    assert_eq!(snapshot.record("student", "st1").unwrap()["person"]["preferred_given"], "Addy");
    let second = snapshot.record("student", "st2").unwrap();
    assert_eq!(
        (&second["person"]["preferred_family"], second["person"].get("username")),
        (&json!("Moss"), None)
    );
    assert_eq!(snapshot.record("guardian", "gu1").unwrap()["children"], json!(["st1"]));
}

#[tokio::test]
async fn r_g3_relationships_count_from_either_side_and_teachers_are_not_guardians() {
    let world = World::new();
    world.server.put(
        Resource::Users,
        &user("gu1", "parent", json!({ "agents": [reference("user", "st2")] })),
    );
    world.server.put(
        Resource::Users,
        &user(
            "st1",
            "student",
            json!({ "agents": [reference("user", "gu1"), reference("user", "te1")] }),
        ),
    );
    let snapshot = world.snapshot().await;
    assert_eq!(snapshot.record("guardian", "gu1").unwrap()["children"], json!(["st1", "st2"]));
    assert_eq!((snapshot.count("agent_role"), snapshot.count("agent_one_way")), (1, 1));
    assert_eq!(snapshot.found("agent_role").0, "users");
}

#[tokio::test]
async fn r_h3_an_unreadable_object_does_not_affect_the_others() {
    for broken in [
        json!({ "givenName": { "first": "Ada" } }),
        json!({ "orgs": 7 }),
        json!({ "familyName": "Mo\u{0}ss" }),
        json!({ "agents": [["gu1"]] }),
        json!({ "status": { "is": "active" } }),
        json!({ "orgs": [{ "sourcedId": ["s1"] }] }),
        json!({ "familyName": null }),
        json!({ "familyName": "" }),
        json!({ "enabledUser": "perhaps" }),
        json!({ "status": "unheard-of" }),
    ] {
        let world = World::new();
        world.server.put(Resource::Users, &user("st2", "student", broken.clone()));
        let snapshot = world.snapshot().await;
        assert!(!snapshot.refused && snapshot.ids("student") == ["st1"], "{broken}");
        let unreadable = snapshot.all("gaps");
        assert!(
            unreadable.iter().any(|record| record.to_string().contains("st2")),
            "{broken}: {unreadable:?}"
        );
        assert!(snapshot.drops() >= 1);
    }
}

#[tokio::test]
async fn r_h3_an_item_without_an_id_keeps_all_records_of_its_kind_unchanged() {
    for nobody in [
        json!("user"),
        json!(null),
        json!({ "sourcedId": null, "givenName": "Ada" }),
        json!({ "sourcedId": 7.5, "role": [] }),
    ] {
        let world = World::new();
        world.server.put_all(
            Resource::Users,
            [user("te1", "teacher", json!({})), user("st1", "student", json!({})), nobody.clone()]
                .map(|user| {
                    (
                        user["sourcedId"].as_str().unwrap_or_default().to_owned(),
                        user.to_string().into(),
                    )
                })
                .to_vec(),
        );
        let snapshot = world.snapshot().await;
        assert_eq!(snapshot.ids("teacher"), ["te1"], "{nobody}");
        if nobody["sourcedId"] != json!(7.5) {
            assert!(
                snapshot
                    .all("gaps")
                    .iter()
                    .any(|gap| gap.to_string().contains("\"kind\":\"student\"")),
                "{nobody}"
            );
        }
    }
}

#[tokio::test]
async fn booleans_and_numbers_may_be_texts_and_deleted_records_are_removed() {
    let world = World::new();
    world.server.put(
        Resource::Users,
        &user("te1", "teacher", json!({ "enabledUser": false, "identifier": 17 })),
    );
    world.server.put(Resource::Users, &user("st2", "student", json!({ "status": "tobedeleted" })));
    let snapshot = world.snapshot().await;
    let teacher = snapshot.record("teacher", "te1").unwrap();
    assert_eq!(
        (&teacher["person"]["disabled"], &teacher["person"]["number"]),
        (&json!(true), &json!("17"))
    );
    assert_eq!((snapshot.ids("student"), snapshot.drops()), (vec!["st1".to_owned()], 0));
}

#[tokio::test]
async fn custom_fields_are_read_by_the_settings_and_reported_if_missing() {
    let fields = [
        ("state_id", "metadata.stateId"),
        ("ell", "metadata.edu.ELL"),
        ("frl", "metadata.lunch"),
        ("student_number", "userMasterIdentifier"),
    ];
    let world = World::new().read_by("sis", &fields);
    let own = json!({ "metadata": { "STATEID": 4711, "edu": { "ell": "Y" } }, "userMasterIdentifier": "U-1" });
    world.server.put(Resource::Users, &user("st1", "student", own));
    let snapshot = world.snapshot().await;
    let student = snapshot.record("student", "st1").unwrap();
    assert_eq!(
        (&student["person"]["state_id"], &student["demographics"]["ell"]),
        (&json!("4711"), &json!("Y"))
    );
    assert_eq!(snapshot.count("metadata_column_missing"), 2, "{:?}", snapshot.findings);
}

#[tokio::test]
async fn the_quirks_of_known_servers_are_supported() {
    let world = World::new();
    // ClassLink: an id may contain any character, including a comma.
    world.server.put(Resource::Orgs, &org("s,2|x", "school", Some("d1")));
    world.server.put(
        Resource::Users,
        &user(
            "te1",
            "teacher",
            json!({ "orgs": [reference("org", "s,2|x"), reference("org", "s1")] }),
        ),
    );
    // Ed-Fi: no username without an e-mail address, and unmapped codes are null.
    world.server.put(
        Resource::Users,
        &user("st1", "student", json!({ "username": "", "email": null, "grades": [null] })),
    );
    world.server.put(
        Resource::Classes,
        &class("c1", json!({ "classType": null, "classCode": null, "periods": null })),
    );
    // Infinite Campus: a relative. Rediker: an org type that does not exist.
    world.server.put(Resource::Users, &user("gu1", "relative", json!({})));
    world.server.put(Resource::Orgs, &org("x1", "departments", Some("d1")));
    let snapshot = world.snapshot().await;
    assert_eq!(
        snapshot.record("teacher", "te1").unwrap()["person"]["schools"],
        json!(["s,2|x", "s1"])
    );
    assert_eq!(snapshot.ids("student"), ["st1", "st2"]);
    assert_eq!(snapshot.record("class", "c1").unwrap()["details"].get("class_type"), None);
    assert_eq!(snapshot.record("guardian", "gu1").unwrap()["role"], "relative");
    assert_eq!(snapshot.found("value_unknown").0, "orgs");
    // Aeries: a class without a title is unchanged in the mirror.
    world.server.put(Resource::Classes, &class("c2", json!({ "title": "" })));
    let snapshot = world.snapshot().await;
    assert_eq!(
        (snapshot.ids("class"), snapshot.found("value_missing").0),
        (vec!["c1".to_owned()], "classes".into())
    );
}

#[tokio::test]
async fn an_optional_field_of_the_wrong_type_is_blank_and_the_record_stays() {
    let fields = ["phone", "sms", "middleName", "identifier", "email"];
    for field in fields {
        let world = World::new();
        let wrong = json!({ field: { "value": ["x"] } });
        world.server.put(Resource::Users, &user("st2", "student", wrong));
        let snapshot = world.snapshot().await;
        assert_eq!(snapshot.ids("student"), ["st1", "st2"], "{field}: {:?}", snapshot.findings);
        assert_eq!(snapshot.count("optional_value_unknown"), 1, "{field}");
        assert!(snapshot.all("gaps").is_empty(), "{field}: {:?}", snapshot.all("gaps"));
    }
    // A required field of the wrong type beside it still counts.
    let world = World::new();
    let wrong = json!({ "phone": {}, "familyName": {} });
    world.server.put(Resource::Users, &user("st2", "student", wrong));
    assert_eq!(world.snapshot().await.ids("student"), ["st1"]);
}

#[tokio::test]
async fn fields_of_1_0_and_references_without_an_object_are_read() {
    let world = World::new();
    world.server.put(
        Resource::Users,
        &user("st2", "student", json!({ "grades": null, "grade": "05", "orgs": ["s1"] })),
    );
    let snapshot = world.snapshot().await;
    let student = snapshot.record("student", "st2").unwrap();
    assert_eq!(student["demographics"]["grades"], json!(["05"]));
    assert_eq!((snapshot.drops(), &student["person"]["schools"]), (0, &json!(["s1"])));
}

#[tokio::test]
async fn enrollments_without_a_school_and_dates_with_a_time_are_read() {
    let world = World::new();
    let whole = world.snapshot().await;
    let times = json!({ "school": null, "beginDate": "2026-08-20T00:00:00.000Z" });
    let ids: Vec<String> = whole.all("class")[0]["students"]
        .as_array()
        .unwrap()
        .iter()
        .map(|student| student["id"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert!(ids.contains(&"st2".to_owned()));
    world.server.put(Resource::Enrollments, &enrollment("e9", "c1", "st1", "student", times));
    let snapshot = world.snapshot().await;
    assert_eq!(snapshot.drops(), 0, "{:?}", snapshot.findings);
    let students = &snapshot.all("class")[0]["students"];
    assert!(students.as_array().unwrap().len() >= 2, "{students}");
}
