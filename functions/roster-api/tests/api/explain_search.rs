//! Explanations by number, e-mail address or name (R-X1).

use roster::personal::Personal;
use roster::records::{AnyMirrored, Class, Membership, Person, RecordKind, Status, Student};
use roster::run::RunState;
use serde_json::{Value, json};

use crate::nights::{FIRST, Night};
use crate::world::*;

fn numbered(name: &str, email: &str, school: &str, number: &str) -> Person {
    Person { number: Some(Personal::new(number)), ..person(name, email, school) }
}

fn source_student(id: &str, person: Person) -> Student {
    Student {
        id: id.into(),
        person,
        demographics: Default::default(),
        guardians: vec![],
        classes: vec![Membership::of("c1".into())],
        by_enrollment: false,
    }
}

/// A district whose newest data has students that are not here, in the order of the table.
async fn with_data() -> World {
    let w = world("sis").await;
    let mut students = [
        source_student("S-1000842", numbered("Nia Oak", "", "north", "0042")),
        source_student("s-77", numbered("Bo Birch", "nia.oak@oak.org", "south", "9077")),
        source_student("p1", numbered("Pia Larch", "pia@oak.org", "north", "4711")),
    ];
    students.sort_by(|a, b| a.id.table_order(&b.id));
    let night =
        students.iter().fold(Night::new(FIRST), |night, one| night.has(RecordKind::Student, one));
    night.ends(&w, RunState::Applied).await;
    let pia =
        student("p1", numbered("Pia Larch", "pia@oak.org", "north", "4711"), &["c1"], &["g1"]);
    w.put(AnyMirrored::Student(pia)).await;
    w
}

