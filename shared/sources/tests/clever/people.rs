//! People: roles, schools, names, contacts, demographics.

use roster::finding::source;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn a_small_district_is_imported_completely_without_findings() {
    let mut world = World::new();
    world.overrides.insert("demographics".into(), json!("mirror"));
    let snapshot = world.snapshot().await;
    assert_eq!(
        (snapshot.codes(), snapshot.enrollments, snapshot.all("gaps")),
        (vec![], 3, &[][..])
    );
    let (school, class) = (id("school", 1), id("section", 1));
    assert_eq!(
        snapshot.all("school"),
        [json!({ "id": school, "name": "School 1", "identifier": "13K1", "parent": OAK })]
    );
    assert_eq!(
        snapshot.all("course"),
        [json!({ "id": id("course", 1), "title": "Reading", "code": "R1", "org": OAK })]
    );
    assert_eq!(
        snapshot.record("student", "user", 11).unwrap(),
        &json!({
            "id": id("user", 11),
            "person": { "given": "Ada", "family": "Pupil11", "email": "pupil11@example.org", "username": "pupil11", "number": "N11", "state_id": "S11", "sis_id": "911", "schools": [school] },
            "demographics": {
                "grades": ["6"], "races": ["asian"], "hispanic": "false", "gender": "X", "birth_date": "2014-01-20", "ell": "Y", "frl": "Free" },
            "guardians": [id("user", 21)], "classes": [class],
        })
    );
    assert_eq!(
        snapshot.all("teacher"),
        [json!({
            "id": id("user", 1),
            "person": { "given": "Tove", "family": "Teacher1", "email": "t1@example.org", "number": "T1", "schools": [school] },
            "classes": [{ "id": class, "primary": true }],
        })]
    );
    // A contact has the full name in `last`; a mobile number is used for text messages.
    assert_eq!(
        snapshot.all("guardian"),
        [
            json!({ "id": id("user", 21), "person": { "family": "Ada Guardian", "sms": "+13125550142" }, "role": "parent", "children": [id("user", 11)] })
        ]
    );
}

#[tokio::test]
async fn r_m7_ignored_demographics_are_not_in_the_snapshot() {
    let world = World::new();
    world.clever.put(
        "users",
        student(11, json!({ "roles": { "student": { "dob": "soon", "race": "Martian" } } })),
    );
    let snapshot = world.snapshot().await;
    assert_eq!(snapshot.codes(), []);
    let text = format!("{:?}", snapshot.all("student"));
    assert!(!text.contains("demographics") && !text.contains("2014") && !text.contains("Free"));
}

#[tokio::test]
async fn absent_null_blank_and_numbers_are_all_read() {
    let mut world = World::new();
    world.overrides.insert("demographics".into(), json!("mirror"));
    let role = json!({ "school": id("school", 1), "schools": null, "student_number": 17, "state_id": "", "grade": null, "dob": "", "gender": "", "race": "Unknown",
        "hispanic_ethnicity": "", "credentials": null, "preferred_name": { "first": "Lin" }, "email": [] });
    let bare = json!({ "id": id("user", 13), "name": { "first": "Bo", "last": "Bare" }, "roles": { "student": role, "teacher": null } });
    world.clever.put("users", bare);
    let snapshot = world.snapshot().await;
    assert_eq!(
        snapshot.record("student", "user", 13).unwrap(),
        &json!({ "id": id("user", 13), "person": { "given": "Bo", "family": "Bare", "preferred_given": "Lin", "number": "17", "schools": [id("school", 1)] } })
    );
    assert_eq!(snapshot.codes(), [("students_without_class", 1)]);
}

#[tokio::test]
async fn birth_dates_have_two_formats_and_invalid_ones_are_not_quoted() {
    let mut world = World::new();
    world.overrides.insert("demographics".into(), json!("mirror"));
    for (number, dob) in [(11, "2014-01-20"), (12, "20.1.2014")] {
        world
            .clever
            .put("users", student(number, json!({ "roles": { "student": { "dob": dob } } })));
    }
    let snapshot = world.snapshot().await;
    assert_eq!(
        snapshot.record("student", "user", 11).unwrap()["demographics"]["birth_date"],
        "2014-01-20"
    );
    assert_eq!(
        snapshot.record("student", "user", 12).unwrap()["demographics"].get("birth_date"),
        None
    );
    assert_eq!(snapshot.codes(), [("date_format", 1)]);
    assert!(!snapshot.found("date_format").contains("20.1"));
}

