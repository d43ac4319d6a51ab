//! The requests that the bench measures.

use std::error::Error;

use axum::http::Method;
use roster::id::{DistrictId, RunId};
use roster::records::RecordKind;
use serde_json::{Value, json};
use stack::{Claims, Stack};

/// Limit for the median of a read, in milliseconds.
pub(crate) const READ: f64 = 5.0;

/// Limit that applies to a kind of request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Reads one record.
    One,
    /// Reads many records; has no limit of its own.
    Page,
    /// Explains why a record is missing; needs many reads.
    Explanation,
}

impl Limit {
    pub(crate) fn milliseconds(self) -> Option<f64> {
        match self {
            Self::One => Some(READ),
            Self::Page => None,
            Self::Explanation => Some(50.0),
        }
    }
}

/// A kind of request.
pub(crate) struct Read {
    pub(crate) name: &'static str,
    pub(crate) limit: Limit,
    role: &'static str,
    path: &'static str,
    body: Option<fn(&Known, usize) -> Value>,
}

/// Returns all kinds of requests. Parameters in braces are filled in with a different record for
/// each request.
pub(crate) fn all() -> Vec<Read> {
    let of = |limit, name, role, path| Read { name, limit, role, path, body: None };
    let read = |name, role, path| of(Limit::One, name, role, path);
    let page = |name, role, path| of(Limit::Page, name, role, path);
    vec![
        read("district", "district_leader", ""),
        read("settings", "district_leader", "/settings"),
        read("schools", "district_leader", "/schools"),
        read("class with its roster", "school_leader", "/classes/{class}"),
        read("class with its roster, for its teacher", "teacher", "/classes/{class of teacher}"),
        page("people of a class", "school_leader", "/classes/{class}/people?role=student"),
        read("student", "school_leader", "/people/student/{student}"),
        read("teacher", "school_leader", "/people/teacher/{teacher}"),
        read("guardian", "district_leader", "/people/guardian/{guardian}"),
        page(
            "directory of a school, 50 students",
            "district_leader",
            "/schools/{school}/directory?limit=50",
        ),
        page(
            "directory of a school, 50 classes",
            "district_leader",
            "/schools/{school}/directory?kind=class&limit=50",
        ),
        read("last change of a student", "support", "/people/student/{student}/last-change"),
        read("runs", "operator", "/runs"),
        read("run", "operator", "/runs/{run}"),
        read("report of a run", "operator", "/runs/{run}/report"),
        page("findings of a run, 100 of them", "operator", "/runs/{run}/findings"),
        page("plan of a run, 20 changes", "operator", "/runs/{run}/plan?limit=20"),
        Read {
            name: "person by e-mail address",
            limit: Limit::One,
            role: "application",
            path: "/people/lookup",
            body: Some(|known, nth| json!({ "email": known.emails[nth % known.emails.len()] })),
        },
        Read {
            name: "explanation, student not in the mirror",
            limit: Limit::Explanation,
            role: "district_leader",
            path: "/explain",
            body: Some(|_, nth| json!({ "kind": "student", "id": format!("unknown-{nth}") })),
        },
        Read {
            name: "explanation, student in the mirror",
            limit: Limit::Explanation,
            role: "district_leader",
            path: "/explain",
            body: Some(
                |known, nth| json!({ "kind": "student", "id": known.of(RecordKind::Student, nth) }),
            ),
        },
    ]
}

/// Records that requests can name.
pub(crate) struct Known {
    district: DistrictId,
    run: RunId,
    records: Vec<(RecordKind, Vec<String>)>,
    /// E-mail addresses of students.
    emails: Vec<String>,
    /// Key of the teacher with the most classes.
    teacher: String,
    teachers_classes: Vec<String>,
    /// Keys of all schools, for tokens of school leaders and teachers.
    schools: Vec<String>,
}

impl Known {
    pub(crate) async fn gather(
        stack: &Stack,
        district: &DistrictId,
        run: &RunId,
        many: usize,
    ) -> Result<Self, Box<dyn Error>> {
        let mut known = Self {
            district: district.clone(),
            run: run.clone(),
            records: Vec::new(),
            emails: Vec::new(),
            teacher: String::new(),
            teachers_classes: Vec::new(),
            schools: Vec::new(),
        };
        for kind in [
            RecordKind::School,
            RecordKind::Class,
            RecordKind::Student,
            RecordKind::Teacher,
            RecordKind::Guardian,
        ] {
            let mut all: Vec<String> = Vec::new();
            let each = |record: Value| {
                let key = record["key"].as_str().unwrap_or_default().to_owned();
                if let (RecordKind::Student, Some(email)) =
                    (kind, record["state"]["person"]["email"].as_str())
                {
                    known.emails.push(email.to_owned());
                }
                let classes =
                    record["state"]["classes"].as_array().map(Vec::as_slice).unwrap_or_default();
                if kind == RecordKind::Teacher && classes.len() > known.teachers_classes.len() {
                    known.teacher.clone_from(&key);
                    known.teachers_classes = classes
                        .iter()
                        .filter_map(|class| class.as_str().map(str::to_owned))
                        .collect();
                }
                all.push(key);
                Ok::<(), mirror::MirrorError>(())
            };
            stack.records(district, kind, each).await?;
            if all.is_empty() {
                return Err(format!("the mirror has no {kind}").into());
            }
            if kind == RecordKind::School {
                known.schools.clone_from(&all);
            }
            // Take samples from all shards: the table returns records shard by shard.
            let step = (all.len() / many).max(1);
            known.records.push((kind, all.into_iter().step_by(step).collect()));
        }
        Ok(known)
    }

    fn of(&self, kind: RecordKind, nth: usize) -> &str {
        let list = self
            .records
            .iter()
            .find(|(of, _)| *of == kind)
            .map(|(_, list)| list.as_slice())
            .unwrap_or_default();
        list.get(nth % list.len().max(1)).map_or("", String::as_str)
    }

    /// Returns the claims of the token that sends a request.
    pub(crate) fn claims(&self, read: &Read) -> Claims {
        let claims = Claims::new(read.role, self.district.as_str());
        match read.role {
            "teacher" => self
                .schools
                .iter()
                .fold(claims, |claims, school| claims.school(school))
                .record(&self.teacher),
            "school_leader" => {
                self.schools.iter().fold(claims, |claims, school| claims.school(school))
            }
            _ => claims,
        }
    }

    /// Builds the `nth` request of a kind.
    pub(crate) fn request(&self, read: &Read, nth: usize) -> (Method, String, Option<Value>) {
        let mut path = format!("/v1/districts/{}{}", self.district, read.path);
        for kind in [
            RecordKind::School,
            RecordKind::Class,
            RecordKind::Student,
            RecordKind::Teacher,
            RecordKind::Guardian,
        ] {
            path = path.replace(&format!("{{{kind}}}"), self.of(kind, nth));
        }
        path = path.replace("{run}", self.run.as_str());
        if !self.teachers_classes.is_empty() {
            path = path.replace(
                "{class of teacher}",
                &self.teachers_classes[nth % self.teachers_classes.len()],
            );
        }
        let body = read.body.map(|body| body(self, nth));
        (if body.is_some() { Method::POST } else { Method::GET }, path, body)
    }
}
