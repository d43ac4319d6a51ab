//! Builds a request for every route of the API: the path with all parameters filled in, and a valid
//! body.
//!
//! A route without a known body fails the test, so that each new route is added here.

use axum::http::Method;
use roster::records::RecordKind;
use serde_json::{Value, json};
use stack::Route;

/// The records that the requests name.
#[derive(Clone, Debug)]
pub struct RecordIds {
    /// The district in the path.
    pub district: String,
    /// A school.
    pub school: String,
    /// A student of the school.
    pub student: String,
    /// A teacher of the school.
    pub teacher: String,
    /// A guardian of the student.
    pub guardian: String,
    /// A class of the school.
    pub class: String,
    /// A run.
    pub run: String,
    /// A source id that belongs to no record, for links.
    pub source: String,
    /// A name, for all name fields.
    pub name: String,
    /// An e-mail address.
    pub email: String,
    /// A phone number.
    pub phone: String,
}

/// A request.
#[derive(Clone, Debug)]
pub struct ApiRequest {
    /// The route as the template declares it.
    pub route: Route,
    /// Its method.
    pub method: Method,
    /// The path with its parameters filled in.
    pub path: String,
    /// The JSON body; `None` if the operation takes none.
    pub body: Option<Value>,
}

/// Prefix of every route.
const BASE: &str = "/v1/districts/{district}";

impl RecordIds {
    fn person(&self, kind: RecordKind) -> &str {
        match kind {
            RecordKind::Teacher => &self.teacher,
            RecordKind::Guardian => &self.guardian,
            _ => &self.student,
        }
    }

    /// Returns all requests for a route: one, or one for each kind of person.
    pub fn requests(&self, route: &Route) -> Vec<ApiRequest> {
        let kinds: &[RecordKind] = match route.path.contains("{kind}") {
            true => &[RecordKind::Student, RecordKind::Teacher, RecordKind::Guardian],
            false => &[RecordKind::Student],
        };
        kinds.iter().map(|kind| self.request(route, *kind)).collect()
    }

    fn request(&self, route: &Route, kind: RecordKind) -> ApiRequest {
        let filled = [
            ("{district}", self.district.as_str()),
            ("{kind}", kind.name()),
            ("{person}", self.person(kind)),
            ("{school}", &self.school),
            ("{student}", &self.student),
            ("{teacher}", &self.teacher),
            ("{guardian}", &self.guardian),
            ("{class}", &self.class),
            ("{source}", &self.source),
            ("{run}", &self.run),
        ];
        let mut path =
            filled.iter().fold(route.path.clone(), |path, (name, value)| path.replace(name, value));
        assert!(!path.contains('{'), "no value for a parameter of {path}");
        if route.path.ends_with("/groups/members") {
            path.push_str("?field=grade&value=05");
        }
        let method = route.method.parse().expect("a method");
        ApiRequest { method, path, body: self.body(route, kind), route: route.clone() }
    }

    /// An address that no account has: an address of another account is refused (R-I5).
    fn free_email(&self, role: &str) -> String {
        format!("new.{role}.{}", self.email)
    }

    fn body(&self, route: &Route, kind: RecordKind) -> Option<Value> {
        let below = route.path.strip_prefix(BASE).unwrap_or(&route.path);
        let reason = "asked for by the principal";
        Some(match (route.method.as_str(), below) {
            ("GET" | "DELETE", _) => return None,
            ("POST", "") | ("PUT", "/settings") => {
                json!({ "preset": "family-directory", "overrides": { "school_rostering": "on" } })
            }
            ("POST", "/sync") => json!({ "sync": "on", "reason": reason }),
            ("POST", "/erasure") => {
                json!({ "confirm": format!("erase {}", self.district), "reason": reason })
            }
            ("POST", "/people/lookup") => json!({ "email": self.email }),
            ("POST", "/people/{kind}") => {
                let email = self.free_email("person");
                json!({
                    "given": self.name, "family": self.name, "email": email, "school": self.school,
                })
            }
            ("PUT", "/people/{kind}/{person}/name") => {
                json!({ "given": self.name, "family": self.name })
            }
            ("PUT", "/people/{kind}/{person}/contact") => {
                json!({ "email": self.email, "phone": self.phone })
            }
            ("PUT", "/people/{kind}/{person}/sign-in-email") => json!({ "email": self.email }),
            ("PUT", "/people/{kind}/{person}/account") => json!({ "enabled": true }),
            (
                "POST",
                "/people/{kind}/{person}/account/accept" | "/people/{kind}/{person}/sign-ins",
            ) => return None,
            ("POST", "/people/{kind}/{person}/guardians") => {
                let email = self.free_email("guardian");
                json!({
                    "given": self.name, "family": self.name, "email": email, "phone": self.phone,
                })
            }
            ("POST", "/classes") => {
                json!({ "title": self.name, "school": self.school, "teacher": self.teacher })
            }
            ("PUT", "/classes/{class}") => json!({ "title": self.name }),
            ("POST", "/classes/{class}/archive") | ("PUT", "/classes/{class}/join-code") => {
                return None;
            }
            ("PUT", "/classes/{class}/custom-name") => json!({ "name": self.name }),
            ("POST", "/classes/{class}/students") => json!({ "student": self.student }),
            ("POST", "/classes/{class}/teachers") => {
                let email = self.free_email("teacher");
                json!({ "given": self.name, "family": self.name, "email": email })
            }
            ("POST", "/joins") => json!({ "code": "7K2QD-M4XWA", "guardian": self.guardian }),
            ("PUT", "/links/{kind}/{source}") => json!({ "person": self.person(kind) }),
            ("POST", "/runs/{run}/decision") => {
                json!({ "decision": "reject", "plan": "0123456789abcdef", "reason": reason })
            }
            (
                "POST",
                "/pause" | "/resume" | "/runs" | "/runs/{run}/undo" | "/runs/{run}/restore",
            ) => json!({ "reason": reason }),
            ("POST", "/explain") => json!({ "kind": "student", "id": self.student }),
            ("PUT", path) if path.ends_with("/pin") => {
                json!({ "until": "2099-01-01", "reason": reason })
            }
            (method, path) => panic!("tests/e2e/src/requests.rs has no body for {method} {path}"),
        })
    }
}
