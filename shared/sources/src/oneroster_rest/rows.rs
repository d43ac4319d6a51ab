//! Converts a server's objects to rows of the OneRoster tables. Columns have the names of the
//! files, whatever the fields are called over REST.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::page::Name;
use crate::intake::values::LIST_ITEM_END;
use crate::oneroster_csv::{FileKind, RowBuilder, Version, layout};

/// How a cell is made of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// A text, a number or a boolean: the first field that exists under one of these names.
    Text(&'static [&'static str]),
    /// A list of texts: the first field that exists under one of these names.
    Texts(&'static [&'static str]),
    /// The id of a reference.
    Reference(&'static str),
    /// The ids of references.
    References(&'static str),
    /// User ids, each as `{type:identifier}`.
    UserIds,
    /// A custom field of the district, by its index.
    Own(usize),
    /// Always blank: no server sends the field, or it is not used.
    Blank,
}

/// The columns of a table, and how its rows are made.
pub(super) struct Columns {
    names: Vec<String>,
    shapes: Vec<Shape>,
    /// The paths of the custom fields in `metadata`, in lower case.
    own: Vec<String>,
    /// Which of them have occurred.
    met: Vec<bool>,
    /// The fields that are read, each with its index in [`Object`].
    fields: Vec<&'static str>,
    /// The number of columns of the standard.
    standard: Vec<String>,
    /// Whether a record cannot be used without a readable value of the column: required ones, and
    /// those whose loss would remove something.
    needed: Vec<bool>,
}

/// An object: the values of the fields that are read.
struct Object<'a>(Vec<Option<&'a RawValue>>);

struct Seed<'c>(&'c [&'static str]);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Object<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut values = vec![None; self.0.len()];
        while let Some(Name(key)) = map.next_key::<Name<'de>>()? {
            match self.0.iter().position(|field| *field == key) {
                Some(at) => values[at] = Some(map.next_value::<&'de RawValue>()?),
                None => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(Object(values))
    }
}

fn shape(kind: FileKind, column: &str) -> Shape {
    use Shape::{Blank, Reference, References, Text, Texts, UserIds};
    match (kind, column) {
        (_, "parentSourcedId") => Reference("parent"),
        (FileKind::Courses, "schoolYearSourcedId") => Reference("schoolYear"),
        (FileKind::Courses | FileKind::Roles, "orgSourcedId") => Reference("org"),
        (_, "courseSourcedId") => Reference("course"),
        (_, "schoolSourcedId") => Reference("school"),
        (_, "classSourcedId") => Reference("class"),
        (FileKind::Enrollments, "userSourcedId") => Reference("user"),
        (_, "primaryOrgSourcedId") => Reference("primaryOrg"),
        (_, "termSourcedIds") => References("terms"),
        (_, "orgSourcedIds") => References("orgs"),
        (_, "agentSourcedIds") => References("agents"),
        // 1.0 has one grade, and some servers of 1.1 still send it.
        (FileKind::Users, "grades") => Texts(&["grades", "grade"]),
        (_, "grades") => Texts(&["grades"]),
        (_, "subjects") => Texts(&["subjects"]),
        (_, "subjectCodes") => Texts(&["subjectCodes"]),
        (_, "periods") => Texts(&["periods"]),
        (_, "userIds") => UserIds,
        // The names in 1.2 differ between files and REST; some servers use those of the files.
        (_, "preferredGivenName") => Text(&["preferredFirstName", "preferredGivenName"]),
        (_, "preferredMiddleName") => Text(&["preferredMiddleName"]),
        (_, "preferredFamilyName") => Text(&["preferredLastName", "preferredFamilyName"]),
        (_, "password") | (FileKind::Roles, "userProfileSourcedId") => Blank,
        (_, other) => known(other).map_or(Blank, Text),
    }
}

/// Returns the field with the same name as the column.
fn known(column: &str) -> Option<&'static [&'static str]> {
    const ALL: [[&str; 1]; 45] = [
        ["sourcedId"],
        ["status"],
        ["dateLastModified"],
        ["name"],
        ["type"],
        ["identifier"],
        ["title"],
        ["startDate"],
        ["endDate"],
        ["schoolYear"],
        ["courseCode"],
        ["classCode"],
        ["classType"],
        ["location"],
        ["enabledUser"],
        ["role"],
        ["username"],
        ["givenName"],
        ["familyName"],
        ["middleName"],
        ["email"],
        ["sms"],
        ["phone"],
        ["userMasterIdentifier"],
        ["pronouns"],
        ["roleType"],
        ["beginDate"],
        ["primary"],
        ["birthDate"],
        ["sex"],
        ["americanIndianOrAlaskaNative"],
        ["asian"],
        ["blackOrAfricanAmerican"],
        ["nativeHawaiianOrOtherPacificIslander"],
        ["white"],
        ["demographicRaceTwoOrMoreRaces"],
        ["hispanicOrLatinoEthnicity"],
        ["countryOfBirthCode"],
        ["stateOfBirthAbbreviation"],
        ["cityOfBirth"],
        ["publicSchoolResidenceStatus"],
        ["userSourcedId"],
        ["roles"],
        ["metadata"],
        ["agents"],
    ];
    ALL.iter().find(|[name]| *name == column).map(<[&str; 1]>::as_slice)
}

