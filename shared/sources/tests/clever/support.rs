//! A small district at Clever, and its snapshot.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::date;
use roster::finding::Severity;
use roster::policy::Policy;
use roster::report::FindingList;
use roster::settings::{Clever, SourceSettings};
use roster::snapshot::{PartName, SnapshotSink};
use serde_json::{Map, Value, json};
use sources::Import;
use sources::clever::memory::MemoryClever;
use sources::clever::{
    Api, Client, Job, Pages, Progress, PullError, PullState, Pulled, Resource, StagedPages,
    TokenList, Wait, import,
};
use sources::http::Secret;

/// The district's id at Clever.
pub(crate) const OAK: &str = "58da8a43cc70ab00017a1a87";
pub(crate) const TOKEN: &str = "0123456789012345678901234567890123456789";

/// An id: two letters for the kind, and a number.
pub(crate) fn id(kind: &str, number: u32) -> String {
    let kind = u32::from_be_bytes([0, 0, kind.as_bytes()[0], kind.as_bytes()[1]]);
    format!("{kind:08x}{number:016x}")
}

/// Returns an object of the district with changed fields.
fn object(kind: &str, number: u32, fields: Value, changed: Value) -> Value {
    let mut object =
        json!({ "id": id(kind, number), "district": OAK, "created": "2026-08-01T00:00:00.000Z" });
    merge(&mut object, fields);
    merge(&mut object, changed);
    object
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

pub(crate) fn school(number: u32) -> Value {
    object(
        "school",
        number,
        json!({ "name": format!("School {number}"), "school_number": format!("13K{number}"), "sis_id": number.to_string() }),
        json!({}),
    )
}

pub(crate) fn term(number: u32, start: &str, end: &str) -> Value {
    object(
        "term",
        number,
        json!({ "name": "Fall", "start_date": start, "end_date": end }),
        json!({}),
    )
}

pub(crate) fn course(number: u32) -> Value {
    object("course", number, json!({ "name": "Reading", "number": "R1" }), json!({}))
}

pub(crate) fn student(number: u32, changed: Value) -> Value {
    let role = json!({
        "school": id("school", 1), "schools": [id("school", 1)], "enrollments": [], "sis_id": format!("9{number}"),
        "student_number": format!("N{number}"), "state_id": format!("S{number}"), "grade": "6", "dob": "1/20/2014", "gender": "X", "race": "Asian",
        "hispanic_ethnicity": "N", "ell_status": "Y", "frl_status": "Free", "iep_status": "", "email": "copy@example.org",
        "location": { "zip": "11237" }, "credentials": { "district_username": format!("pupil{number}") },
    });
    let fields = json!({ "name": { "first": "Ada", "middle": "", "last": format!("Pupil{number}") }, "email": format!("Pupil{number}@Example.org"), "roles": { "student": role } });
    object("user", number, fields, changed)
}

pub(crate) fn teacher(number: u32, changed: Value) -> Value {
    let role = json!({ "school": id("school", 1), "schools": [id("school", 1)], "teacher_number": format!("T{number}"), "title": "Ms" });
    let fields = json!({ "name": { "first": "Tove", "last": format!("Teacher{number}") }, "email": format!("t{number}@example.org"), "roles": { "teacher": role } });
    object("user", number, fields, changed)
}

pub(crate) fn contact(number: u32, student: u32, changed: Value) -> Value {
    let related = json!([{ "student": id("user", student), "relationship": "Parent", "type": "Parent/Guardian" }]);
    let role = json!({ "phone": "(312) 555-0142", "phone_type": "Cell", "student_relationships": related });
    let fields =
        json!({ "name": { "last": "Ada Guardian" }, "email": "", "roles": { "contact": role } });
    object("user", number, fields, changed)
}

pub(crate) fn section(number: u32, teachers: &[u32], students: &[u32], changed: Value) -> Value {
    let people = |all: &[u32]| all.iter().map(|n| id("user", *n)).collect::<Vec<_>>();
    let fields = json!({
        "name": " Reading - Teacher - 1", "school": id("school", 1), "course": id("course", 1), "term_id": id("term", 1), "period": "1", "grade": "6",
        "subject": "english/language arts", "section_number": "", "teacher": teachers.first().map(|n| id("user", *n)), "teachers": people(teachers),
        "students": people(students), "ext": {},
    });
    object("section", number, fields, changed)
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
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<StoredPages>>);

impl Pages for Kept {
    type Error = Infallible;

    async fn keep(
        &self,
        list: Resource,
        number: u32,
        body: Vec<u8>,
        progress: &Progress,
    ) -> Result<(), Infallible> {
        assert_eq!(progress.pages, number + 1);
        self.0.lock().unwrap().insert((list, number), body);
        Ok(())
    }
}

impl Kept {
    pub(crate) fn pages(&self) -> StoredPages {
        self.0.lock().unwrap().clone()
    }
}

struct Queue(VecDeque<Vec<u8>>);

impl StagedPages for Queue {
    fn next(&mut self) -> io::Result<Vec<u8>> {
        self.0.pop_front().ok_or_else(|| io::Error::other("no page is left"))
    }
}

/// Lines by part.
#[derive(Default)]
pub(crate) struct Lines(BTreeMap<&'static str, Vec<Value>>);

impl SnapshotSink for Lines {
    fn line(&mut self, part: PartName, line: &[u8]) -> io::Result<()> {
        self.0.entry(part.name()).or_default().push(serde_json::from_slice(line).unwrap());
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
    pub(crate) fn all(&self, part: &str) -> &[Value] {
        self.lines.0.get(part).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn record(&self, part: &str, kind: &str, number: u32) -> Option<&Value> {
        self.all(part).iter().find(|line| line["id"] == id(kind, number))
    }

    pub(crate) fn codes(&self) -> Vec<(&str, u64)> {
        self.findings.totals.iter().map(|(code, total)| (code.as_str(), total.count)).collect()
    }

    pub(crate) fn found(&self, code: &str) -> &str {
        &self.findings.findings.iter().find(|finding| finding.code == code).unwrap().message
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

/// A district at Clever, and its settings.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) clever: MemoryClever,
    pub(crate) time: Time,
    pub(crate) kept: Kept,
    pub(crate) source: SourceSettings,
    pub(crate) overrides: Map<String, Value>,
}

impl World {
    /// A school, a term, a course, and a section with a teacher and two students, one of them with
    /// a guardian.
    pub(crate) fn new() -> Self {
        let clever = MemoryClever::default();
        clever.connect(OAK, TOKEN);
        clever.put("schools", school(1));
        clever.put("terms", term(1, "2026-08-15", "2026-12-18"));
        clever.put("courses", course(1));
        clever.put("users", teacher(1, json!({})));
        clever.put("users", student(11, json!({})));
        clever.put("users", student(12, json!({})));
        clever.put("users", contact(21, 11, json!({})));
        clever.put("sections", section(1, &[1], &[12, 11], json!({})));
        let time = Time(Arc::new(AtomicI64::new(1_780_000_000_000)));
        let source = SourceSettings {
            clever: Some(Clever { page_size: 2, ..Clever::of(OAK) }),
            ..SourceSettings::default()
        };
        Self { clever, time, kept: Kept::default(), source, overrides: Map::new() }
    }

    pub(crate) fn client(&self) -> Client<MemoryClever, Time> {
        let time = self.time.clone();
        let now = Arc::new(move || Timestamp::from_millisecond(time.millis()).unwrap());
        let api = Api::of(self.source.clever.as_ref().unwrap()).unwrap();
        Client { http: self.clever.clone(), wait: self.time.clone(), now, api }
    }

    pub(crate) fn tokens(&self) -> TokenList<MemoryClever, Time> {
        let client = self.client();
        TokenList {
            http: client.http,
            wait: client.wait,
            now: client.now,
            host: "https://clever.com".into(),
        }
    }

    /// Starts a pull.
    pub(crate) async fn begin(&self) -> PullState {
        let record = self
            .client()
            .district::<Infallible>(&Secret::new(TOKEN), &mut fastrand::Rng::with_seed(1))
            .await
            .unwrap();
        assert_eq!(record.id, OAK);
        PullState { before: record.version, ..PullState::default() }
    }

    pub(crate) async fn go_on(
        &self,
        state: &mut PullState,
        stop: impl Fn() -> bool + Sync,
    ) -> Result<Pulled, PullError<Infallible>> {
        let (token, rng) = (Secret::new(TOKEN), fastrand::Rng::with_seed(2));
        self.client().pull(OAK, &token, &self.kept, state, rng, stop).await
    }

    /// Returns the snapshot of the stored pages.
    pub(crate) fn snapshot_of(&self, state: &PullState) -> Snapshot {
        let mut pages = Queue(self.kept.pages().into_values().collect());
        let policy = Policy::from_preset("family-directory", &self.overrides).unwrap();
        let (frozen, today) = (state.frozen, date(2026, 9, 1));
        let job = Job {
            district: OAK,
            lists: &state.lists,
            frozen,
            settings: &self.source,
            policy: &policy,
            today,
        };
        let mut lines = Lines::default();
        let ended = import(job, &mut pages, &mut lines).unwrap();
        assert!(pages.0.is_empty() || matches!(ended, Import::Refused(_)), "every page is read");
        let (refused, enrollments, findings) = match ended {
            Import::Staged(staged) => (false, staged.enrollments, staged.findings),
            Import::Refused(refused) => (true, 0, refused.findings),
        };
        Snapshot { lines, findings, refused, enrollments }
    }

    /// Runs a complete pull and returns its snapshot.
    pub(crate) async fn snapshot(&self) -> Snapshot {
        let mut state = self.begin().await;
        assert_eq!(self.go_on(&mut state, || false).await.unwrap(), Pulled::Whole);
        self.snapshot_of(&state)
    }
}
