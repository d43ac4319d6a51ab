//! Tenant isolation of the API: a token of one district reveals nothing about another district, and
//! a token of one school nothing about another school, not even whether a record exists.

use std::collections::BTreeMap;

use districts::{District, IdStyle, Size};
use e2e::Application;
use e2e::requests::{ApiRequest, RecordIds};
use roster::id::DistrictId;
use roster::records::RecordKind;
use roster::settings::Settings;
use serde_json::{Value, json};
use stack::{Claims, Reply, Route};

const ROLES: [&str; 8] = [
    "operator",
    "support",
    "district_leader",
    "school_leader",
    "teacher",
    "users_manager",
    "guardian",
    "application",
];

/// Preset with guardians and edits by users.
fn settings() -> Settings {
    let mut settings = Settings::of_preset("family-directory");
    settings.overrides.insert("school_rostering".into(), json!("on"));
    settings
}

fn routes() -> Vec<Route> {
    let routes = Route::of_template().expect("the routes can be read");
    assert!(routes.len() > 50, "the template lists {} routes", routes.len());
    routes
}

fn small(seed: u64) -> District {
    District::new(Size::students(150)).seed(seed)
}

/// Creates a district and imports a night.
async fn district(application: &Application, id: &str, set: District) -> (DistrictId, String) {
    let district = application.district(id, settings()).await;
    let night = application.night(&district, &set.night(0)).await;
    assert_eq!(night.state(), roster::run::RunState::Applied, "{:?}", application.failures());
    (district, night.run.run.to_string())
}

/// Returns a class of a school, with one person of each kind who belongs to that school only.
async fn people_of(
    application: &Application,
    district: &DistrictId,
    run: &str,
    school: &str,
) -> RecordIds {
    let mirror = application.mirror(district).await;
    let alone = |kind: RecordKind, key: &str| {
        let record = &mirror[&(kind, key.to_owned())];
        record["state"]["person"]["schools"] == json!([school]) && record["status"] == "active"
    };
    let keys = |record: &Value, list: &str| -> Vec<String> {
        let all = record["state"][list].as_array().cloned().unwrap_or_default();
        all.iter().filter_map(|key| key.as_str().map(str::to_owned)).collect()
    };
    for ((kind, key), class) in &mirror {
        if *kind != RecordKind::Class || class["state"]["details"]["school"] != school {
            continue;
        }
        let teacher =
            keys(class, "teachers").into_iter().find(|teacher| alone(RecordKind::Teacher, teacher));
        // A guardian belongs to the schools of all their children.
        let family = keys(class, "students")
            .into_iter()
            .filter(|student| alone(RecordKind::Student, student))
            .find_map(|student| {
                let guardians =
                    mirror.iter().filter(|((kind, _), _)| *kind == RecordKind::Guardian);
                let mut own =
                    guardians.filter(|(_, record)| keys(record, "children").contains(&student));
                own.find(|(_, record)| {
                    keys(record, "children").iter().all(|child| alone(RecordKind::Student, child))
                })
                .map(|((_, guardian), _)| (student.clone(), guardian.clone()))
            });
        if let (Some(teacher), Some((student, guardian))) = (teacher, family) {
            let email = mirror[&(RecordKind::Student, student.clone())]["state"]["person"]["email"]
                .as_str()
                .map(str::to_owned);
            return RecordIds {
                district: district.to_string(),
                school: school.into(),
                student,
                teacher,
                guardian,
                class: key.clone(),
                run: run.into(),
                source: "a-new-id".into(),
                name: "Quill".into(),
                email: email.unwrap_or_else(|| "quill@example.org".into()),
                phone: "+12025550143".into(),
            };
        }
    }
    panic!("school {school} has no class with a family of its own");
}

async fn schools(application: &Application, district: &DistrictId) -> Vec<String> {
    application.keys(district, RecordKind::School, "active").await
}

/// Returns ids that do not exist. The run stays the same, because it belongs to the whole
/// district.
fn made_up(named: &RecordIds) -> RecordIds {
    RecordIds {
        district: named.district.clone(),
        school: "no-school".into(),
        student: "no-student".into(),
        teacher: "no-teacher".into(),
        guardian: "no-guardian".into(),
        class: "no-class".into(),
        email: "no-email@example.org".into(),
        ..named.clone()
    }
}

