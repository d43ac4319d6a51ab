//! Sections: classes, teachers, students, terms.

use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn r_m3_r_c1_a_section_becomes_a_class_with_its_exact_name() {
    let snapshot = World::new().snapshot().await;
    assert_eq!(
        snapshot.all("class"),
        [json!({
            "id": id("section", 1),
            "details": {
                "title": " Reading - Teacher - 1", "class_type": "scheduled", "school": id("school", 1), "course": id("course", 1),
                "terms": [id("term", 1)], "grades": ["6"], "subjects": ["english/language arts"], "periods": ["1"] },
            "teachers": [{ "id": id("user", 1), "primary": true }],
            "students": [id("user", 11), id("user", 12)],
        })]
    );
    // Clever has the last day of a term, the roster the day after it.
    assert_eq!(
        snapshot.all("term"),
        [
            json!({ "id": id("term", 1), "title": "Fall", "kind": "term", "start": "2026-08-15", "end": "2026-12-19" })
        ]
    );
}

#[tokio::test]
async fn r_t2_the_primary_teacher_comes_first_and_co_teachers_in_the_order_of_the_source() {
    let world = World::new();
    for number in (2..10).chain(100..103) {
        world.clever.put("users", teacher(number, json!({})));
    }
    let order = [5, 4, 102, 3, 2, 6, 7, 8, 9, 100, 101];
    world.clever.put("sections", section(1, &order, &[11], json!({})));
    // The primary teacher is not the first of the list; another section has no primary teacher.
    world.clever.put("sections", section(2, &[2, 3], &[11], json!({ "teacher": id("user", 3) })));
    world.clever.put("sections", section(3, &[2, 3], &[11], json!({ "teacher": null })));
    // Only the primary teacher, and a teacher who is listed twice.
    world
        .clever
        .put("sections", section(4, &[], &[11, 12, 11], json!({ "teacher": id("user", 2) })));
    world.clever.put(
        "sections",
        section(5, &[], &[], json!({ "teacher": "", "teachers": null, "students": null })),
    );
    let snapshot = world.snapshot().await;
    let teachers =
        |number: u32| snapshot.record("class", "section", number).unwrap()["teachers"].clone();
    let teacher_of = |number: u32| json!({ "id": id("user", number), "primary": true });
    let mut expected = vec![teacher_of(5)];
    expected.extend(order[1..].iter().map(|n| json!(id("user", *n))));
    assert_eq!(teachers(1), json!(expected));
    assert_eq!(teachers(2), json!([teacher_of(3), id("user", 2)]));
    assert_eq!(teachers(3), json!([id("user", 2), id("user", 3)]));
    assert_eq!(teachers(4), json!([teacher_of(2)]));
    assert_eq!(
        snapshot.record("class", "section", 4).unwrap()["students"],
        json!([id("user", 11), id("user", 12)])
    );
    let empty = snapshot.record("class", "section", 5).unwrap();
    assert_eq!((empty.get("teachers"), empty.get("students")), (None, None));
    assert_eq!(snapshot.codes(), [("teachers_without_class", 1)]);
}

#[tokio::test]
async fn unshared_people_of_a_section_are_counted_and_not_enrolled() {
    let world = World::new();
    world.clever.put("sections", section(1, &[8, 1], &[11, 98, 99], json!({})));
    let snapshot = world.snapshot().await;
    let class = &snapshot.all("class")[0];
    assert_eq!(
        (&class["teachers"], &class["students"]),
        (&json!([id("user", 1)]), &json!([id("user", 11)]))
    );
    assert_eq!(snapshot.codes(), [("people_not_shared", 1), ("students_without_class", 1)]);
    assert!(snapshot.found("people_not_shared").starts_with('3'));
    assert_eq!(snapshot.all("gaps"), &[] as &[serde_json::Value]);
}

#[tokio::test]
async fn r_t7_an_enrollment_that_contradicts_the_roles_is_left_to_the_policy() {
    let world = World::new();
    let staff = json!({ "staff": { "schools": [id("school", 1)] } });
    world.clever.put(
        "users",
        json!({ "id": id("user", 2), "district": OAK, "name": { "first": "Sam", "last": "Staff" }, "roles": staff }),
    );
    world.clever.put("sections", section(1, &[1, 2], &[11, 12], json!({})));
    let snapshot = world.snapshot().await;
    let sam = snapshot.record("teacher", "user", 2).unwrap();
    assert_eq!(
        (&sam["by_enrollment"], &sam["person"]["schools"]),
        (&json!(true), &json!([id("school", 1)]))
    );
    assert_eq!(snapshot.codes(), [("enrollment_role", 1), ("role_not_rostered", 1)]);
}