/// Optional columns that remove something if they are read as blank: relationships, references and
/// whether the record is one at all.
const WITHOUT_LOSS: [&str; 5] =
    ["status", "agentSourcedIds", "primaryOrgSourcedId", "parentSourcedId", "schoolYearSourcedId"];

impl Columns {
    /// Returns the columns of a table, followed by the district's custom columns.
    pub(super) fn of(kind: FileKind, version: Version, own: impl Iterator<Item = String>) -> Self {
        let mut columns = Self {
            names: Vec::new(),
            shapes: Vec::new(),
            own: Vec::new(),
            met: Vec::new(),
            fields: Vec::new(),
            standard: Vec::new(),
            needed: Vec::new(),
        };
        for column in layout(kind, version, version == Version::V1_1) {
            columns.names.push(column.name.to_owned());
            let is_needed = column.is_required() || WITHOUT_LOSS.contains(&column.name);
            columns.needed.push(is_needed);
            columns.shapes.push(shape(kind, column.name));
        }
        let standard = columns.names.clone();
        // A setting may also name a column of the standard.
        for column in own.filter(|own| standard.iter().all(|name| !name.eq_ignore_ascii_case(own)))
        {
            columns.shapes.push(Shape::Own(columns.own.len()));
            columns
                .own
                .push(column.strip_prefix("metadata.").unwrap_or(&column).to_ascii_lowercase());
            columns.met.push(false);
            columns.needed.push(false);
            columns.names.push(column);
        }
        columns.standard = standard;
        for shape in &columns.shapes {
            match shape {
                Shape::Text(names) | Shape::Texts(names) => columns.fields.extend_from_slice(names),
                Shape::Reference(name) | Shape::References(name) => columns.fields.push(name),
                Shape::UserIds => columns.fields.push("userIds"),
                Shape::Own(_) if !columns.fields.contains(&"metadata") => {
                    columns.fields.push("metadata")
                }
                Shape::Own(_) | Shape::Blank => {}
            }
        }
        columns
    }

    /// Adds the header. Returns false if the receiver is gone.
    pub(super) fn header(&self, maker: &mut RowBuilder<'_>) -> bool {
        for name in &self.names {
            let begin = maker.begin_cell();
            maker.text().push_str(name);
            maker.end_cell(begin);
        }
        maker.end_row()
    }

    /// Whether a custom field has occurred, by its column's name.
    pub(super) fn has_met(&self, column: &str) -> bool {
        let path = column.strip_prefix("metadata.").unwrap_or(column);
        self.standard.iter().any(|name| name.eq_ignore_ascii_case(column))
            || self
                .own
                .iter()
                .zip(&self.met)
                .any(|(own, met)| *met && own.eq_ignore_ascii_case(path))
    }

    /// Adds the row of an object. Returns false if the receiver is gone.
    pub(super) fn row(&mut self, item: &RawValue, maker: &mut RowBuilder<'_>) -> bool {
        let object =
            Seed(&self.fields).deserialize(&mut serde_json::Deserializer::from_str(item.get()));
        // The error of serde could quote the object, so it is not reported.
        let Ok(Object(values)) = object else { return self.no_object(maker) };
        let get = |name: &str| {
            self.fields.iter().position(|field| *field == name).and_then(|at| values[at])
        };
        let first = |names: &[&str]| {
            names.iter().find_map(|name| get(name).filter(|value| value.get() != "null"))
        };
        let metadata = get("metadata");
        for (at, shape) in self.shapes.iter().enumerate() {
            let begin = maker.begin_cell();
            let is_read = match *shape {
                Shape::Blank => true,
                Shape::Text(names) => text(first(names), maker.text()),
                Shape::Texts(names) => {
                    let value = first(names);
                    each(value, maker.text(), |item, into| text(Some(item), into))
                }
                Shape::Reference(name) => reference(get(name), maker.text()),
                Shape::References(name) => {
                    each(get(name), maker.text(), |item, into| reference(Some(item), into))
                }
                Shape::UserIds => each(get("userIds"), maker.text(), user_id),
                Shape::Own(number) => {
                    let value = metadata.and_then(|metadata| inside(metadata, &self.own[number]));
                    self.met[number] |= value.is_some();
                    text(value, maker.text())
                }
            };
            if !is_read {
                // A partial value is discarded.
                maker.text().truncate(begin);
                if self.needed[at] { maker.misread(at) } else { maker.misread_optional(at) }
            }
            maker.end_cell(begin);
        }
        maker.end_row()
    }

    fn no_object(&self, maker: &mut RowBuilder<'_>) -> bool {
        for _ in &self.names {
            let begin = maker.begin_cell();
            maker.end_cell(begin);
        }
        maker.no_object();
        maker.end_row()
    }
}

/// The roles of a user (1.2).
#[derive(Deserialize)]
struct WithRoles<'a> {
    #[serde(borrow, default, rename = "sourcedId")]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "dateLastModified")]
    modified: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    roles: Option<Vec<&'a RawValue>>,
}

