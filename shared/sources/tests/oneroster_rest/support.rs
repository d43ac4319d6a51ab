//! A small district at a OneRoster server, and its snapshot.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use roster::finding::Severity;
use roster::policy::Policy;
use roster::report::FindingList;
use roster::settings::{OneRoster, OneRosterVersion, SignIn, SourceSettings};
use roster::snapshot::{PartName, SnapshotSink};
use serde_json::{Map, Value, json};
use sources::Import;
use sources::http::{Secret, Wait};
use sources::oneroster_rest::memory::MemoryOneRoster;
use sources::oneroster_rest::{
    Access, Api, Base, Client, Job, Pages, Progress, PullError, PullState, Pulled, Resource, Scrub,
    StagedPages, import,
};

pub(crate) fn reference(kind: &str, id: &str) -> Value {
    json!({ "href": format!("https://evil.example/{id}"), "sourcedId": id, "type": kind })
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => into.extend(from),
        (into, from) => *into = from,
    }
}

fn object(id: &str, fields: Value, changed: Value) -> Value {
    let mut object = json!({ "sourcedId": id, "status": "active", "dateLastModified": "2026-08-01T05:00:00.000Z" });
    merge(&mut object, fields);
    merge(&mut object, changed);
    object
}

pub(crate) fn org(id: &str, kind: &str, parent: Option<&str>) -> Value {
    let parent = parent.map_or(Value::Null, |id| reference("org", id));
    object(
        id,
        json!({ "name": format!("Org {id}"), "type": kind, "identifier": null, "parent": parent, "children": [] }),
        json!({}),
    )
}

pub(crate) fn session(id: &str, changed: Value) -> Value {
    let fields = json!({ "title": "Fall", "type": "term", "startDate": "2026-08-01", "endDate": "2027-01-15", "schoolYear": 2027 });
    object(id, fields, changed)
}

pub(crate) fn course(id: &str, changed: Value) -> Value {
    let fields = json!({ "title": "Reading", "courseCode": "RD", "grades": ["03"], "subjects": ["Arts, Fine"], "org": reference("org", "s1") });
    object(id, fields, changed)
}

pub(crate) fn class(id: &str, changed: Value) -> Value {
    let fields = json!({
        "title": format!(" Reading {id}"), "classCode": "RD-1", "classType": "scheduled", "location": "Room 4", "grades": ["03"], "periods": ["1", "3"],
        "course": reference("course", "co1"), "school": reference("org", "s1"), "terms": [reference("academicSession", "t1")],
    });
    object(id, fields, changed)
}

pub(crate) fn user(id: &str, role: &str, changed: Value) -> Value {
    let fields = json!({
        "enabledUser": "true", "username": id, "givenName": "Ada", "familyName": format!("Vale {id}"), "role": role, "identifier": format!("N-{id}"),
        "email": format!("{id}@lantern.example"), "orgs": [reference("org", "s1")], "grades": ["03"], "agents": [], "password": "hunter2",
    });
    object(id, fields, changed)
}

pub(crate) fn enrollment(id: &str, class: &str, user: &str, role: &str, changed: Value) -> Value {
    let fields = json!({
        "class": reference("class", class), "school": reference("org", "s1"), "user": reference("user", user), "role": role, "primary": "false",
    });
    object(id, fields, changed)
}

/// A clock that is moved by waiting.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicI64>);

