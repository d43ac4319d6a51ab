//! The lists of a OneRoster server.

use serde::{Deserialize, Serialize};

/// The lists that a pull reads. What is referred to comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Resource {
    /// `/orgs`
    Orgs,
    /// `/academicSessions`
    AcademicSessions,
    /// `/courses`
    Courses,
    /// `/classes`
    Classes,
    /// `/users`
    Users,
    /// `/demographics`: the one list that a roster can do without.
    Demographics,
    /// `/enrollments`
    Enrollments,
}

impl Resource {
    /// All of them.
    pub const ALL: [Resource; 7] = [
        Resource::Orgs,
        Resource::AcademicSessions,
        Resource::Courses,
        Resource::Classes,
        Resource::Users,
        Resource::Demographics,
        Resource::Enrollments,
    ];

    /// Its name in addresses, in the envelope, in staged pages and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Resource::Orgs => "orgs",
            Resource::AcademicSessions => "academicSessions",
            Resource::Courses => "courses",
            Resource::Classes => "classes",
            Resource::Users => "users",
            Resource::Demographics => "demographics",
            Resource::Enrollments => "enrollments",
        }
    }
}
