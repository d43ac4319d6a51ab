//! Simulates Clever's Data API and Events API (v3.0 and v3.1) and its token list, with Clever's
//! quirks, and with faults that tests plan.
//!
//! Sources: Clever's published specification, its developer documentation, and recordings of its
//! demo district. The records come from the crate [`districts`], one night at a time. Undocumented
//! behavior is a setting (whether the token list has pages) or left out (`count`).
//!
//! | module | contents |
//! | --- | --- |
//! | `endpoint` | every request: faults, authentication, rate limit, token list |
//! | `lists`, `subresources` | responses of the Data API |
//! | `events` | responses of the Events API |
//! | `district` | a district's state, and what it shares |
//! | `records`, `people` | conversion of a synthetic district to Clever's objects |
//! | `faults` | planned faults |

mod district;
mod endpoint;
mod events;
mod faults;
mod lists;
mod people;
mod records;
mod subresources;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use districts::Night;
use serde_json::Value;

pub use district::{Sharing, State};
pub use faults::Fault;
pub use records::{List, id};

use crate::clock::Clock;
use crate::listen::Listening;
use district::CleverDistrict;
use faults::{Faults, Incident};
use records::Record;

/// Number of requests of one token in one minute.
#[derive(Debug, Default, Clone, Copy)]
struct Counted {
    minute: i64,
    requests: u64,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Requests per token and minute.
    per_minute: u64,
    /// Districts per page of the token list. `None`: one page.
    tokens: Option<usize>,
    /// Delay that is added to each response.
    delay: Duration,
}

#[derive(Debug)]
struct World {
    client: String,
    secret: String,
    clock: Clock,
    limits: Mutex<Limits>,
    districts: Mutex<BTreeMap<String, CleverDistrict>>,
    counted: Mutex<BTreeMap<String, Counted>>,
    /// Tokens of signed-in users, with their district and user id.
    users: Mutex<BTreeMap<String, (String, String)>>,
    faults: Faults,
    requests: Mutex<Vec<String>>,
}