#[tokio::test]
async fn r_a6_unshared_schools_are_ignored_for_users_with_a_shared_one() {
    let world = World::new();
    let schools =
        json!({ "school": id("school", 9), "schools": [id("school", 9), id("school", 1)] });
    world.clever.put("users", student(11, json!({ "roles": { "student": schools } })));
    let snapshot = world.snapshot().await;
    assert_eq!(snapshot.codes(), []);
    assert_eq!(
        snapshot.record("student", "user", 11).unwrap()["person"]["schools"],
        json!([id("school", 1)])
    );
    assert_eq!(snapshot.all("gaps"), &[] as &[serde_json::Value]);
}

#[tokio::test]
async fn r_h3_users_with_only_unshared_schools_are_unchanged_like_the_schools() {
    let world = World::new();
    let schools = json!({ "school": id("school", 9), "schools": [id("school", 9)] });
    world.clever.put("users", student(11, json!({ "roles": { "student": schools } })));
    let snapshot = world.snapshot().await;
    assert_eq!(snapshot.codes(), [("school_not_shared", 1)]);
    assert!(snapshot.record("student", "user", 11).is_none());
    // The section is readable, and so is the enrollment.
    assert_eq!(
        snapshot.all("gaps"),
        [
            json!({ "gap": "record", "kind": "school", "id": id("school", 9), "reason": "referenced" }),
            json!({ "gap": "record", "kind": "student", "id": id("user", 11), "classes": [id("section", 1)] }),
        ]
    );
}

#[tokio::test]
async fn a_user_with_several_roles_is_imported_once_and_staff_gets_no_account() {
    let world = World::new();
    let staff = json!({ "staff": { "schools": [id("school", 1)], "title": "Counselor" } });
    world.clever.put("users", teacher(1, json!({ "roles": staff })));
    world.clever.put(
        "users",
        json!({ "id": id("user", 2), "district": OAK, "name": { "first": "Sam", "last": "Staff" }, "roles": staff }),
    );
    world.clever.put(
        "users",
        json!({ "id": id("user", 3), "district": OAK, "name": {}, "roles": { "district_admin": { "title": "" } } }),
    );
    let snapshot = world.snapshot().await;
    assert_eq!(
        (snapshot.all("teacher").len(), snapshot.codes()),
        (1, vec![("role_not_rostered", 2)])
    );
    assert_eq!(snapshot.all("gaps"), &[] as &[serde_json::Value]);
}

