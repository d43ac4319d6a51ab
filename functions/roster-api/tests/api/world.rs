//! A small district in memory, and callers whose requests have the form in which API Gateway sends
//! them.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use lambda_http::tower::ServiceExt;
use mirror::clock::Clock;
use mirror::item;
use mirror::ports::districts::Districts;
use mirror::ports::items::WriteItems;
use mirror::testing::Configure as _;
use mirror::testing::memory::{MemoryObjects, MemorySchedules, MemoryTable};
use roster::id::{AccountId, DistrictId, RunId, SourceId};
use roster::personal::Personal;
use roster::records::{
    AnyMirrored, ClassDetails, ClassState, Demographics, GuardianRole, GuardianState, Kind,
    Mirrored, Origin, Person, School, Status, StudentState, TeacherState, kinds,
};
use roster::settings::{DistrictStatus, Settings};
use roster_api::{Api, router};
use serde_json::{Value, json};

/// The claims of a token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    claims: Value,
}

impl Token {
    /// Sets the schools.
    pub(crate) fn schools(mut self, schools: &[&str]) -> Self {
        self.claims["schools"] = json!(format!("[{}]", schools.join(" ")));
        self
    }

    /// Sets the caller's own record.
    pub(crate) fn record(mut self, key: &str) -> Self {
        self.claims["record"] = json!(key);
        self
    }

    /// Sets another district.
    pub(crate) fn of(mut self, district: &str) -> Self {
        self.claims["district"] = json!(district);
        self
    }
}

/// A token of a role, for the district oak.
pub(crate) fn token(role: &str) -> Token {
    Token { claims: json!({ "sub": format!("kim.{role}"), "role": role, "district": "oak" }) }
}

pub(crate) fn support() -> Token {
    token("support")
}

pub(crate) fn operator() -> Token {
    token("operator")
}

pub(crate) fn leader() -> Token {
    token("district_leader")
}

pub(crate) fn north_leader() -> Token {
    token("school_leader").schools(&["north"])
}

pub(crate) fn application() -> Token {
    token("application")
}

pub(crate) fn users_manager() -> Token {
    token("users_manager")
}

/// The teacher of c1.
pub(crate) fn teacher() -> Token {
    token("teacher").schools(&["north"]).record("t1")
}

/// The guardian of p1.
pub(crate) fn guardian() -> Token {
    token("guardian").record("g1")
}

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Value,
    pub(crate) body: Value,
}

impl Reply {
    /// The ETag of the response, to be sent back.
    pub(crate) fn version(&self) -> String {
        self.headers["etag"].as_str().expect("a response with an ETag").to_owned()
    }

    /// The status, and the rule that a problem names.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.body);
        (self.status, self.body["rule"].as_str().unwrap_or_default())
    }

    /// The values of a field in all items of a list.
    pub(crate) fn all(&self, field: &str) -> Vec<&str> {
        listed(&self.body["items"], field)
    }
}

/// The values of a field in all entries of a list.
pub(crate) fn listed<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list.as_array()
        .expect("a list")
        .iter()
        .map(|entry| entry[field].as_str().unwrap_or_default())
        .collect()
}

/// A district in memory.
pub(crate) struct World {
    pub(crate) table: MemoryTable,
    pub(crate) internal: MemoryObjects,
    pub(crate) inbox: MemoryObjects,
    /// The schedules of nightly-pull.
    pub(crate) schedules: MemorySchedules,
    router: axum::Router,
    now: Arc<Mutex<Timestamp>>,
    tick: Arc<AtomicI64>,
}

pub(crate) fn oak() -> DistrictId {
    DistrictId::new("oak")
}

pub(crate) fn text(text: &str) -> Option<Personal> {
    Some(Personal::new(text))
}

/// A person with a name in two parts, an e-mail address and a school.
pub(crate) fn person(name: &str, email: &str, school: &str) -> Person {
    let (given, family) = name.split_once(' ').unwrap_or((name, ""));
    let email = (!email.is_empty()).then(|| Personal::new(email));
    Person {
        given: text(given),
        family: text(family),
        email,
        schools: vec![school.into()],
        ..Person::default()
    }
}

pub(crate) fn keys(list: &[&str]) -> Vec<SourceId> {
    list.iter().map(|key| SourceId::from(*key)).collect()
}

/// A record of the source.
pub(crate) fn mirrored<K: Kind>(key: &str, state: K::State) -> Mirrored<K> {
    Mirrored {
        key: key.into(),
        id: key.into(),
        account: K::KIND
            .is_person()
            .then(|| AccountId::derive(&oak(), K::KIND.name(), &key.into())),
        status: Status::Active,
        origin: Origin::Source,
        state,
        first_seen: RunId::from("01HZ0000000000000000000001"),
        changed_by: RunId::from("01HZ0000000000000000000001"),
        archived_on: None,
    }
}

