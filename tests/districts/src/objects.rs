//! A night's records as OneRoster REST objects, 1.1 or 1.2. They are the same records as in the
//! files.

use std::collections::HashMap;

use csv::StringRecord;
use serde_json::{Map, Value, json};

use crate::{File, Night, Version};

/// A row with access by column name.
struct Row<'r> {
    columns: &'r HashMap<String, usize>,
    cells: &'r StringRecord,
}

impl<'r> Row<'r> {
    fn get(&self, column: &str) -> &'r str {
        self.columns.get(column).and_then(|place| self.cells.get(*place)).unwrap_or("")
    }

    fn list(&self, column: &str) -> impl Iterator<Item = &'r str> {
        self.get(column).split(',').map(str::trim).filter(|part| !part.is_empty())
    }
}

/// A reference to another object. Its URL does not exist.
fn reference(kind: &str, id: &str) -> Value {
    json!({ "href": format!("https://sis.example.net/ims/oneroster/v1p1/{kind}s/{id}"),
        "sourcedId": id, "type": kind })
}

/// Builds an object. Blank fields are left out.
struct Object(Map<String, Value>);

impl Object {
    fn of(row: &Row<'_>, stamp: &str) -> Self {
        let mut object = Self(Map::new());
        object.put("sourcedId", row.get("sourcedId"));
        object.put("status", "active");
        object.put("dateLastModified", stamp);
        object
    }

    fn put(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        let is_blank = value.as_str().is_some_and(str::is_empty)
            || value.as_array().is_some_and(Vec::is_empty);
        if !is_blank {
            self.0.insert(name.to_owned(), value);
        }
    }

    fn texts(&mut self, row: &Row<'_>, names: &[&str]) {
        names.iter().for_each(|name| self.put(name, row.get(name)));
    }

    fn lists(&mut self, row: &Row<'_>, names: &[&str]) {
        names
            .iter()
            .for_each(|name| self.put(name, row.list(name).map(Value::from).collect::<Vec<_>>()));
    }

    fn reference(&mut self, name: &str, kind: &str, id: &str) {
        if !id.is_empty() {
            self.put(name, reference(kind, id));
        }
    }

    fn references<'i>(&mut self, name: &str, kind: &str, ids: impl Iterator<Item = &'i str>) {
        self.put(name, ids.map(|id| reference(kind, id)).collect::<Vec<_>>());
    }
}

const DEMOGRAPHICS: [&str; 13] = [
    "birthDate",
    "sex",
    "americanIndianOrAlaskaNative",
    "asian",
    "blackOrAfricanAmerican",
    "nativeHawaiianOrOtherPacificIslander",
    "white",
    "demographicRaceTwoOrMoreRaces",
    "hispanicOrLatinoEthnicity",
    "countryOfBirthCode",
    "stateOfBirthAbbreviation",
    "cityOfBirth",
    "publicSchoolResidenceStatus",
];

impl Night {
    /// Passes the objects of a list to `each`, with their ids, in the order of the file's rows.
    /// Roles are part of users, so their own list is empty.
    pub fn objects(&self, file: File, mut visit: impl FnMut(&str, Value)) {
        let (stamp, version) = (self.stamp(), self.version());
        let mut roles: HashMap<String, Vec<Value>> = HashMap::new();
        if file == File::Users && version == Version::V1_2 {
            self.each(File::Roles, |row| {
                let mut role = Object(Map::new());
                role.texts(row, &["roleType", "role", "beginDate", "endDate"]);
                role.reference("org", "org", row.get("orgSourcedId"));
                roles
                    .entry(row.get("userSourcedId").to_owned())
                    .or_default()
                    .push(Value::Object(role.0));
            });
        }
        self.each(file, |row| {
            let mut object = Object::of(row, &stamp);
            match file {
                File::Orgs => {
                    object.texts(row, &["name", "type", "identifier"]);
                    object.reference("parent", "org", row.get("parentSourcedId"));
                }
                File::AcademicSessions => {
                    object.texts(row, &["title", "type", "startDate", "endDate", "schoolYear"]);
                    object.reference("parent", "academicSession", row.get("parentSourcedId"));
                }
                File::Courses => {
                    object.texts(row, &["title", "courseCode"]);
                    object.lists(row, &["grades", "subjects", "subjectCodes"]);
                    object.reference(
                        "schoolYear",
                        "academicSession",
                        row.get("schoolYearSourcedId"),
                    );
                    object.reference("org", "org", row.get("orgSourcedId"));
                }
                File::Classes => {
                    object.texts(row, &["title", "classCode", "classType", "location"]);
                    object.lists(row, &["grades", "subjects", "subjectCodes", "periods"]);
                    object.reference("course", "course", row.get("courseSourcedId"));
                    object.reference("school", "org", row.get("schoolSourcedId"));
                    object.references("terms", "academicSession", row.list("termSourcedIds"));
                }
                File::Users => self.user(
                    row,
                    roles.remove(row.get("sourcedId")).unwrap_or_default(),
                    &mut object,
                ),
                File::Roles => return,
                File::Enrollments => {
                    object.texts(row, &["role", "primary", "beginDate", "endDate"]);
                    object.reference("class", "class", row.get("classSourcedId"));
                    object.reference("school", "org", row.get("schoolSourcedId"));
                    object.reference("user", "user", row.get("userSourcedId"));
                }
                File::Demographics => object.texts(row, &DEMOGRAPHICS),
            }
            visit(row.get("sourcedId"), Value::Object(object.0));
        });
    }

    fn user(&self, row: &Row<'_>, roles: Vec<Value>, object: &mut Object) {
        object.texts(
            row,
            &[
                "enabledUser",
                "username",
                "givenName",
                "familyName",
                "middleName",
                "identifier",
                "email",
                "sms",
                "phone",
            ],
        );
        let ids = row.list("userIds").filter_map(|id| id.trim_matches(['{', '}']).split_once(':'));
        object.put(
            "userIds",
            ids.map(|(kind, id)| json!({ "type": kind, "identifier": id })).collect::<Vec<_>>(),
        );
        object.references("agents", "user", row.list("agentSourcedIds"));
        object.lists(row, &["grades"]);
        // Servers send it, although no roster needs it.
        object.put("password", "not-for-you");
        if self.version() == Version::V1_1 {
            object.texts(row, &["role"]);
            object.references("orgs", "org", row.list("orgSourcedIds"));
        } else {
            object.texts(row, &["userMasterIdentifier", "pronouns"]);
            object.put("preferredFirstName", row.get("preferredGivenName"));
            object.put("preferredMiddleName", row.get("preferredMiddleName"));
            object.put("preferredLastName", row.get("preferredFamilyName"));
            object.reference("primaryOrg", "org", row.get("primaryOrgSourcedId"));
            object.put("roles", roles);
        }
        let mut metadata = Map::new();
        for (column, _) in row.columns.iter().filter(|(column, _)| column.starts_with("metadata."))
        {
            if !row.get(column).is_empty() {
                metadata.insert(column["metadata.".len()..].to_owned(), row.get(column).into());
            }
        }
        if !metadata.is_empty() {
            object.put("metadata", metadata);
        }
    }

    fn each(&self, file: File, mut visit: impl FnMut(&Row<'_>)) {
        let columns: HashMap<String, usize> = self.columns(file).into_iter().zip(0..).collect();
        let mut rows = self.rows(file);
        while let Some(cells) = rows.next_row() {
            visit(&Row { columns: &columns, cells });
        }
    }
}