fn token(role: &str, of: &RecordIds, schools: &[&str]) -> Claims {
    let claims = schools
        .iter()
        .fold(Claims::new(role, &of.district), |claims, school| claims.school(school));
    match role {
        "teacher" => claims.record(&of.teacher),
        "guardian" => claims.record(&of.guardian),
        _ => claims,
    }
}

async fn send(application: &Application, claims: &Claims, request: &ApiRequest) -> Reply {
    let api = application.stack.api(claims).expect("a token");
    api.call(request.method.clone(), &request.path, &[], request.body.as_ref())
        .await
        .expect("the API answers")
}

/// Returns a response without the names from the request.
fn comparable(reply: &Reply, named: &RecordIds) -> (u16, String, Vec<(String, String)>) {
    let mut text = reply.text();
    for name in
        [&named.student, &named.teacher, &named.guardian, &named.class, &named.school, &named.email]
    {
        text = text.replace(name.as_str(), "*");
    }
    // The time at which an edit appears depends on the time of the request.
    if let Some((before, rest)) = text.split_once("\"at\":\"") {
        text = format!("{before}{}", rest.split_once('"').map_or("", |(_, rest)| rest));
    }
    let headers = reply.headers.iter().filter(|(name, _)| {
        !matches!(name.as_str(), "date" | "apigw-requestid" | "content-length")
    });
    let headers = headers.map(|(name, value)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    (reply.status, text, headers.collect())
}

/// Requests records outside the scope of the token and records that do not exist, and asserts that
/// the responses are the same. Returns the number of responses by status.
async fn compare_with_missing(
    application: &Application,
    claims: &Claims,
    there: &RecordIds,
    not_there: &RecordIds,
) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    for route in routes() {
        for (real, invented) in there.requests(&route).into_iter().zip(not_there.requests(&route)) {
            if (&real.path, &real.body) == (&invented.path, &invented.body) {
                continue; // names no record
            }
            let answer = send(application, claims, &real).await;
            let what = format!("{} {} as {}", real.method, route.path, claims.role);
            assert_eq!(
                comparable(&answer, there),
                comparable(&send(application, claims, &invented).await, not_there),
                "{what}: the responses differ"
            );
            assert!(answer.status < 500, "{what}: {}", answer.text());
            *statuses.entry(answer.status).or_default() += 1;
        }
    }
    statuses
}

#[tokio::test]
async fn a_token_of_one_district_cannot_detect_other_districts() {
    let application = Application::start().await;
    let (oak, oak_run) = district(&application, "oak", small(3)).await;
    // An id with the other id as its prefix.
    let (elm, elm_run) = district(&application, "oak.0", small(4).ids(IdStyle::Uuid)).await;
    let school = schools(&application, &oak).await.remove(0);
    let mine = people_of(&application, &oak, &oak_run, &school).await;
    let others_school = schools(&application, &elm).await.remove(0);
    let others = people_of(&application, &elm, &elm_run, &others_school).await;
    let before = application.items().await;

    for role in ROLES {
        let schools: Vec<&str> = Some(school.as_str())
            .into_iter()
            .filter(|_| matches!(role, "school_leader" | "teacher"))
            .collect();
        let claims = token(role, &mine, &schools);
        // The id of the other district: every response must equal that for a district that does not
        // exist.
        let nowhere = RecordIds { district: "nowhere".into(), ..others.clone() };
        for route in routes() {
            for (real, invented) in
                others.requests(&route).into_iter().zip(nowhere.requests(&route))
            {
                let answer = send(&application, &claims, &real).await;
                let what = format!("{} {} as {role}", real.method, route.path);
                assert!(
                    matches!(answer.status, 403 | 404),
                    "{what}: {} {}",
                    answer.status,
                    answer.text()
                );
                assert_eq!(
                    comparable(&answer, &others),
                    comparable(&send(&application, &claims, &invented).await, &nowhere),
                    "{what}"
                );
            }
        }
        // Records of the other district under the token's own district id.
        let stolen = RecordIds { district: mine.district.clone(), ..others.clone() };
        let invented = RecordIds { run: "01HZ0000000000000000000000".into(), ..made_up(&stolen) };
        let statuses = compare_with_missing(&application, &claims, &stolen, &invented).await;
        assert!(statuses.keys().all(|status| *status >= 400 || *status == 200), "{statuses:?}");
    }
    assert_eq!(application.items().await, before, "a request changed data outside its scope");
}