pub(crate) fn student(
    key: &str,
    person: Person,
    classes: &[&str],
    guardians: &[&str],
) -> Mirrored<kinds::Students> {
    let demographics =
        Demographics { grades: vec![Personal::new("04")], ..Demographics::default() };
    let (classes, guardians, email_shared) = (keys(classes), keys(guardians), false);
    mirrored(key, StudentState { person, demographics, guardians, classes, email_shared })
}

pub(crate) fn teacher_record(
    key: &str,
    person: Person,
    classes: &[&str],
) -> Mirrored<kinds::Teachers> {
    let (classes, email_shared, administrator) = (keys(classes), false, false);
    mirrored(key, TeacherState { person, classes, email_shared, administrator })
}

pub(crate) fn guardian_record(
    key: &str,
    person: Person,
    children: &[&str],
) -> Mirrored<kinds::Guardians> {
    let (role, also, email_shared) = (GuardianRole::Parent, vec![], false);
    mirrored(key, GuardianState { person, role, children: keys(children), also, email_shared })
}

pub(crate) fn class(
    key: &str,
    school: &str,
    teachers: &[&str],
    students: &[&str],
) -> Mirrored<kinds::Classes> {
    let details = ClassDetails {
        title: "Reading".into(),
        code: Some("R1".into()),
        class_type: None,
        location: None,
        school: school.into(),
        course: None,
        terms: vec![],
        grades: vec![],
        subjects: vec![],
        subject_codes: vec![],
        periods: vec![],
    };
    mirrored(
        key,
        ClassState {
            details,
            teachers: keys(teachers),
            students: keys(students),
            inactive: vec![],
            ends: vec![],
        },
    )
}

/// Oak has two schools: in north, c1 with t1, p1 and p2; in south, c2 with t3 and p9. Two students
/// of north have the same name. g1 is a parent of p1.
pub(crate) async fn world(preset: &str) -> World {
    world_with(Settings::of_preset(preset)).await
}

pub(crate) async fn world_with(settings: Settings) -> World {
    let (table, internal, inbox) =
        (MemoryTable::default(), MemoryObjects::default(), MemoryObjects::default());
    let now = Arc::new(Mutex::new("2026-09-01T12:00:00Z".parse::<Timestamp>().unwrap()));
    let tick = Arc::new(AtomicI64::new(0));
    let (tells, ticks) = (Arc::clone(&now), Arc::clone(&tick));
    let clock = Clock::new(move || {
        let mut now = tells.lock().unwrap();
        *now += SignedDuration::from_secs(ticks.load(Ordering::SeqCst));
        *now
    });
    let (schedules, function) =
        (MemorySchedules::default(), "arn:aws:lambda:us-east-1:000000000000:function:nightly-pull");
    let api = Api::with_pulls(
        table.clone(),
        internal.clone(),
        inbox.clone(),
        clock,
        schedules.clone(),
        function,
    );
    let router = router(api);
    table.create(&oak(), &settings, DistrictStatus::Live).await.unwrap();
    let w = World { table, internal, inbox, schedules, router, now, tick };
    for key in ["north", "south"] {
        let state = School {
            id: key.into(),
            name: format!("School {key}"),
            identifier: None,
            parent: None,
        };
        w.put(AnyMirrored::School(mirrored(key, state))).await;
    }
    for record in [
        teacher_record("t1", person("Ada Quill", "ada@oak.org", "north"), &["c1"]),
        teacher_record("t2", person("Ben Moss", "ben@oak.org", "north"), &[]),
        teacher_record("t3", person("Cleo Fern", "cleo@oak.org", "south"), &["c2"]),
    ] {
        w.put(AnyMirrored::Teacher(record)).await;
    }
    for record in [
        student("p1", person("Pia Larch", "pia@oak.org", "north"), &["c1"], &["g1"]),
        student("p2", person("Paul Reed", "", "north"), &["c1"], &[]),
        student("p3", person("Pam Yew", "pam@oak.org", "north"), &[], &[]),
        student("p4", person("Bo Birch", "bo4@oak.org", "north"), &[], &[]),
        student("p5", person("Bo Birch", "bo5@oak.org", "north"), &[], &[]),
        student("p9", person("Sam Alder", "sam@oak.org", "south"), &["c2"], &[]),
    ] {
        w.put(AnyMirrored::Student(record)).await;
    }
    w.put(AnyMirrored::Guardian(guardian_record(
        "g1",
        person("Gil Larch", "gil@home.org", "north"),
        &["p1"],
    )))
    .await;
    w.put(AnyMirrored::Class(class("c1", "north", &["t1"], &["p1", "p2"]))).await;
    w.put(AnyMirrored::Class(class("c2", "south", &["t3"], &["p9"]))).await;
    w
}

