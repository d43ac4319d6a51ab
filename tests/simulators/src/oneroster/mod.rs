//! Simulates OneRoster REST servers, 1.1 and 1.2, and ClassLink's proxy for its districts, with
//! every kind of authentication, and with faults that tests plan.
//!
//! Lists and paging come from the in-memory server of the client's own tests
//! ([`sources::oneroster_rest::memory`]). This module adds HTTP: `endpoint` authenticates and
//! answers requests, `signed` verifies OAuth 1.0a signatures.
//!
//! Sources: the specification, recordings, and public client code.

mod endpoint;
mod signed;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use districts::{File, Night, Version};
use jiff::Timestamp;
use serde_json::Value;
use sources::oneroster_rest::Resource;
use sources::oneroster_rest::memory::{Fault, MemoryOneRoster, Ways};

use crate::listen::Listening;

/// How a server authenticates requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// By this bearer token.
    Bearer(String),
    /// By a bearer token from [`OneRosterSimulator::token_url`] (OAuth 2.0 client credentials).
    Oauth2 {
        /// The client id.
        client: String,
        /// The client secret.
        secret: String,
        /// Number of requests until a token expires, although `expires_in` says an hour.
        uses: u32,
    },
    /// By an OAuth 1.0a signature.
    Oauth1 {
        /// The consumer key.
        key: String,
        /// The consumer secret.
        secret: String,
        /// Accept only HMAC-SHA1. False: only HMAC-SHA256.
        sha1: bool,
    },
}

/// A district's server.
#[derive(Debug)]
struct DistrictServer {
    server: MemoryOneRoster,
    authentication: Authentication,
    version: Version,
    /// Issued tokens, with the number of requests left for each.
    tokens: BTreeMap<String, u32>,
    /// Used nonces.
    nonces: BTreeSet<String>,
}

/// A district in ClassLink's list of applications.
#[derive(Clone, Debug)]
struct Application {
    tenant: u64,
    name: String,
    enabled: bool,
    turn: u32,
}

#[derive(Debug)]
struct World {
    districts: Mutex<BTreeMap<String, DistrictServer>>,
    /// The partner key that ClassLink accepts.
    key: String,
    applications: Mutex<Vec<Application>>,
    /// How many more responses of ClassLink's list fail.
    failing: Mutex<u32>,
    requests: Mutex<Vec<String>>,
    /// Delay that is added to each response.
    answer: Mutex<Duration>,
}

