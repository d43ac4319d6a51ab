//! Removes fields from pages before they are stored: passwords, and demographics of a district that
//! keeps none (R-M7).

use std::borrow::Cow;

use roster::policy::Policy;
use roster::settings::SourceSettings;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::page::{self, Name};
use super::resource::Resource;
use crate::http::PaginationError;

/// The fields of users with passwords, in all versions. Profiles have passwords in their
/// credentials, and nothing that a roster needs.
const PASSWORDS: [&str; 2] = ["password", "userProfiles"];

/// The fields of demographics that are kept under `ignore`, next to custom columns with numbers.
const ALWAYS_KEPT: [&str; 3] = ["sourcedId", "status", "dateLastModified"];

/// The fields to remove from pages before they are stored.
#[derive(Clone, Debug)]
pub struct Scrub {
    demographics: bool,
    /// The district's custom fields with numbers of people, which are not demographics.
    own: Vec<String>,
}

/// The fields of an object, not decoded.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(24);
                while let Some(key) = map.next_key::<Name<'de>>()? {
                    fields.push((key.0, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

impl Scrub {
    /// Reads a district's policy and settings.
    pub fn of(policy: &Policy, settings: &SourceSettings) -> Self {
        let numbers = ["state_id", "student_number"]
            .into_iter()
            .filter_map(|field| settings.metadata.get(field));
        let own = numbers
            .map(|column| column.strip_prefix("metadata.").unwrap_or(column).to_owned())
            .collect();
        Self { demographics: policy.stores_demographics(), own }
    }

    /// Whether a list has anything that is kept.
    pub fn wants(&self, list: Resource) -> bool {
        list != Resource::Demographics || self.demographics || !self.own.is_empty()
    }

    /// Removes the fields from a page.
    ///
    /// # Errors
    /// If the body is not a page of the list.
    pub fn page(&self, list: Resource, body: Vec<u8>) -> Result<Vec<u8>, PaginationError> {
        let is_scrubbed =
            list == Resource::Users || (list == Resource::Demographics && !self.demographics);
        if !is_scrubbed {
            return Ok(body);
        }
        let items = page::items(&body, list.name())?;
        let mut scrubbed = Vec::with_capacity(body.len());
        scrubbed.extend_from_slice(format!("{{\"{}\":[", list.name()).as_bytes());
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                scrubbed.push(b',');
            }
            match serde_json::from_str::<Fields<'_>>(item.get()) {
                Ok(fields) => self.object(list, fields, &mut scrubbed),
                // An item that is not an object has no password. `null` is reported as unreadable
                // when the page is imported.
                Err(_) => scrubbed.extend_from_slice(b"null"),
            }
        }
        scrubbed.extend_from_slice(b"]}");
        Ok(scrubbed)
    }

    fn object(&self, list: Resource, Fields(fields): Fields<'_>, into: &mut Vec<u8>) {
        let mut is_first = true;
        into.push(b'{');
        for (name, value) in fields {
            let is_kept = match (list, &*name) {
                (Resource::Users, name) if PASSWORDS.contains(&name) => false,
                (_, "metadata") if !self.demographics => {
                    self.metadata(value, &mut is_first, into);
                    false
                }
                (Resource::Users, "grades") => self.demographics,
                (Resource::Demographics, name) => self.demographics || ALWAYS_KEPT.contains(&name),
                _ => true,
            };
            if is_kept {
                put(&name, value.get(), &mut is_first, into);
            }
        }
        into.push(b'}');
    }

    /// Keeps only the district's custom fields with numbers.
    fn metadata(&self, value: &RawValue, is_first: &mut bool, into: &mut Vec<u8>) {
        let Ok(Fields(fields)) = serde_json::from_str::<Fields<'_>>(value.get()) else { return };
        let root =
            |column: &String| column.split('.').next().unwrap_or_default().to_ascii_lowercase();
        let is_own = |name: &str| {
            let name = name.to_ascii_lowercase();
            self.own
                .iter()
                .any(|column| column.to_ascii_lowercase() == name || root(column) == name)
        };
        let mut kept = vec![b'{'];
        let mut none = true;
        for (name, value) in fields.iter().filter(|(name, _)| is_own(name)) {
            put(name, value.get(), &mut none, &mut kept);
        }
        kept.push(b'}');
        put("metadata", &String::from_utf8_lossy(&kept), is_first, into);
    }
}

fn put(name: &str, value: &str, is_first: &mut bool, into: &mut Vec<u8>) {
    if !std::mem::replace(is_first, false) {
        into.push(b',');
    }
    // Writing a string to a vector cannot fail.
    let _ = serde_json::to_writer(&mut *into, name);
    into.push(b':');
    into.extend_from_slice(value.as_bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;

    fn scrubbed(preset: &str, list: Resource, item: &Value) -> Value {
        let policy = Policy::from_preset(preset, &Map::new()).unwrap();
        let metadata = [
            ("state_id".to_owned(), "metadata.stateId".to_owned()),
            ("ell".into(), "metadata.ell".into()),
        ];
        let settings = SourceSettings { metadata: metadata.into(), ..SourceSettings::default() };
        let body = json!({ list.name(): [item] }).to_string().into_bytes();
        let page = Scrub::of(&policy, &settings).page(list, body).unwrap();
        serde_json::from_slice::<Value>(&page).unwrap()[list.name()][0].take()
    }

    #[test]
    fn passwords_are_never_stored() {
        let user = json!({
            "sourcedId": "a\"b", "password": "hunter2", "grades": ["03"], "metadata": { "stateId": "7", "ell": "true" },
            "userProfiles": [{ "credentials": [{ "username": "u", "password": "hunter2" }] }],
        });
        let kept = json!({ "sourcedId": "a\"b", "grades": ["03"], "metadata": { "stateId": "7", "ell": "true" } });
        assert_eq!(scrubbed("sis", Resource::Users, &user), kept);
        assert_eq!(scrubbed("sis", Resource::Users, &json!("no object")), Value::Null);
    }

    #[test]
    fn r_m7_ignored_demographics_are_not_stored() {
        let user = json!({ "sourcedId": "a", "email": "a@example.org", "grades": ["03"], "metadata": { "stateId": "7", "ell": "true" } });
        let kept =
            json!({ "sourcedId": "a", "email": "a@example.org", "metadata": { "stateId": "7" } });
        assert_eq!(scrubbed("family-directory", Resource::Users, &user), kept);
        let row = json!({ "sourcedId": "a", "birthDate": "2014-01-01", "sex": "female", "metadata": { "stateId": "7", "frl": "y" } });
        let kept = json!({ "sourcedId": "a", "metadata": { "stateId": "7" } });
        assert_eq!(scrubbed("family-directory", Resource::Demographics, &row), kept);
        assert_eq!(scrubbed("sis", Resource::Demographics, &row), row);
        let policy = Policy::from_preset("family-directory", &Map::new()).unwrap();
        let none = Scrub::of(&policy, &SourceSettings::default());
        assert!(!none.wants(Resource::Demographics) && none.wants(Resource::Users));
    }
}