impl Wait for Time {
    async fn wait(&self, time: Duration) {
        self.0.fetch_add(time.as_millis() as i64, Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
}

impl Time {
    pub(crate) fn millis(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

type StoredPages = BTreeMap<(Resource, u32), Vec<u8>>;

/// Stored pages.
#[derive(Clone)]
pub(crate) struct Kept(Arc<Mutex<StoredPages>>, Scrub);

impl Pages for Kept {
    type Error = Infallible;

    fn wants(&self, list: Resource) -> bool {
        self.1.wants(list)
    }

    async fn keep(
        &self,
        list: Resource,
        number: u32,
        body: Vec<u8>,
        progress: &Progress,
    ) -> Result<(), Infallible> {
        assert_eq!(progress.pages, number + 1);
        self.0.lock().unwrap().insert((list, number), self.1.page(list, body).unwrap());
        Ok(())
    }
}

impl Kept {
    pub(crate) fn pages(&self) -> StoredPages {
        self.0.lock().unwrap().clone()
    }
}

impl StagedPages for Kept {
    fn page(&mut self, list: Resource, number: u32) -> io::Result<Vec<u8>> {
        self.0
            .lock()
            .unwrap()
            .get(&(list, number))
            .cloned()
            .ok_or_else(|| io::Error::other("there is no such page"))
    }
}

/// Lines by part.
#[derive(Default)]
pub(crate) struct Lines(pub(crate) BTreeMap<&'static str, Vec<Vec<u8>>>);

impl SnapshotSink for Lines {
    fn line(&mut self, part: PartName, line: &[u8]) -> io::Result<()> {
        self.0.entry(part.name()).or_default().push(line.to_vec());
        Ok(())
    }
}

/// A snapshot.
pub(crate) struct Snapshot {
    pub(crate) lines: Lines,
    pub(crate) findings: FindingList,
    pub(crate) refused: bool,
    pub(crate) enrollments: u64,
}

impl Snapshot {
    pub(crate) fn all(&self, part: &str) -> Vec<Value> {
        let lines = self.lines.0.get(part).map_or(&[][..], Vec::as_slice);
        lines.iter().map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    pub(crate) fn ids(&self, part: &str) -> Vec<String> {
        let mut ids: Vec<String> =
            self.all(part).iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    }

    pub(crate) fn record(&self, part: &str, id: &str) -> Option<Value> {
        self.all(part).into_iter().find(|line| line["id"] == id)
    }

    pub(crate) fn count(&self, code: &str) -> u64 {
        self.findings.totals.get(code).map_or(0, |total| total.count)
    }

    /// Returns text and place of a code's first finding.
    pub(crate) fn found(&self, code: &str) -> (String, String) {
        let found = self.findings.findings.iter().find(|finding| finding.code == code).unwrap();
        (found.place.as_ref().unwrap().file.to_string(), found.message.clone())
    }

    pub(crate) fn drops(&self) -> u64 {
        self.findings
            .totals
            .values()
            .filter(|total| total.severity >= Severity::Drop)
            .map(|total| total.count)
            .sum()
    }
}

pub(crate) const TODAY: Date = date(2026, 10, 1);

/// A district at a server, and its settings.
pub(crate) struct World {
    pub(crate) server: MemoryOneRoster,
    pub(crate) time: Time,
    pub(crate) kept: Kept,
    pub(crate) source: SourceSettings,
    pub(crate) oneroster: OneRoster,
    pub(crate) secret: String,
    pub(crate) preset: &'static str,
    /// If set, only changes since then are read.
    pub(crate) since: Option<Timestamp>,
}

impl World {
    /// Two schools, one of which has a class with a teacher and two students, one of them with a
    /// parent. Version 1.1, two records per page.
    pub(crate) fn new() -> Self {
        let server = MemoryOneRoster::default();
        let put = |list: Resource, record: Value| server.put(list, &record);
        put(Resource::Orgs, org("d1", "district", None));
        put(Resource::Orgs, org("s1", "school", Some("d1")));
        put(Resource::Orgs, org("s2", "school", Some("d1")));
        put(Resource::AcademicSessions, session("t1", json!({})));
        put(Resource::Courses, course("co1", json!({})));
        put(Resource::Classes, class("c1", json!({})));
        put(Resource::Users, user("te1", "teacher", json!({ "grades": [] })));
        put(
            Resource::Users,
            user("st1", "student", json!({ "agents": [reference("user", "gu1")] })),
        );
        put(Resource::Users, user("st2", "student", json!({})));
        put(
            Resource::Users,
            user("gu1", "parent", json!({ "grades": [], "agents": [reference("user", "st1")] })),
        );
        put(
            Resource::Demographics,
            object("st1", json!({ "sex": "female", "asian": "true", "white": true }), json!({})),
        );
        put(
            Resource::Enrollments,
            enrollment("e1", "c1", "te1", "teacher", json!({ "primary": "true" })),
        );
        put(Resource::Enrollments, enrollment("e2", "c1", "st1", "student", json!({})));
        put(
            Resource::Enrollments,
            enrollment(
                "e3",
                "c1",
                "st2",
                "student",
                json!({ "beginDate": "2026-08-20", "endDate": null }),
            ),
        );
        let oneroster = OneRoster {
            sign_in: SignIn::Bearer,
            page_size: 2,
            ..OneRoster::at("https://sis.example.org/ims/oneroster/v1p1", "s")
        };
        let scrub = Scrub::of(
            &Policy::from_preset("sis", &Map::new()).unwrap(),
            &SourceSettings::default(),
        );
        Self {
            server,
            time: Time(Arc::new(AtomicI64::new(1_780_000_000_000))),
            kept: Kept(Arc::default(), scrub),
            source: SourceSettings::default(),
            oneroster,
            secret: MemoryOneRoster::TOKEN.into(),
            preset: "sis",
            since: None,
        }
    }

    /// Returns the same district for an incremental pull since then, with other pages.
    pub(crate) fn changed_since(&self, since: Timestamp) -> Self {
        Self {
            server: self.server.clone(),
            time: self.time.clone(),
            kept: Kept(Arc::default(), Scrub::of(&self.policy(), &self.source)),
            source: self.source.clone(),
            oneroster: self.oneroster.clone(),
            secret: self.secret.clone(),
            preset: self.preset,
            since: Some(since),
        }
    }

    /// Returns a district with more students, `st10` to `st18`.
    pub(crate) fn larger() -> Self {
        let world = Self::new();
        for number in 10..19 {
            world.server.put(Resource::Users, &user(&format!("st{number}"), "student", json!({})));
        }
        world
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy::from_preset(self.preset, &Map::new()).unwrap()
    }

    /// Changes the settings.
    pub(crate) fn read_by(mut self, preset: &'static str, metadata: &[(&str, &str)]) -> Self {
        self.preset = preset;
        self.source.metadata = metadata
            .iter()
            .map(|(field, column)| ((*field).to_owned(), (*column).to_owned()))
            .collect();
        self.kept = Kept(Arc::default(), Scrub::of(&self.policy(), &self.source));
        self
    }

    pub(crate) fn client(&self) -> Client<MemoryOneRoster, Time> {
        let time = self.time.clone();
        let now = Arc::new(move || Timestamp::from_millisecond(time.millis()).unwrap());
        let access = Access::of(&self.oneroster, &Secret::new(self.secret.clone())).unwrap();
        let api = Api::of(&self.oneroster).unwrap().since(self.since);
        Client { http: self.server.clone(), wait: self.time.clone(), now, api, access }
    }

    pub(crate) async fn go_on(
        &self,
        state: &mut PullState,
        stop: impl Fn() -> bool + Send + Sync,
    ) -> Result<Pulled, PullError<Infallible>> {
        self.client().pull(&self.kept, state, fastrand::Rng::with_seed(2), stop).await
    }

    /// Runs a complete pull.
    pub(crate) async fn pull(&self) -> (PullState, Result<Pulled, PullError<Infallible>>) {
        let mut state = PullState::default();
        let ended = self.go_on(&mut state, || false).await;
        (state, ended)
    }

    /// Returns the snapshot of the stored pages.
    pub(crate) fn snapshot_of(&self, state: &PullState) -> Snapshot {
        self.snapshot_over(state, None)
    }

    /// Returns the snapshot of the stored pages, applied to those of a full pull.
    pub(crate) fn snapshot_over(
        &self,
        state: &PullState,
        everything: Option<(&World, &PullState)>,
    ) -> Snapshot {
        let (policy, mut pages) = (self.policy(), self.kept.clone());
        let version = self.oneroster.version;
        let mut under = everything.map(|(world, state)| (world.kept.clone(), &state.lists));
        let base = under.as_mut().map(|(pages, lists)| Base { lists, pages });
        let job = Job {
            version,
            lists: &state.lists,
            base,
            settings: &self.source,
            policy: &policy,
            today: TODAY,
        };
        let mut lines = Lines::default();
        let (refused, enrollments, findings) = match import(job, &mut pages, &mut lines).unwrap() {
            Import::Staged(staged) => (false, staged.enrollments, staged.findings),
            Import::Refused(refused) => (true, 0, refused.findings),
        };
        Snapshot { lines, findings, refused, enrollments }
    }

    /// Runs a complete pull and returns its snapshot.
    pub(crate) async fn snapshot(&self) -> Snapshot {
        let (state, ended) = self.pull().await;
        assert_eq!(ended.unwrap(), Pulled::Whole);
        self.snapshot_of(&state)
    }

    /// Returns the same district at a server of 1.2: roles in orgs instead of one role.
    pub(crate) fn of_1_2() -> Self {
        let mut world = Self::new();
        let role = |role: &str, kind: &str, org: &str| json!({ "roleType": kind, "role": role, "org": reference("org", org) });
        for (id, roles, more) in [
            (
                "te1",
                json!([role("teacher", "secondary", "s1"), role("teacher", "primary", "s2")]),
                json!({}),
            ),
            (
                "st1",
                json!([role("student", "primary", "s1")]),
                json!({ "preferredFirstName": "Addy", "agents": [reference("user", "gu1")] }),
            ),
            (
                "st2",
                json!([role("student", "primary", "s1")]),
                json!({ "preferredLastName": "Moss", "username": null }),
            ),
            (
                "gu1",
                json!([role("parent", "primary", "s1")]),
                json!({ "agents": [reference("user", "st1")] }),
            ),
        ] {
            let profiles = json!([{ "profileId": "p", "profileType": "x", "vendorId": "v", "credentials": [{ "type": "t", "username": "u", "password": "hunter2" }] }]);
            let mut user =
                user(id, "", json!({ "roles": roles, "grades": ["03"], "userProfiles": profiles }));
            merge(&mut user, more);
            let fields = user.as_object_mut().unwrap();
            fields.remove("role");
            fields.remove("orgs");
            world.server.put(Resource::Users, &user);
        }
        world.oneroster.url = "https://sis.example.org/ims/oneroster/rostering/v1p2".into();
        world.oneroster.version = OneRosterVersion::V1p2;
        world
    }
}
