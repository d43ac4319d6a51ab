//! A server that behaves like Clever's Data API (v3.0 and v3.1) and token list, with its quirks, and with faults when tests ask for them.
//!
//! Sources: Clever's published specification, its developer documentation, and recordings of its demo district. Its districts come from
//! [`district`], a night at a time.

mod api;
mod faults;
mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use district::Night;
use jiff::Timestamp;

pub use faults::Fault;
pub use records::{List, id};

use crate::listen::Listening;
use crate::scheduler::Clock;
use faults::Faults;
use records::Records;

/// What a district shares with the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Everything.
    All,
    /// It has connected, and shares nothing yet.
    Nothing,
    /// What belongs to these schools (Clever's ids); people named in sections of theirs need not be among it.
    Schools(BTreeSet<String>),
}

#[derive(Debug)]
struct AtClever {
    name: String,
    token: String,
    connected: bool,
    state: &'static str,
    last_sync: Timestamp,
    sharing: Sharing,
    records: Arc<Records>,
}

/// Requests of one token in one minute.
#[derive(Debug, Default, Clone, Copy)]
struct Counted {
    minute: i64,
    requests: u64,
}

#[derive(Debug)]
struct World {
    client: String,
    secret: String,
    clock: Clock,
    limit: u64,
    districts: Mutex<BTreeMap<String, AtClever>>,
    counted: Mutex<BTreeMap<String, Counted>>,
    faults: Faults,
    requests: Mutex<Vec<String>>,
}

/// A running Clever.
#[derive(Debug)]
pub struct CleverSimulator {
    world: Arc<World>,
    server: Listening,
}

/// Requests that a token may make in a minute.
const LIMIT: u64 = 1200;

impl CleverSimulator {
    /// Starts one without districts, whose application signs in with these credentials.
    ///
    /// # Errors
    /// If no port can be opened.
    pub async fn start(client: &str, secret: &str, clock: Clock) -> io::Result<Self> {
        Self::start_with_limit(client, secret, clock, LIMIT).await
    }

    /// The same with another limit of requests a minute.
    ///
    /// # Errors
    /// If no port can be opened.
    pub async fn start_with_limit(client: &str, secret: &str, clock: Clock, limit: u64) -> io::Result<Self> {
        let world = Arc::new(World {
            client: client.into(),
            secret: secret.into(),
            clock,
            limit,
            districts: Mutex::default(),
            counted: Mutex::default(),
            faults: Faults::default(),
            requests: Mutex::default(),
        });
        let server = Listening::router(api::router(Arc::clone(&world))).await?;
        Ok(Self { world, server })
    }

    /// Scheme and host of everything.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// A district connects the application; it shares everything that it has on that night.
    pub fn connect(&self, district: &str, night: &Night) {
        let records = Arc::new(records::of_night(night, district));
        let at = AtClever {
            name: night.district_name().to_owned(),
            token: token(district, 0),
            connected: true,
            state: "success",
            last_sync: self.world.clock.now(),
            sharing: Sharing::All,
            records,
        };
        self.world.districts().insert(district.to_owned(), at);
    }

    /// The district's data of another night comes to Clever.
    pub fn sync(&self, district: &str, night: &Night) {
        let records = Arc::new(records::of_night(night, district));
        self.with(district, |at| {
            at.records = records;
            at.last_sync = self.world.clock.now();
        });
    }

    /// The district shares something else.
    pub fn share(&self, district: &str, sharing: Sharing) {
        self.with(district, |at| at.sharing = sharing);
    }

    /// The district's state at Clever: `running`, `pending`, `error`, `paused`, `success`.
    pub fn set_state(&self, district: &str, state: &'static str) {
        self.with(district, |at| at.state = state);
    }

    /// The district disconnects: its token is void, and gone from the list.
    pub fn disconnect(&self, district: &str) {
        self.with(district, |at| at.connected = false);
    }

    /// Another token takes the place of the present one.
    pub fn rotate_token(&self, district: &str) {
        self.with(district, |at| at.token = token(&at.token.clone(), 1));
    }

    /// The `skip + 1`-th request whose path and query contain `path`, and the `times - 1` after it, meet a fault.
    pub fn fault(&self, path: &str, skip: u32, times: u32, fault: Fault) {
        self.world.faults.plan(path, skip, times, fault);
    }

    /// Paths and queries of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.world.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Clever's ids of the schools of a district.
    pub fn schools(&self, district: &str) -> Vec<String> {
        let districts = self.world.districts();
        districts.get(district).map(|at| at.records[&List::Schools].keys().cloned().collect()).unwrap_or_default()
    }

    fn with(&self, district: &str, change: impl FnOnce(&mut AtClever)) {
        if let Some(at) = self.world.districts().get_mut(district) {
            change(at);
        }
    }
}

impl World {
    fn districts(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, AtClever>> {
        self.districts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn token(of: &str, turn: u8) -> String {
    format!("{}{}", id("token", &format!("{of}{turn}")), &id("token2", of)[..16])
}