#[tokio::test]
async fn r_c3_custom_and_minimal_sections_are_imported() {
    let world = World::new();
    let bare = json!({ "id": id("section", 2), "district": OAK, "name": "Chess", "school": id("school", 1), "subject": "Homeroom/Advisory", "students": [id("user", 11)] });
    world.clever.put("sections", bare);
    world.clever.put(
        "sections",
        section(3, &[1], &[11], json!({ "course": id("course", 9), "term_id": id("term", 9) })),
    );
    let snapshot = world.snapshot().await;
    let details = &snapshot.record("class", "section", 2).unwrap()["details"];
    assert_eq!(
        details,
        &json!({ "title": "Chess", "class_type": "homeroom", "school": id("school", 1), "subjects": ["Homeroom/Advisory"] })
    );
    // A missing term is kept, because a class with a term is not over (readings, R-C4).
    let details = &snapshot.record("class", "section", 3).unwrap()["details"];
    assert_eq!((details.get("course"), &details["terms"]), (None, &json!([id("term", 9)])));
    assert_eq!(snapshot.codes(), [("optional_reference_missing", 1)]);
}

#[tokio::test]
async fn r_h3_a_section_without_a_name_or_shared_school_is_unchanged() {
    let world = World::new();
    world.clever.put("sections", section(2, &[1], &[11], json!({ "name": "" })));
    world.clever.put("sections", section(3, &[1], &[11], json!({ "school": id("school", 9) })));
    world.clever.put("sections", section(4, &[1], &[11], json!({ "school": OAK })));
    world.clever.put("sections", section(5, &[1], &[11], json!({ "students": "many" })));
    let snapshot = world.snapshot().await;
    assert_eq!(snapshot.all("class").len(), 1);
    assert_eq!(
        snapshot.codes(),
        [("record_unreadable", 1), ("school_not_shared", 2), ("value_missing", 1)]
    );
    assert_eq!(snapshot.all("gaps").len(), 5);
    assert_eq!(
        snapshot.all("gaps")[0],
        json!({ "gap": "record", "kind": "school", "id": id("school", 9), "reason": "referenced" })
    );
}

#[tokio::test]
async fn terms_may_have_times_or_no_dates() {
    let world = World::new();
    world.clever.put("terms", term(1, "2026-08-15T00:00:00.000Z", ""));
    world.clever.put("terms", term(2, "soon", "2026-12-31"));
    let snapshot = world.snapshot().await;
    let term = |number| snapshot.record("term", "term", number).unwrap();
    assert_eq!((&term(1)["start"], term(1).get("end")), (&json!("2026-08-15"), None));
    assert_eq!((term(2).get("start"), &term(2)["end"]), (None, &json!("2027-01-01")));
    assert_eq!(snapshot.codes(), [("date_format", 1)]);
}

#[tokio::test]
async fn r_a6_a_missing_term_or_course_that_a_section_names_stays() {
    let world = World::new();
    world.clever.put(
        "sections",
        section(3, &[1], &[11], json!({ "course": id("course", 9), "term_id": id("term", 9) })),
    );
    let snapshot = world.snapshot().await;
    for kind in ["term", "course"] {
        let stays =
            json!({ "gap": "record", "kind": kind, "id": id(kind, 9), "reason": "referenced" });
        assert!(snapshot.all("gaps").contains(&stays), "{kind}: {:?}", snapshot.all("gaps"));
    }
}

#[tokio::test]
async fn r_h3_a_section_without_a_list_of_students_keeps_its_enrollments() {
    for is_missing in [true, false] {
        let world = World::new();
        let mut empty = section(1, &[1], &[], json!({ "students": [] }));
        if is_missing {
            empty.as_object_mut().unwrap().remove("students");
        }
        world.clever.put("sections", empty);
        let snapshot = world.snapshot().await;
        let kept = json!({ "gap": "enrollment", "class": id("section", 1) });
        // An empty list says that the class is empty, no list says nothing.
        assert_eq!(snapshot.all("gaps").contains(&kept), is_missing);
        assert_eq!(snapshot.codes().contains(&("record_unreadable", 1)), is_missing);
        assert!(snapshot.record("class", "section", 1).is_some());
    }
}