/// Adds the rows of a user's roles (1.2). An unreadable object is reported with the user, not here.
/// Returns false if the receiver is gone.
pub(super) fn roles(columns: &mut Columns, item: &RawValue, maker: &mut RowBuilder<'_>) -> bool {
    let Ok(user) = serde_json::from_str::<WithRoles<'_>>(item.get()) else { return true };
    let id = user.id.unwrap_or_default();
    for (number, role) in user.roles.unwrap_or_default().into_iter().enumerate() {
        let object =
            Seed(&columns.fields).deserialize(&mut serde_json::Deserializer::from_str(role.get()));
        let values =
            object.map_or_else(|_| vec![Some(role); columns.fields.len()], |Object(values)| values);
        let get = |name: &str| {
            columns.fields.iter().position(|field| *field == name).and_then(|at| values[at])
        };
        for (at, name) in columns.names.iter().enumerate() {
            let begin = maker.begin_cell();
            let is_read = match (name.as_str(), columns.shapes[at]) {
                ("sourcedId", _) => {
                    // Over REST a role has no id.
                    maker.text().push_str(&format!("{id}/{number}"));
                    true
                }
                ("status", _) => {
                    maker.text().push_str(user.status.as_deref().unwrap_or_default());
                    true
                }
                ("dateLastModified", _) => {
                    maker.text().push_str(user.modified.as_deref().unwrap_or_default());
                    true
                }
                ("userSourcedId", _) => {
                    maker.text().push_str(&id);
                    true
                }
                (_, Shape::Text(names)) => {
                    text(names.iter().find_map(|name| get(name)), maker.text())
                }
                (_, Shape::Reference(name)) => reference(get(name), maker.text()),
                _ => true,
            };
            if !is_read {
                maker.text().truncate(begin);
                maker.misread(at);
            }
            maker.end_cell(begin);
        }
        if !maker.end_row() {
            return false;
        }
    }
    true
}

/// Appends a text, or a number or boolean in its JSON notation. Returns false for other values.
fn text(value: Option<&RawValue>, into: &mut String) -> bool {
    let Some(value) = value.map(RawValue::get) else { return true };
    match value.as_bytes().first() {
        Some(b'"') => {
            let inner = &value[1..value.len() - 1];
            if !inner.contains('\\') {
                into.push_str(inner);
                return true;
            }
            match serde_json::from_str::<String>(value) {
                // A NUL is damage, as in files.
                Ok(text) if !text.contains('\0') => {
                    into.push_str(&text);
                    true
                }
                _ => false,
            }
        }
        Some(b'{' | b'[') | None => false,
        _ => {
            into.push_str(if value == "null" { "" } else { value });
            true
        }
    }
}

/// The id of a reference. Its URL is ignored: it has the server's own host, to which a proxy's
/// token must not be sent.
#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(borrow, default, rename = "sourcedId")]
    id: Option<&'a RawValue>,
}

fn reference(value: Option<&RawValue>, into: &mut String) -> bool {
    match value.map(RawValue::get) {
        None | Some("null") => true,
        Some(object) if object.starts_with('{') => serde_json::from_str::<Reference<'_>>(object)
            .is_ok_and(|reference| text(reference.id, into)),
        // Some servers send the id without an object.
        Some(id) if id.starts_with('"') => text(value, into),
        Some(_) => false,
    }
}

/// A user's id in another system.
#[derive(Deserialize)]
struct UserId<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    identifier: Option<&'a RawValue>,
}

fn user_id(value: &RawValue, into: &mut String) -> bool {
    let Ok(id) = serde_json::from_str::<UserId<'_>>(value.get()) else { return false };
    into.push('{');
    let kind = text(id.kind, into);
    into.push(':');
    let identifier = text(id.identifier, into);
    into.push('}');
    kind && identifier
}

/// Appends a list: each item ends with a separator that no text contains, because an id may contain
/// a comma. A single value in place of a list is a list of one.
fn each(
    value: Option<&RawValue>,
    into: &mut String,
    put: impl Fn(&RawValue, &mut String) -> bool,
) -> bool {
    let Some(value) = value.filter(|value| value.get() != "null") else { return true };
    let items = if value.get().starts_with('[') {
        let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(value.get()) else { return false };
        items
    } else if value.get() == "\"\"" {
        return true;
    } else {
        vec![value]
    };
    items.into_iter().all(|item| {
        let begin = into.len();
        let is_put = put(item, into);
        if into.len() > begin {
            into.push(LIST_ITEM_END);
        }
        is_put
    })
}

/// Returns a value of `metadata` by its path. Names may contain dots and are compared without case.
fn inside<'a>(metadata: &'a RawValue, path: &str) -> Option<&'a RawValue> {
    let fields: std::collections::BTreeMap<Cow<'a, str>, &'a RawValue> =
        serde_json::from_str(metadata.get()).ok()?;
    let direct =
        fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(path)).map(|(_, value)| *value);
    direct.or_else(|| {
        let (first, rest) = path.split_once('.')?;
        let (_, inner) = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(first))?;
        inside(inner, rest)
    })
}
