//! A district's state at Clever.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::events::Events;
use super::records::{List, Record, Records, id, keep_times, moment};

/// What a district shares with the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// All records.
    All,
    /// Nothing: the district has authorized the application but shares no records yet.
    Nothing,
    /// The records of these schools (Clever's ids).
    Schools(BTreeSet<String>),
}

/// The state of a district's sync to Clever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The sync is running.
    Running,
    /// An error that the district must fix.
    Pending,
    /// An error that Clever must fix.
    Error,
    /// Paused with older data, until this time if known.
    Paused(Option<Timestamp>),
    /// The last sync succeeded.
    Success,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Pending => "pending",
            State::Error => "error",
            State::Paused(_) => "paused",
            State::Success => "success",
        }
    }
}

/// The roles that a district shares only on request.
const STAFF: [&str; 2] = ["staff", "district_admin"];

/// A district at Clever: connection, records, and what it shares.
#[derive(Clone, Debug)]
pub(super) struct CleverDistrict {
    pub(super) name: String,
    pub(super) token: String,
    /// Number of tokens issued so far.
    pub(super) turn: u32,
    pub(super) authorized: Timestamp,
    pub(super) connected: bool,
    pub(super) state: State,
    /// When the sync was paused.
    pub(super) paused: Option<Timestamp>,
    pub(super) last_sync: Timestamp,
    pub(super) sharing: Sharing,
    /// Whether staff are shared, a separate setting at Clever.
    pub(super) staff: bool,
    /// Records that are not shared although sections list them.
    pub(super) withheld: BTreeSet<String>,
    pub(super) records: Records,
    /// Records that were created or changed at Clever. A sync does not undo that.
    pub(super) custom: Vec<(List, String, Record)>,
    pub(super) events: Events,
    pub(super) event_count: u64,
}

impl CleverDistrict {
    pub(super) fn shares(&self, id: &str, record: &Record) -> bool {
        let within = match &self.sharing {
            Sharing::All => true,
            Sharing::Nothing => false,
            Sharing::Schools(schools) => {
                record.schools.iter().any(|school| schools.contains(school))
            }
        };
        within
            && (record.roles.is_empty() || self.roles(record).next().is_some())
            && !self.withheld.contains(id)
    }

    /// The shared roles of a user.
    pub(super) fn roles(&self, record: &Record) -> impl Iterator<Item = &'static str> + use<> {
        let staff = self.staff;
        record.roles.iter().copied().filter(move |role| staff || !STAFF.contains(role))
    }

    /// A record as it is sent, without the roles that are not shared.
    pub(super) fn sent(&self, record: &Record, id: &str, district: &str) -> String {
        let object = record.object(id, district);
        if self.roles(record).count() == record.roles.len() {
            return object;
        }
        let mut object: Value = serde_json::from_str(&object).unwrap_or_default();
        if let Some(roles) = object["roles"].as_object_mut() {
            roles.retain(|role, _| !STAFF.contains(&role.as_str()));
        }
        object.to_string()
    }

    /// Replaces the records with those of a sync, and keeps the custom ones.
    pub(super) fn replace_records(&mut self, mut records: Records) {
        for (list, id, record) in &self.custom {
            records.entry(*list).or_default().insert(id.clone(), record.clone());
        }
        keep_times(&mut records, &self.records);
        self.records = records;
    }

    /// Adds a record that was created or changed at Clever.
    pub(super) fn put_custom(&mut self, list: List, id: &str, record: Record) {
        self.custom.retain(|(of, other, _)| (*of, other.as_str()) != (list, id));
        self.custom.push((list, id.to_owned(), record.clone()));
        self.records.entry(list).or_default().insert(id.to_owned(), record);
    }

    /// Issues a new token. It differs from all earlier tokens of the district.
    pub(super) fn new_token(&mut self, id_here: &str) {
        self.turn += 1;
        self.token = format!(
            "{}{}",
            id("token", &format!("{id_here}#{}", self.turn)),
            &id("token, second half", id_here)[..16]
        );
    }

    /// The district's object in version 3.1.
    pub(super) fn object(&self, id: &str) -> Value {
        let mut object = json!({
            "id": id, "name": self.name, "sis_type": "sftp", "state": self.state.name(),
            "last_sync": moment(self.last_sync),
            "error": if self.state == State::Error { "The files could not be read." } else { "" },
            "portal_url": format!("https://clever.example.org/in/{id}"),
            "login_methods": ["Clever Passwords"],
            "launch_date": "2026-08-17", "lms_state": "", "lms_type": "",
            "district_contact": { "id": super::id("contact of the district", id), "district": id,
            "name": { "first": "Kim", "last": "Contact" },
                "email": "kim.contact@example.org", "title": "" },
        });
        if let (State::Paused(until), Some(since)) = (self.state, self.paused) {
            object["pause_start"] = moment(since).into();
            if let Some(until) = until {
                object["pause_end"] = moment(until).into();
            }
        }
        object
    }
}