async fn ask_as(w: &World, who: &Token, question: Value) -> Value {
    let reply = w.post(who, "/explain", question).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

async fn ask(w: &World, q: &str) -> Value {
    ask_as(w, &support(), json!({ "kind": "student", "q": q })).await
}

/// The ids in a list of candidates, each with how it was found.
fn ids(answer: &Value, list: &str) -> Vec<String> {
    let how = |one: &Value| one["matched"].as_str().or(one["similar"].as_str()).unwrap().to_owned();
    let entries = answer[list].as_array().unwrap();
    entries.iter().map(|one| format!("{} {}", one["id"].as_str().unwrap(), how(one))).collect()
}

#[tokio::test]
async fn r_x1_a_record_is_explained_by_number_email_name_or_id() {
    let w = with_data().await;
    // A student of the newest data who is not here, and one who is.
    for (q, matched, id, here) in [
        ("S-1000842", "id", "S-1000842", false),
        (" 0042 ", "number", "S-1000842", false),
        ("nia  OAK", "name", "S-1000842", false),
        ("Oak, Nia", "name", "S-1000842", false),
        ("NIA.OAK@oak.org", "email", "s-77", false),
        ("4711", "number", "p1", true),
        ("pia@oak.org", "email", "p1", true),
        ("Paul Reed", "name", "p2", true),
    ] {
        let answer = ask(&w, q).await;
        assert_eq!(
            (&answer["matched"], &answer["id"], &answer["here"]),
            (&json!(matched), &json!(id), &json!(here)),
            "{q}: {answer}"
        );
        assert!(answer["checks"].as_array().unwrap().len() > 3);
    }
    // What was changed here counts too, and so does what the source says.
    let put = async |path: &str, body| {
        let reply = w.put_json(&users_manager(), &format!("/people/student/p2/{path}"), body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    };
    put("name", json!({ "given": "Pablo" })).await;
    put("contact", json!({ "email": "pablo@oak.org" })).await;
    for q in ["Pablo Reed", "Paul Reed", "pablo@oak.org"] {
        assert_eq!(ask(&w, q).await["id"], "p2", "{q}");
    }
    // An archived student is found, and the answer says by which run.
    let mut gone = student("p3", person("Pam Yew", "pam@oak.org", "north"), &[], &[]);
    gone.status = Status::Archived;
    w.put(AnyMirrored::Student(gone)).await;
    let answer = ask(&w, "pam yew").await;
    assert_eq!((&answer["key"], &answer["here"]), (&json!("p3"), &json!(false)));
}

#[tokio::test]
async fn r_x1_several_matches_are_listed() {
    let w = with_data().await;
    let answer = ask(&w, "bo birch").await;
    assert_eq!(ids(&answer, "candidates"), ["p4 name", "p5 name", "s-77 name"]);
    assert_eq!((&answer["more"], &answer["complete"]), (&json!(false), &json!(true)));
    assert_eq!(answer["advice"]["place"], "here");
    let (p4, s77) = (&answer["candidates"][0], &answer["candidates"][2]);
    assert_eq!((&p4["name"], &p4["status"]), (&json!("Bo Birch"), &json!("active")));
    assert_eq!((&s77["schools"], &s77["status"]), (&json!(["south"]), &json!(null)));
    // A part of a name is never taken for the record, even if only one has it.
    assert_eq!(ids(&ask(&w, "larch").await, "candidates"), ["p1 part_of_name"]);
    // One's number is another one's id.
    let other = student("4711", person("Cy Dale", "", "north"), &[], &[]);
    w.put(AnyMirrored::Student(other)).await;
    assert_eq!(ids(&ask(&w, "4711").await, "candidates"), ["4711 id", "p1 number"]);
    // More than are listed.
    for n in 10..40 {
        let many = student(&format!("m{n}"), person("Max Many", "", "north"), &[], &[]);
        w.put(AnyMirrored::Student(many)).await;
    }
    let answer = ask(&w, "Max Many").await;
    let listed = ids(&answer, "candidates");
    assert_eq!((listed.len(), &answer["more"]), (20, &json!(true)));
    assert_eq!((listed[0].as_str(), listed[19].as_str()), ("m10 name", "m29 name"));
}

#[tokio::test]
async fn r_x1_similar_ids_are_offered() {
    let w = with_data().await;
    for (q, similar) in [
        ("s-1000842", "S-1000842 case"),
        ("42", "S-1000842 leading_zeros"),
        ("1000842", "S-1000842 prefix"),
        ("S-1000843", "S-1000842 one_character"),
        ("4171", "p1 one_character"),
    ] {
        let answer = ask(&w, q).await;
        assert_eq!(ids(&answer, "candidates"), [""; 0], "{q}");
        assert_eq!(ids(&answer, "did_you_mean"), [similar], "{q}");
        assert_eq!(answer["advice"]["place"], "sis");
        // The same as an id: the checklist, but not the advice to add a student who is there.
        let answer = ask_as(&w, &support(), json!({ "kind": "student", "id": q })).await;
        assert_eq!(ids(&answer, "did_you_mean"), [similar], "{q}");
        let advice = answer["advice"]["what"].as_str().unwrap();
        assert!(advice.starts_with("Check the id first."), "{advice}");
    }
    // A number that is asked as an id.
    let answer = ask_as(&w, &support(), json!({ "kind": "student", "id": "4711" })).await;
    assert_eq!(ids(&answer, "did_you_mean"), ["p1 number"]);
    let answer = ask(&w, "Nobody Known").await;
    assert_eq!((ids(&answer, "candidates"), ids(&answer, "did_you_mean")), (vec![], vec![]));
    assert!(answer["advice"]["what"].as_str().unwrap().contains("Check the spelling"));
    // A known id offers nothing.
    let known = ask_as(&w, &support(), json!({ "kind": "student", "id": "p1" })).await;
    assert_eq!(known["did_you_mean"], json!(null));
}

#[tokio::test]
async fn r_x1_a_class_is_explained_by_code_and_name() {
    let w = world("clever").await;
    let mut north = class("c1", "north", &["t1"], &["p1"]);
    north.state.details.code = Some("READ-1".into());
    let source = Class {
        id: "c9".into(),
        details: roster::records::ClassDetails {
            title: "Chess Club".into(),
            ..north.state.details.clone()
        },
        teachers: vec![],
        students: vec![],
    };
    Night::new(FIRST).has(RecordKind::Class, &source).ends(&w, RunState::Applied).await;
    // Its roster is longer than one item of the table.
    let everyone: Vec<String> = (0..30_000).map(|n| format!("student-number-{n:08}")).collect();
    north.state.students = keys(&everyone.iter().map(String::as_str).collect::<Vec<_>>());
    w.put(AnyMirrored::Class(north)).await;
    let named = w.put_json(&teacher(), "/classes/c1/custom-name", json!({ "name": "Owls" })).await;
    assert_eq!(named.status, 200, "{}", named.body);
    let ask = async |q: &str| ask_as(&w, &support(), json!({ "kind": "class", "q": q })).await;
    assert_eq!(
        (&ask("owls").await["id"], &ask("owls").await["here"]),
        (&json!("c1"), &json!(true))
    );
    assert_eq!(ids(&ask("Reading").await, "candidates"), ["c1 name", "c2 name"]);
    let club = ask("chess club").await;
    assert_eq!((&club["id"], &club["here"]), (&json!("c9"), &json!(false)));
    assert_eq!(ids(&ask("read-1").await, "candidates"), ["c1 number", "c9 number"]);
}

#[tokio::test]
async fn r_x1_other_schools_are_never_candidates() {
    let w = with_data().await;
    let leader = north_leader();
    let ask = async |q: &str| ask_as(&w, &leader, json!({ "kind": "student", "q": q })).await;
    // Sam of south is in the mirror, s-77 in the newest data.
    for q in ["p9", "Sam Alder", "sam@oak.org", "s-77", "9077", "nia.oak@oak.org", "S-77", "9078"] {
        let answer = ask(q).await;
        assert_eq!(answer["candidates"], json!([]), "{q}: {answer}");
        assert_eq!(answer["did_you_mean"], json!([]), "{q}: {answer}");
    }
    assert_eq!(ids(&ask("bo birch").await, "candidates"), ["p4 name", "p5 name"]);
    let by_id = ask_as(&w, &leader, json!({ "kind": "student", "id": "S-77" })).await;
    assert_eq!(by_id["did_you_mean"], json!(null));
}

#[tokio::test]
async fn r_x1_a_question_needs_an_id_or_a_text() {
    let w = with_data().await;
    for wrong in [
        json!({ "kind": "student" }),
        json!({ "kind": "student", "id": "p1", "q": "p1" }),
        json!({ "kind": "student", "q": " " }),
        json!({ "kind": "student", "q": "x".repeat(201) }),
        json!({ "kind": "school", "q": "north" }),
        json!({ "kind": "student", "q": 7 }),
    ] {
        let reply = w.post(&support(), "/explain", wrong.clone()).await;
        assert_eq!(reply.status, 422, "{wrong}");
    }
    let reply = w.post(&teacher(), "/explain", json!({ "kind": "student", "q": "pia" })).await;
    assert_eq!(reply.status, 422, "a teacher must name the class");
    let in_class = json!({ "kind": "student", "q": "Pia Larch", "class": "c1" });
    let answer = ask_as(&w, &teacher(), in_class).await;
    assert_eq!((&answer["id"], &answer["here"]), (&json!("p1"), &json!(true)));
    // Odd texts are no error.
    for q in ["\u{0}", "%", "'\"\\", "💥", "0", ",", "a@b"] {
        ask(&w, q).await;
    }
}