impl World {
    /// Stores a record in the mirror, as a run does.
    pub(crate) async fn put(&self, record: AnyMirrored) {
        let writes = item::writes(&oak(), None, Some(&record)).unwrap().unwrap();
        for write in writes.before.into_iter().chain([writes.item]) {
            assert!(self.table.write(vec![write]).await.unwrap().left.is_empty());
        }
    }

    pub(crate) async fn switch(&self, status: DistrictStatus) {
        let settings = self.table.district(&oak()).await.unwrap().unwrap().settings;
        let _ = self.table.configure(&oak(), &settings, status).await.unwrap();
    }

    pub(crate) fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    /// From now on the clock advances by this many seconds with every read.
    pub(crate) fn tick(&self, seconds: i64) {
        self.tick.store(seconds, Ordering::SeqCst);
    }

    pub(crate) fn set_now(&self, now: &str) {
        *self.now.lock().unwrap() = now.parse().unwrap();
    }

    /// Sends a request as API Gateway does. The path is below the token's district unless it begins
    /// with `/v1`.
    pub(crate) async fn send(
        &self,
        token: Option<&Token>,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let path = if path.starts_with("/v1") {
            path.to_owned()
        } else {
            format!("/v1/districts/oak{path}")
        };
        let (raw_path, query) = path.split_once('?').unwrap_or((&path, ""));
        let mut all = json!({ "host": "api.example.org" });
        for (name, value) in headers {
            all[*name] = json!(value);
        }
        let authorizer =
            token.map(|token| json!({ "jwt": { "claims": token.claims, "scopes": null } }));
        let event = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": raw_path, "rawQueryString": query, "headers": all,
            "requestContext": {
                "accountId": "000000000000", "apiId": "a", "authorizer": authorizer, "domainName": "api.example.org", "domainPrefix": "a",
                "http": { "method": method, "path": raw_path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "t" },
                "requestId": "r", "routeKey": "$default", "stage": "$default", "time": "01/Sep/2026:12:00:00 +0000", "timeEpoch": 1
            },
            "body": body, "isBase64Encoded": false
        });
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 16 * 1024 * 1024).await.unwrap();
        let mut headers = json!({});
        for (name, value) in &parts.headers {
            headers[name.as_str()] = json!(value.to_str().unwrap());
        }
        let body =
            if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Reply { status: parts.status.as_u16(), headers, body }
    }

    pub(crate) async fn get(&self, token: &Token, path: &str) -> Reply {
        self.send(Some(token), "GET", path, &[], "").await
    }

    pub(crate) async fn post(&self, token: &Token, path: &str, body: Value) -> Reply {
        self.send(
            Some(token),
            "POST",
            path,
            &[("content-type", "application/json")],
            &body.to_string(),
        )
        .await
    }

    pub(crate) async fn put_json(&self, token: &Token, path: &str, body: Value) -> Reply {
        self.send(
            Some(token),
            "PUT",
            path,
            &[("content-type", "application/json")],
            &body.to_string(),
        )
        .await
    }

    pub(crate) async fn put_at(
        &self,
        token: &Token,
        path: &str,
        version: &str,
        body: Value,
    ) -> Reply {
        let headers = [("content-type", "application/json"), ("if-match", version)];
        self.send(Some(token), "PUT", path, &headers, &body.to_string()).await
    }

    pub(crate) async fn delete(&self, token: &Token, path: &str) -> Reply {
        self.send(Some(token), "DELETE", path, &[], "").await
    }

    pub(crate) async fn delete_at(&self, token: &Token, path: &str, version: &str) -> Reply {
        self.send(Some(token), "DELETE", path, &[("if-match", version)], "").await
    }

    /// The keys of a class's students, as support reads them.
    pub(crate) async fn students(&self, class: &str) -> Vec<String> {
        self.roster(class, "students").await
    }

    /// The keys of a class's teachers.
    pub(crate) async fn teachers(&self, class: &str) -> Vec<String> {
        self.roster(class, "teachers").await
    }

    async fn roster(&self, class: &str, list: &str) -> Vec<String> {
        let reply = self.get(&support(), &format!("/classes/{class}")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        listed(&reply.body[list], "key").into_iter().map(str::to_owned).collect()
    }
}