/// A running simulator of Clever.
#[derive(Debug)]
pub struct CleverSimulator {
    world: Arc<World>,
    server: Listening,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CleverSimulator {
    /// Starts a simulator without districts. The application's credentials are `client` and
    /// `secret`.
    ///
    /// # Errors
    /// If no port can be opened.
    pub async fn start(client: &str, secret: &str, clock: Clock) -> io::Result<Self> {
        let world = Arc::new(World {
            client: client.into(),
            secret: secret.into(),
            clock,
            limits: Mutex::new(Limits { per_minute: 1200, tokens: None, delay: Duration::ZERO }),
            districts: Mutex::default(),
            counted: Mutex::default(),
            users: Mutex::default(),
            faults: Faults::default(),
            requests: Mutex::default(),
        });
        let server = Listening::router(endpoint::router(Arc::clone(&world))).await?;
        Ok(Self { world, server })
    }

    /// Scheme and host of the API and of the token list. Clever has separate hosts for them.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Connects a district, which shares all its records of that night except its staff. The night
    /// must be a full OneRoster 1.1 export.
    pub fn connect(&self, district: &str, night: &Night) {
        let now = self.world.clock.now();
        let mut at = CleverDistrict {
            name: night.district_name().to_owned(),
            token: String::new(),
            turn: 0,
            authorized: now,
            connected: true,
            state: State::Success,
            paused: None,
            last_sync: now,
            sharing: Sharing::All,
            staff: false,
            withheld: BTreeSet::new(),
            records: records::of_night(night, &BTreeMap::new(), now),
            custom: Vec::new(),
            events: BTreeMap::new(),
            event_count: 0,
        };
        at.new_token(district);
        lock(&self.world.districts).insert(district.to_owned(), at);
    }

    /// Syncs the data of another night to Clever. Returns false, without changes, if the district's
    /// sync is paused or failing.
    pub fn sync(&self, district: &str, night: &Night) -> bool {
        self.world.sync(district, night)
    }

    /// Plans a sync: it happens before the answer to the `skip + 1`-th request whose path and query
    /// contain `path`.
    pub fn sync_during(&self, path: &str, skip: u32, district: &str, night: &Night) {
        let incident =
            Incident::Sync { district: district.to_owned(), night: Arc::new(night.clone()) };
        self.world.faults.plan(path, skip, 1, incident);
    }

    /// Changes what the district shares.
    pub fn share(&self, district: &str, sharing: Sharing) {
        self.world.change(district, |at| at.sharing = sharing);
    }

    /// Changes whether the district shares its staff.
    pub fn share_staff(&self, district: &str, shared: bool) {
        self.world.change(district, |at| at.staff = shared);
    }

    /// Stops sharing single records. Sections still list them, but reading one returns 404.
    pub fn withhold(&self, district: &str, ids: impl IntoIterator<Item = String>) {
        self.world.change(district, |at| at.withheld = ids.into_iter().collect());
    }

    /// Adds a section that an administrator created at Clever, and returns its id. A sync does not
    /// remove it, and no field marks it as custom.
    ///
    /// The first teacher is the primary teacher.
    pub fn custom_section(
        &self,
        district: &str,
        name: &str,
        school: &str,
        teachers: &[String],
        students: &[String],
    ) -> String {
        let section = id("custom section", &format!("{district}/{name}"));
        let object = serde_json::json!({
            "name": name, "sis_id": id("custom", name), "school": school, "subject": "other",
            "section_number": "", "period": "", "grade": "",
            "teacher": teachers.first(), "teachers": teachers, "students": students, "ext": {},
        });
        let record = Record::new(&object, &[], vec![school.to_owned()], self.world.clock.now());
        self.world.change(district, |at| at.put_custom(List::Sections, &section, record));
        section
    }

    /// Changes an object at Clever. A sync does not undo the change. Returns false if there is no
    /// such object.
    pub fn alter(
        &self,
        district: &str,
        list: List,
        id: &str,
        change: impl FnOnce(&mut Value),
    ) -> bool {
        let (mut found, now) = (false, self.world.clock.now());
        self.world.change(district, |at| {
            let Some(old) = at.records[&list].get(id).cloned() else { return };
            let mut object = old.value();
            change(&mut object);
            let record = Record {
                modified: now,
                created: old.created,
                ..Record::new(&object, old.roles, old.schools, now)
            };
            at.put_custom(list, id, record);
            found = true;
        });
        found
    }

    /// Sets the state of the district's sync to Clever.
    pub fn set_state(&self, district: &str, state: State) {
        let now = self.world.clock.now();
        self.world.change(district, |at| {
            at.state = state;
            at.paused = matches!(state, State::Paused(_)).then_some(now);
        });
    }

    /// Disconnects the district: its token becomes invalid and leaves the token list.
    pub fn disconnect(&self, district: &str) {
        self.world.change(district, |at| at.connected = false);
    }

    /// Connects the district again, with a new token.
    pub fn reconnect(&self, district: &str) {
        let now = self.world.clock.now();
        self.world.change(district, |at| {
            at.new_token(district);
            (at.connected, at.authorized) = (true, now);
        });
    }

    /// Replaces the district's token.
    pub fn rotate_token(&self, district: &str) {
        self.world.change(district, |at| at.new_token(district));
    }

    /// The district's token. `None` if the district is not connected.
    pub fn token(&self, district: &str) -> Option<String> {
        lock(&self.world.districts)
            .get(district)
            .filter(|at| at.connected)
            .map(|at| at.token.clone())
    }

    /// Signs a user in and returns the user's token, which begins with `il`. It gives access to the
    /// user's own data only: no lists, and nothing that a pull reads.
    pub fn sign_in(&self, district: &str, user: &str) -> String {
        let token = format!("il{}", id("token of a user", &format!("{district}/{user}")));
        lock(&self.world.users).insert(token.clone(), (district.to_owned(), user.to_owned()));
        token
    }

    /// Plans a fault for the `skip + 1`-th request whose path and query contain `path`, and for the
    /// next `times - 1` such requests.
    pub fn fault(&self, path: &str, skip: u32, times: u32, fault: Fault) {
        self.world.faults.plan(path, skip, times, Incident::Fault(fault));
    }

    /// Number of requests until every planned fault has happened. 0 means all have happened.
    pub fn faults_left(&self) -> u64 {
        self.world.faults.remaining()
    }

    /// Cancels the planned faults.
    pub fn clear_faults(&self) {
        self.world.faults.clear();
    }

    /// Sets the number of requests per token and minute. The default is 1,200.
    pub fn set_rate_limit(&self, per_minute: u64) {
        lock(&self.world.limits).per_minute = per_minute;
    }

    /// Adds a delay to each response, as over the internet.
    pub fn set_answer_time(&self, delay: Duration) {
        lock(&self.world.limits).delay = delay;
    }

    /// Splits the token list into pages of this many districts. Whether Clever does so is unknown.
    pub fn page_tokens(&self, districts: usize) {
        lock(&self.world.limits).tokens = Some(districts.max(1));
    }

    /// Path and query of each request so far.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.world.requests).clone()
    }

    /// Clever's ids of a list's records, shared or not, in ascending order.
    pub fn ids(&self, district: &str, list: List) -> Vec<String> {
        let districts = lock(&self.world.districts);
        districts
            .get(district)
            .map(|at| at.records[&list].keys().cloned().collect())
            .unwrap_or_default()
    }
}

impl World {
    fn sync(&self, district: &str, night: &dyn faults::BuildRecords) -> bool {
        let now = self.clock.now();
        let mut accepted = false;
        self.change(district, |at| {
            accepted = !matches!(at.state, State::Paused(_) | State::Error | State::Pending);
            if accepted {
                let records = night.build(&at.records, now);
                at.replace_records(records);
                at.last_sync = now;
            }
        });
        accepted
    }

    /// Changes a district, and records the events of the change.
    fn change(&self, district: &str, change: impl FnOnce(&mut CleverDistrict)) {
        let now = self.clock.now();
        let mut districts = lock(&self.districts);
        let Some(at) = districts.get_mut(district) else { return };
        let events = std::mem::take(&mut at.events);
        let before = at.clone();
        change(at);
        at.events = events;
        events::record_events(&before, at, district, now);
    }
}