#[tokio::test]
async fn emergency_contacts_are_not_guardians_and_relatives_are() {
    let world = World::new();
    let related = |relationship: &str, kind: &str| json!([{ "student": id("user", 11), "relationship": relationship, "type": kind }]);
    let contact = |number: u32, related: serde_json::Value| {
        let mut contact =
            contact(number, 11, json!({ "name": { "last": format!("Con Tact{number}") } }));
        contact["roles"]["contact"]["student_relationships"] = related;
        world.clever.put("users", contact);
    };
    contact(22, related("Other", "Emergency"));
    contact(23, related("Self", ""));
    contact(24, related("Grandparent", "Emergency"));
    contact(25, related("", "Primary"));
    let snapshot = world.snapshot().await;
    let roles: Vec<_> = snapshot
        .all("guardian")
        .iter()
        .map(|guardian| guardian["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles.len(), 3);
    for (number, role) in [(21, "parent"), (24, "relative"), (25, "guardian")] {
        assert_eq!(snapshot.record("guardian", "user", number).unwrap()["role"], role);
    }
    assert_eq!(snapshot.codes(), [("contact_not_guardian", 1), ("role_not_rostered", 1)]);
    assert!(snapshot.found("contact_not_guardian").starts_with('2'));
}

#[tokio::test]
async fn a_guardian_of_an_unshared_student_is_kept_and_the_student_counted() {
    let world = World::new();
    world.clever.put("users", contact(21, 99, json!({})));
    let snapshot = world.snapshot().await;
    assert_eq!(snapshot.codes(), [("children_not_shared", 1)]);
    assert_eq!(snapshot.record("guardian", "user", 21).unwrap().get("children"), None);
}

#[tokio::test]
async fn malformed_phones_and_emails_are_blank() {
    let world = World::new();
    world.clever.put("users", student(11, json!({ "email": "nobody" })));
    world
        .clever
        .put("users", contact(21, 11, json!({ "roles": { "contact": { "phone": "555" } } })));
    let snapshot = world.snapshot().await;
    assert_eq!(snapshot.codes(), [("email_malformed", 1), ("phone_malformed", 1)]);
    assert!(!snapshot.found("email_malformed").contains("nobody"));
    assert_eq!(snapshot.record("student", "user", 11).unwrap()["person"].get("email"), None);
}

#[tokio::test]
async fn r_h3_an_unreadable_record_does_not_affect_the_others() {
    let world = World::new();
    // Damaged, without name, without role, of another district, and one without a readable id.
    world.clever.put("users", student(31, json!({ "roles": { "student": { "schools": "all" } } })));
    world.clever.put("users", student(32, json!({ "name": { "first": "", "last": null } })));
    world.clever.put("users", student(33, json!({ "district": id("district", 2) })));
    let mut without_id = student(34, json!({}));
    without_id["id"] = json!("");
    world.clever.put("users", without_id);
    let snapshot = world.snapshot().await;
    assert_eq!(snapshot.all("student").len(), 2);
    let codes = [("record_of_other_district", 1), ("record_unreadable", 2), ("value_missing", 1)];
    assert_eq!((snapshot.codes(), snapshot.drops()), (codes.to_vec(), 4));
    let unreadable =
        |number: u32| json!({ "gap": "record", "kind": "student", "id": id("user", number) });
    let all = snapshot.all("gaps");
    assert_eq!((all.len(), &all[0]), (4, &json!({ "gap": "kind", "kind": "student" })));
    for number in [31, 32, 33] {
        assert!(all.contains(&unreadable(number)));
    }
}

#[tokio::test]
async fn r_o3_records_outside_the_configured_schools_are_not_imported() {
    let mut world = World::new();
    world.clever.put("schools", school(2));
    let there = json!({ "school": id("school", 2), "schools": [id("school", 2)] });
    world.clever.put("users", student(12, json!({ "roles": { "student": there } })));
    world.clever.put("users", contact(22, 12, json!({ "name": { "last": "Other Guardian" } })));
    world.clever.put("sections", section(2, &[1], &[12], json!({ "school": id("school", 2) })));
    world.source.shared_schools = Some(vec![id("school", 1), "elsewhere".into()]);
    let snapshot = world.snapshot().await;
    for (part, count) in
        [("school", 1), ("student", 1), ("teacher", 1), ("guardian", 1), ("class", 1)]
    {
        assert_eq!(snapshot.all(part).len(), count, "{part}");
    }
    assert_eq!(snapshot.codes(), [(source::SHARED_SCHOOL_UNKNOWN.name, 1)]);
    assert_eq!(snapshot.all("class")[0]["students"], json!([id("user", 11)]));
}

#[tokio::test]
async fn r_h3_a_district_that_shares_no_school_is_refused() {
    let world = World::new();
    world.clever.remove("schools", &id("school", 1));
    let snapshot = world.snapshot().await;
    assert!(snapshot.refused);
    assert_eq!(snapshot.codes(), [("nothing_shared", 1)]);
    assert!(snapshot.all("student").is_empty());
}

#[tokio::test]
async fn r_h3_a_nul_in_a_name_leaves_the_record_unchanged() {
    let world = World::new();
    world.clever.put("users", student(11, json!({ "name": { "first": "A\u{0}da", "last": "P" } })));
    let snapshot = world.snapshot().await;
    assert!(snapshot.record("student", "user", 11).is_none());
    assert_eq!(snapshot.codes(), [("record_unreadable", 1)]);
    assert!(!format!("{:?}", snapshot.all("gaps")).contains("u{0}"));
    assert!(snapshot.all("gaps").iter().any(|gap| gap["id"] == id("user", 11)));
}

#[tokio::test]
async fn a_text_in_place_of_an_optional_object_is_blank() {
    let world = World::new();
    let own = json!({ "credentials": "pupil11", "preferred_name": "Addy" });
    world.clever.put("users", student(11, json!({ "roles": { "student": own } })));
    let snapshot = world.snapshot().await;
    assert_eq!(snapshot.codes(), []);
    let student = snapshot.record("student", "user", 11).unwrap();
    assert_eq!(student["person"].get("username"), None);
}
