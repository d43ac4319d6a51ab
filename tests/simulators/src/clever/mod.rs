//! A server that behaves like Clever's Data and Events API (v3.0 and v3.1) and token list, with its
//! quirks, and with faults when tests ask for them.
//!
//! Sources: Clever's published specification, its developer documentation, and recordings of its
//! demo district. Its districts come from [`district`], a night at a time. What nobody outside
//! Clever knows (whether the token list has pages, what `count` answers) is a setting, or not
//! there.

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

/// Requests of one token in one minute.
#[derive(Debug, Default, Clone, Copy)]
struct Counted {
    minute: i64,
    requests: u64,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Requests that a token may make in a minute.
    per_minute: u64,
    /// Districts on a page of the token list; none: all on one.
    tokens: Option<usize>,
    /// Time that each answer takes beside what it costs to make it.
    answer: Duration,
}

#[derive(Debug)]
struct World {
    client: String,
    secret: String,
    clock: Clock,
    limits: Mutex<Limits>,
    districts: Mutex<BTreeMap<String, CleverDistrict>>,
    counted: Mutex<BTreeMap<String, Counted>>,
    /// Tokens of people who have signed in: their district, and who they are.
    users: Mutex<BTreeMap<String, (String, String)>>,
    faults: Faults,
    requests: Mutex<Vec<String>>,
}

