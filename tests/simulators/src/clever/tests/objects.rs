//! The fields of the objects, and the resources nested under a record.

use super::*;

#[tokio::test]
async fn objects_have_the_recorded_fields() {
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
        "the primary teacher is first"
    );
    assert!(
        sections.iter().any(|section| section["teachers"].as_array().unwrap().len() > 1),
        "co-teachers follow"
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
    // Quirks: a contact's full name is in `last`, unknown values are blank, dates are not padded.
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
    assert_eq!(of("staff").count(), 0, "staff are shared only on request");
    world.clever.share_staff(&world.oak, true);
    assert!(!world.all("/v3.0/users?role=staff").await.0.is_empty());
}

#[tokio::test]
async fn an_employee_with_several_roles_is_one_user_listed_under_each_shared_role() {
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
    assert!(ids(&all).windows(2).all(|pair| pair[0] < pair[1]), "each user once in the full list");
    assert!(listed("district_admin").await.iter().all(|admin| staff.contains(admin)));
}

#[tokio::test]
async fn nested_resources_list_what_belongs_to_a_record() {
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
    let has = |field: &'static str, user: &str| {
        let user = Value::from(user);
        move |section: &Value| section[field].as_array().unwrap().contains(&user)
    };
    let here = |section: &Value| section["school"] == school.as_str();
    assert_eq!(
        all(format!("/v3.1/schools/{school}/sections?limit=7")).await,
        of(&here, "id"),
        "the list is paged"
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

    // A student whose first school is another one.
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
    assert_eq!(world.get("/v3.1/resources").await.body, json!({ "resources": [] }), "as recorded");
    world.clever.withhold(&world.oak, [id.clone()]);
    assert_eq!(world.get(&format!("/v3.1/sections/{id}/users")).await.status, 404);
}