/// Guards against tests that pass only because their requests are invalid.
#[tokio::test]
async fn the_same_requests_succeed_within_their_own_scope() {
    let application = Application::start().await;
    let (oak, run) = district(&application, "oak", small(3)).await;
    let school = schools(&application, &oak).await.remove(0);
    let mine = people_of(&application, &oak, &run, &school).await;
    // Requests that fail for other reasons: the record already exists or does not exist yet, only
    // the source may change it while the sync is on, or the request ends the sync.
    let not_now = [
        "POST",
        "POST /runs/{run}/decision",
        "POST /joins",
        "GET /links/{kind}/{source}",
        "PUT /classes/{class}",
        "POST /classes/{class}/archive",
        "POST /people/{kind}",
        "DELETE /classes/{class}/students/{student}",
        "DELETE /classes/{class}/teachers/{teacher}",
        "DELETE /people/{kind}/{person}/guardians/{guardian}",
        "POST /erasure",
        "GET /erasure",
        "POST /sync",
        // The district uploads its roster, so it cannot be pulled.
        "POST /runs",
    ];
    let mut unanswered = Vec::new();
    for route in routes() {
        let name = format!(
            "{} {}",
            route.method,
            route.path.trim_start_matches("/v1/districts/{district}")
        )
        .trim_end()
        .to_owned();
        if not_now.contains(&name.as_str()) {
            continue;
        }
        let mut is_answered = false;
        for (role, request) in ROLES
            .iter()
            .flat_map(|role| mine.requests(&route).into_iter().map(move |request| (role, request)))
        {
            let schools: Vec<&str> = Some(school.as_str())
                .into_iter()
                .filter(|_| matches!(*role, "school_leader" | "teacher"))
                .collect();
            let api = application.stack.api(&token(role, &mine, &schools)).expect("a token");
            let headers = [("if-match", "*")];
            for headers in [&[][..], &headers[..]] {
                let reply = api
                    .call(request.method.clone(), &request.path, headers, request.body.as_ref())
                    .await
                    .expect("the API answers");
                assert!(reply.status < 500, "{name} as {role}: {}", reply.text());
                is_answered |= reply.is_ok();
            }
        }
        if !is_answered {
            unanswered.push(name);
        }
    }
    assert!(unanswered.is_empty(), "no role got a successful response: {unanswered:#?}");
}

#[tokio::test]
async fn a_token_of_one_school_cannot_detect_other_schools() {
    let application = Application::start().await;
    let (oak, run) = district(&application, "oak", small(3)).await;
    let all = schools(&application, &oak).await;
    let mine = people_of(&application, &oak, &run, &all[0]).await;
    let others = people_of(&application, &oak, &run, &all[1]).await;
    let before = application.items().await;

    for role in
        ["school_leader", "teacher", "support", "users_manager", "application", "district_leader"]
    {
        let claims = token(role, &mine, &[&all[0]]);
        let statuses =
            compare_with_missing(&application, &claims, &others, &made_up(&others)).await;
        assert!(statuses.contains_key(&404), "{role}: {statuses:?}");
        assert!(
            statuses.keys().all(|status| *status >= 400 || *status == 200),
            "{role}: {statuses:?}"
        );
    }
    assert_eq!(application.items().await, before, "a request changed data outside its scope");

    // Lists are limited to the scope of the token, too.
    let leader =
        application.stack.api(&token("school_leader", &mine, &[&all[0]])).expect("a token");
    let listed = leader.get("/v1/districts/oak/schools").await.expect("the API answers").json();
    let listed: Vec<&str> = listed["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|school| school["key"].as_str())
        .collect();
    assert_eq!(listed, [&all[0]]);
    let path = format!("/v1/districts/oak/schools/{}/directory?status=all&limit=200", all[0]);
    let listed = leader.get(&path).await.expect("the API answers").json();
    let mirror = application.mirror(&oak).await;
    let people = listed["items"].as_array().expect("items");
    assert!(people.len() > 20);
    for person in people {
        let key = person["key"].as_str().expect("a key").to_owned();
        let schools = &mirror[&(RecordKind::Student, key)]["state"]["person"]["schools"];
        assert!(
            schools.as_array().is_some_and(|schools| schools.contains(&json!(all[0]))),
            "{schools}"
        );
    }
}