/// The running servers, on one port.
#[derive(Debug)]
pub struct OneRosterSimulator {
    world: Arc<World>,
    server: Listening,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OneRosterSimulator {
    /// Starts without districts. `key` is the partner key that ClassLink accepts.
    ///
    /// # Errors
    /// If no port can be opened.
    pub async fn start(key: &str) -> io::Result<Self> {
        let world = Arc::new(World {
            districts: Mutex::default(),
            key: key.into(),
            applications: Mutex::default(),
            failing: Mutex::default(),
            requests: Mutex::default(),
            answer: Mutex::default(),
        });
        let server = Listening::router(endpoint::router(Arc::clone(&world))).await?;
        Ok(Self { world, server })
    }

    /// Scheme and host of all servers and of ClassLink's proxy.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The base URL of a district's lists.
    pub fn address(&self, district: &str) -> String {
        let root = match lock(&self.world.districts).get(district).map(|at| at.version) {
            Some(Version::V1_2) => "ims/oneroster/rostering/v1p2",
            _ => "ims/oneroster/v1p1",
        };
        format!("{}/{district}/{root}", self.url())
    }

    /// The token endpoint of a district's server.
    pub fn token_url(&self, district: &str) -> String {
        format!("{}/{district}/oauth/token", self.url())
    }

    /// Adds a server for a district, with the records of a night and in the version of its files.
    pub fn share(&self, district: &str, night: &Night, authentication: Authentication) {
        let (tokens, nonces) = (BTreeMap::new(), BTreeSet::new());
        let at = DistrictServer {
            server: MemoryOneRoster::default(),
            authentication,
            version: night.version(),
            tokens,
            nonces,
        };
        fill(&at.server, night, None);
        lock(&self.world.districts).insert(district.to_owned(), at);
    }

    /// Replaces the records of a district's server with those of another night.
    ///
    /// Changed records get `at` as their `dateLastModified`. Records missing from the night are
    /// removed, without a tombstone.
    pub fn sync(&self, district: &str, night: &Night, at: Timestamp) {
        if let Some(server) = self.server_of(district) {
            fill(&server, night, Some(at));
        }
    }

    /// The in-memory server of a district.
    pub fn server_of(&self, district: &str) -> Option<MemoryOneRoster> {
        lock(&self.world.districts).get(district).map(|at| at.server.clone())
    }

    /// Changes the behavior of a district's server.
    pub fn behave(&self, district: &str, change: impl FnOnce(&mut Ways)) {
        if let Some(server) = self.server_of(district) {
            server.behave(change);
        }
    }

    /// Plans a fault for `times` requests whose list and query contain `path`, after `skip` such
    /// requests.
    pub fn fault(&self, district: &str, path: &str, skip: u32, times: u32, fault: Fault) {
        if let Some(server) = self.server_of(district) {
            server.plan(path, skip, times, fault);
        }
    }

    /// Adds a ClassLink district that has added the application. Returns the id of the district's
    /// server.
    pub fn add_application(&self, tenant: u64, night: &Night, enabled: bool) -> String {
        let application =
            Application { tenant, name: night.district_name().to_owned(), enabled, turn: 0 };
        let id = application.id();
        self.share(&id, night, Authentication::Bearer(application.bearer()));
        self.behave(&id, |ways| ways.revision = Some("1".into()));
        lock(&self.world.applications).push(application);
        id
    }

    /// Enables or disables the application for a ClassLink district.
    pub fn enable(&self, tenant: u64, enabled: bool) {
        lock(&self.world.applications)
            .iter_mut()
            .filter(|one| one.tenant == tenant)
            .for_each(|one| one.enabled = enabled);
    }

    /// Removes the application from a ClassLink district.
    pub fn withdraw(&self, tenant: u64) {
        lock(&self.world.applications).retain(|one| one.tenant != tenant);
    }

    /// Replaces the token of a ClassLink district.
    pub fn rotate(&self, tenant: u64) {
        let mut applications = lock(&self.world.applications);
        let Some(one) = applications.iter_mut().find(|one| one.tenant == tenant) else { return };
        one.turn += 1;
        if let Some(at) = lock(&self.world.districts).get_mut(&one.id()) {
            at.authentication = Authentication::Bearer(one.bearer());
        }
    }

    /// The current token of a ClassLink district.
    pub fn bearer_of(&self, tenant: u64) -> Option<String> {
        lock(&self.world.applications)
            .iter()
            .find(|one| one.tenant == tenant)
            .map(Application::bearer)
    }

    /// Makes the next `times` responses of ClassLink's list fail.
    pub fn fail_applications(&self, times: u32) {
        *lock(&self.world.failing) = times;
    }

    /// Adds a delay to each response, as over the internet.
    pub fn set_answer_time(&self, time: Duration) {
        *lock(&self.world.answer) = time;
    }

    /// Path and query of each request so far.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.world.requests).clone()
    }
}

impl Application {
    /// The id as ClassLink sends it: percent-encoded.
    fn id(&self) -> String {
        format!("T{}G0%3D", self.tenant)
    }

    fn bearer(&self) -> String {
        format!("3f0c2f66-8a8f-4a53-{:04}-{:012}", self.turn, self.tenant)
    }
}

/// Replaces a server's records with those of a night. Unchanged records keep their
/// `dateLastModified`; the others get `at`, if given.
fn fill(server: &MemoryOneRoster, night: &Night, at: Option<Timestamp>) {
    let at = at.map(|at| at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string());
    for list in Resource::ALL {
        let Some(file) = File::ALL.into_iter().find(|file| file.name() == list.name()) else {
            continue;
        };
        let existing: BTreeMap<String, Arc<str>> = server.records(list).into_iter().collect();
        let mut records: Vec<(String, Arc<str>)> = Vec::new();
        night.objects(file, |id, mut object| {
            if let Some(at) = &at {
                let before =
                    existing.get(id).and_then(|text| serde_json::from_str::<Value>(text).ok());
                object["dateLastModified"] = before
                    .as_ref()
                    .map_or(Value::Null, |before| before["dateLastModified"].clone());
                if before.as_ref() != Some(&object) {
                    object["dateLastModified"] = at.as_str().into();
                }
            }
            records.push((id.to_owned(), object.to_string().into()));
        });
        server.put_all(list, records);
    }
}
