//! Resources nested under a record, at `/{list}/{id}/{what}`, and the few resources that a
//! signed-in user's token can read.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Response;
use serde_json::{Value, json};

use super::endpoint::{cannot, message, sent};
use super::lists::DistrictRequest;
use super::records::{List, Record};

/// The values of the filter `role` for the users of a school, and of a section.
const OF_SCHOOLS: [&str; 3] = ["staff", "student", "teacher"];
const OF_SECTIONS: [&str; 2] = ["student", "teacher"];

/// The ids in a field of an object, which holds one id or a list.
fn named(object: &Value, field: &str) -> BTreeSet<String> {
    let ids = match &object[field] {
        Value::Array(ids) => ids.iter().collect(),
        id => vec![id],
    };
    ids.into_iter().filter_map(|id| id.as_str().map(str::to_owned)).collect()
}

/// Whether a section lists a user in `field` (`students` or `teachers`).
fn is_in(section: &Value, user: &str, field: &str) -> bool {
    named(section, field).contains(user)
}

/// The students to whom a contact has a relationship.
fn children(object: &Value) -> BTreeSet<String> {
    let relationships =
        object["roles"]["contact"]["student_relationships"].as_array().into_iter().flatten();
    relationships.filter_map(|one| one["student"].as_str().map(str::to_owned)).collect()
}

impl DistrictRequest<'_> {
    /// Answers a request for a resource nested under a shared record.
    pub(super) fn related(&self, list: List, id: &str, what: &str) -> Response<Body> {
        let Some(object) = self.shared(list, id).map(Record::value) else {
            return message(404, "not found");
        };
        let one = |list: List, field: &str| match object[field].as_str() {
            Some(id) => self.single(list, id),
            None => message(404, "not found"),
        };
        match (list, what) {
            (List::Schools | List::Users | List::Sections, "district") => self.one(self.district()),
            (List::Sections, "school") => one(List::Schools, "school"),
            (List::Sections, "course") => one(List::Courses, "course"),
            (List::Sections, "term") => one(List::Terms, "term_id"),
            (List::Sections, "users") => self.people(&OF_SECTIONS, |user, role| {
                let field = if role == "student" { "students" } else { "teachers" };
                named(&object, field).contains(user)
            }),
            (List::Schools, "users") => self.people_of_school(id),
            (List::Schools, "sections") => self.records(List::Sections, |_, section| {
                section.schools.iter().any(|school| school == id)
            }),
            // Courses and terms belong to the district. A school's are those of its sections.
            (List::Schools, "courses") => self.all_of(
                List::Courses,
                &self.of_sections(|section| section["school"] == id, "course"),
            ),
            (List::Schools, "terms") => self.all_of(
                List::Terms,
                &self.of_sections(|section| section["school"] == id, "term_id"),
            ),
            (List::Users, "schools") => {
                let roles = object["roles"].as_object().into_iter().flatten().map(|(_, role)| role);
                let field =
                    if self.request.get("primary") == Some("true") { "school" } else { "schools" };
                self.all_of(List::Schools, &roles.flat_map(|role| named(role, field)).collect())
            }
            (List::Users, "sections") => self.records(List::Sections, |_, section| {
                is_in(&section.value(), id, "students") || is_in(&section.value(), id, "teachers")
            }),
            (List::Users, "mycontacts") => {
                self.records(List::Users, |_, user| children(&user.value()).contains(id))
            }
            (List::Users, "myteachers") => self.all_of(
                List::Users,
                &self.of_sections(|section| is_in(section, id, "students"), "teachers"),
            ),
            (List::Users, "mystudents") => {
                let mut students =
                    self.of_sections(|section| is_in(section, id, "teachers"), "students");
                students.extend(children(&object));
                self.all_of(List::Users, &students)
            }
            _ => cannot("GET", &self.request.path),
        }
    }

    /// The ids in a field of the shared sections that pass a filter.
    fn of_sections(&self, filter: impl Fn(&Value) -> bool, field: &str) -> BTreeSet<String> {
        let sections = self.at.records[&List::Sections]
            .iter()
            .filter(|(id, record)| self.at.shares(id, record));
        sections
            .map(|(_, record)| record.value())
            .filter(filter)
            .flat_map(|section| named(&section, field))
            .collect()
    }

    fn all_of(&self, list: List, ids: &BTreeSet<String>) -> Response<Body> {
        self.records(list, |id, _| ids.contains(id))
    }

    /// Users in one of these roles, or in the requested role.
    fn people(&self, roles: &[&str], filter: impl Fn(&str, &str) -> bool) -> Response<Body> {
        let wanted = self.request.get("role");
        if wanted.is_some_and(|wanted| !roles.contains(&wanted)) {
            return message(400, "role is not valid");
        }
        self.records(List::Users, |id, user| {
            let mut of = self
                .at
                .roles(user)
                .filter(|role| roles.contains(role) && wanted.is_none_or(|wanted| wanted == *role));
            of.any(|role| filter(id, role))
        })
    }

    /// The users of a school. With `primary=true` only those whose first school it is.
    fn people_of_school(&self, school: &str) -> Response<Body> {
        let primary = self.request.get("primary") == Some("true");
        self.people(&OF_SCHOOLS, |id, role| {
            let user = self.at.records[&List::Users].get(id).map(Record::value).unwrap_or_default();
            named(&user["roles"][role], if primary { "school" } else { "schools" }).contains(school)
        })
    }

    /// Answers a signed-in user. The user can read the own record, schools and district, without
    /// paging.
    pub(super) fn answer_user(&self, user: &str, rest: &[&str]) -> Response<Body> {
        if ["limit", "starting_after", "ending_before"]
            .iter()
            .any(|name| self.request.get(name).is_some())
        {
            return message(400, "not with this token");
        }
        match *rest {
            ["me"] => {
                let canonical = format!("/{}/users/{user}", self.version);
                let data = json!({ "id": user, "district": self.district, "type": "user",
                    "authorized_by": "district" });
                let links = json!([{ "rel": "self", "uri": "/me" }, { "rel": "canonical",
                    "uri": canonical }]);
                sent(200, &json!({ "type": "user", "data": data, "links": links }))
            }
            ["users", id] => self.single(List::Users, id),
            ["schools", id] => self.single(List::Schools, id),
            ["districts", id] if id == self.district => self.one(self.district()),
            _ => cannot("GET", &self.request.path),
        }
    }
}
