//! A district as it stands at Clever.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::events::Events;
use super::records::{List, Record, Records, id, keep_times, moment};

/// What a district shares with the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// All that it has.
    All,
    /// It has authorised the application, and shares nothing yet.
    Nothing,
    /// What belongs to these schools (Clever's ids).
    Schools(BTreeSet<String>),
}

/// How a district's sync to Clever goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// An error that the district can mend.
    Pending,
    /// An error that Clever can mend.
    Error,
    /// Frozen on older data, until then if that is known.
    Paused(Option<Timestamp>),
    /// Done.
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

/// The roles that a district shares only if it says so.
const STAFF: [&str; 2] = ["staff", "district_admin"];

#[derive(Clone, Debug)]
pub(super) struct CleverDistrict {
    pub(super) name: String,
    pub(super) token: String,
    /// How many tokens it has had.
    pub(super) turn: u32,
    pub(super) authorized: Timestamp,
    pub(super) connected: bool,
    pub(super) state: State,
    /// Since when it is paused.
    pub(super) paused: Option<Timestamp>,
    pub(super) last_sync: Timestamp,
    pub(super) sharing: Sharing,
    /// Whether staff are shared, which a district ticks by itself.
    pub(super) staff: bool,
    /// Records that are not shared though all around them are: sections name them, and nobody can
    /// read them.
    pub(super) withheld: BTreeSet<String>,
    pub(super) records: Records,
    /// What the district made at Clever, or changed there: no sync takes it away.
    pub(super) custom: Vec<(List, String, Record)>,
    pub(super) events: Events,
    pub(super) told: u64,
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

    /// The roles of a user that are shared.
    pub(super) fn roles(&self, record: &Record) -> impl Iterator<Item = &'static str> + use<> {
        let staff = self.staff;
        record.roles.iter().copied().filter(move |role| staff || !STAFF.contains(role))
    }

    /// A record as it is sent: a teacher who is staff too is a teacher alone where staff are not
    /// shared.
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

    /// Takes in what came from the source.
    pub(super) fn take(&mut self, mut records: Records) {
        for (list, id, record) in &self.custom {
            records.entry(*list).or_default().insert(id.clone(), record.clone());
        }
        keep_times(&mut records, &self.records);
        self.records = records;
    }

    /// Puts a record that is the district's own at Clever.
    pub(super) fn put_custom(&mut self, list: List, id: &str, record: Record) {
        self.custom.retain(|(of, other, _)| (*of, other.as_str()) != (list, id));
        self.custom.push((list, id.to_owned(), record.clone()));
        self.records.entry(list).or_default().insert(id.to_owned(), record);
    }

    /// Gives it a token of its own, which none was before.
    pub(super) fn new_token(&mut self, id_here: &str) {
        self.turn += 1;
        self.token = format!(
            "{}{}",
            id("token", &format!("{id_here}#{}", self.turn)),
            &id("token, second half", id_here)[..16]
        );
    }

    /// The object of version 3.1.
    pub(super) fn object(&self, id: &str) -> Value {
        let mut object = json!({
            "id": id, "name": self.name, "sis_type": "sftp", "state": self.state.name(), "last_sync": moment(self.last_sync),
            "error": if self.state == State::Error { "The files could not be read." } else { "" },
            "portal_url": format!("https://clever.example.org/in/{id}"), "login_methods": ["Clever Passwords"],
            "launch_date": "2026-08-17", "lms_state": "", "lms_type": "",
            "district_contact": { "id": super::id("contact of the district", id), "district": id, "name": { "first": "Kim", "last": "Contact" },
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