/// A running Clever.
#[derive(Debug)]
pub struct CleverSimulator {
    world: Arc<World>,
    server: Listening,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CleverSimulator {
    /// Starts one without districts, whose application signs in with these credentials.
    ///
    /// # Errors
    /// If no port can be opened.
    pub async fn start(client: &str, secret: &str, clock: Clock) -> io::Result<Self> {
        let world = Arc::new(World {
            client: client.into(),
            secret: secret.into(),
            clock,
            limits: Mutex::new(Limits { per_minute: 1200, tokens: None, answer: Duration::ZERO }),
            districts: Mutex::default(),
            counted: Mutex::default(),
            users: Mutex::default(),
            faults: Faults::default(),
            requests: Mutex::default(),
        });
        let server = Listening::router(endpoint::router(Arc::clone(&world))).await?;
        Ok(Self { world, server })
    }

    /// Scheme and host of everything: of the data and of the token list, which in truth are two.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// A district connects the application, and shares what its source has on that night (OneRoster
    /// 1.1, whole): all but its staff.
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
            told: 0,
        };
        at.new_token(district);
        lock(&self.world.districts).insert(district.to_owned(), at);
    }

    /// The data of another night comes to Clever. False: its sync is paused or in error, so they do
    /// not.
    pub fn sync(&self, district: &str, night: &Night) -> bool {
        self.world.sync(district, night)
    }

    /// The data of another night come while a request whose path and query contain `path` waits for
    /// its answer, after `skip` others.
    pub fn sync_during(&self, path: &str, skip: u32, district: &str, night: &Night) {
        let incident =
            Incident::Sync { district: district.to_owned(), night: Arc::new(night.clone()) };
        self.world.faults.plan(path, skip, 1, incident);
    }

    /// The district shares something else.
    pub fn share(&self, district: &str, sharing: Sharing) {
        self.world.change(district, |at| at.sharing = sharing);
    }

    /// The district shares its staff too, or no longer.
    pub fn share_staff(&self, district: &str, shared: bool) {
        self.world.change(district, |at| at.staff = shared);
    }

    /// These records are not shared though all around them are: sections go on naming them, and
    /// reading them is a 404.
    pub fn withhold(&self, district: &str, ids: impl IntoIterator<Item = String>) {
        self.world.change(district, |at| at.withheld = ids.into_iter().collect());
    }

    /// A section that an administrator of the district makes at Clever, of people who are there: no
    /// sync takes it away, and nothing marks it. Gives its id.
    ///
    /// The first teacher is the primary one; all others are what Clever has no word for but
    /// `teachers`.
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
            "name": name, "sis_id": id("custom", name), "school": school, "subject": "other", "section_number": "", "period": "", "grade": "",
            "teacher": teachers.first(), "teachers": teachers, "students": students, "ext": {},
        });
        let record = Record::new(&object, &[], vec![school.to_owned()], self.world.clock.now());
        self.world.change(district, |at| at.put_custom(List::Sections, &section, record));
        section
    }

    /// Changes an object at Clever; no sync takes it back. False: it is not there.
    pub fn alter(
        &self,
        district: &str,
        list: List,
        id: &str,
        change: impl FnOnce(&mut Value),
    ) -> bool {
        let (mut there, now) = (false, self.world.clock.now());
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
            there = true;
        });
        there
    }

    /// How the district's sync to Clever goes.
    pub fn set_state(&self, district: &str, state: State) {
        let now = self.world.clock.now();
        self.world.change(district, |at| {
            at.state = state;
            at.paused = matches!(state, State::Paused(_)).then_some(now);
        });
    }

    /// The district disconnects: its token is void, and gone from the list.
    pub fn disconnect(&self, district: &str) {
        self.world.change(district, |at| at.connected = false);
    }

    /// It connects again, with another token than before.
    pub fn reconnect(&self, district: &str) {
        let now = self.world.clock.now();
        self.world.change(district, |at| {
            at.new_token(district);
            (at.connected, at.authorized) = (true, now);
        });
    }

    /// Another token takes the place of the present one.
    pub fn rotate_token(&self, district: &str) {
        self.world.change(district, |at| at.new_token(district));
    }

    /// The token that stands in the list; none: it is not connected.
    pub fn token(&self, district: &str) -> Option<String> {
        lock(&self.world.districts)
            .get(district)
            .filter(|at| at.connected)
            .map(|at| at.token.clone())
    }

    /// Somebody of a district signs in. Such a token begins with `il`, and opens what is about them
    /// alone: no list, and nothing that a pull reads.
    pub fn sign_in(&self, district: &str, user: &str) -> String {
        let token = format!("il{}", id("token of a user", &format!("{district}/{user}")));
        lock(&self.world.users).insert(token.clone(), (district.to_owned(), user.to_owned()));
        token
    }

    /// The `skip + 1`-th request whose path and query contain `path`, and the `times - 1` after it,
    /// meet a fault.
    pub fn fault(&self, path: &str, skip: u32, times: u32, fault: Fault) {
        self.world.faults.plan(path, skip, times, Incident::Fault(fault));
    }

    /// How many requests are still to meet a fault: none, and a test has seen all that it has
    /// planned.
    pub fn faults_left(&self) -> u64 {
        self.world.faults.waiting()
    }

    /// No fault waits for its request any more.
    pub fn heal(&self) {
        self.world.faults.clear();
    }

    /// Requests that a token may make in a minute from now on; 1,200 at first.
    pub fn set_rate_limit(&self, per_minute: u64) {
        lock(&self.world.limits).per_minute = per_minute;
    }

    /// Lets each answer take some time from now on, as one over the internet does.
    pub fn set_answer_time(&self, time: Duration) {
        lock(&self.world.limits).answer = time;
    }

    /// Breaks the token list into pages of so many districts. Whether Clever ever does so is not
    /// known.
    pub fn page_tokens(&self, districts: usize) {
        lock(&self.world.limits).tokens = Some(districts.max(1));
    }

    /// Paths and queries of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.world.requests).clone()
    }

    /// Clever's ids of what a district has, shared or not, in their order.
    pub fn ids(&self, district: &str, list: List) -> Vec<String> {
        let districts = lock(&self.world.districts);
        districts
            .get(district)
            .map(|at| at.records[&list].keys().cloned().collect())
            .unwrap_or_default()
    }
}

impl World {
    fn sync(&self, district: &str, night: &dyn faults::Make) -> bool {
        let now = self.clock.now();
        let mut came = false;
        self.change(district, |at| {
            came = !matches!(at.state, State::Paused(_) | State::Error | State::Pending);
            if came {
                let records = night.make(&at.records, now);
                at.take(records);
                at.last_sync = now;
            }
        });
        came
    }

    /// Changes a district, and tells what changed of what it shares.
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
