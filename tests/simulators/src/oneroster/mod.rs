//! OneRoster servers as vendors run them, 1.1 and 1.2, and ClassLink's proxy before those of its
//! districts: over HTTP, with every way of signing in, and with faults when tests ask for them.
//!
//! The lists and the ways in which servers page are those of the server in memory that the client's
//! own tests use ([`sources::oneroster_rest::memory`]); here is what only a real connection has.
//! Sources: the specification, recordings and the code of others, as the project's notes on
//! OneRoster and ClassLink have them.

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

/// How a server wants to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// With this token.
    Bearer(String),
    /// With a token of its own making, given at [`OneRosterSimulator::token_url`] for these
    /// credentials and good for so many requests.
    Oauth2 {
        /// The client's id.
        client: String,
        /// Its secret.
        secret: String,
        /// How many requests a token is good for; what it says of that is an hour.
        uses: u32,
    },
    /// Signed with these, by OAuth 1.0a.
    Oauth1 {
        /// The consumer's key.
        key: String,
        /// Its secret.
        secret: String,
        /// HMAC-SHA1 alone instead of HMAC-SHA256 alone.
        sha1: bool,
    },
}

/// A district at a server.
#[derive(Debug)]
struct DistrictServer {
    server: MemoryOneRoster,
    endpoint: Authentication,
    version: Version,
    /// Tokens given, and for how many requests each is still good.
    tokens: BTreeMap<String, u32>,
    /// Nonces that were used.
    nonces: BTreeSet<String>,
}

/// A district in ClassLink's list.
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
    /// The partner key of ClassLink.
    key: String,
    applications: Mutex<Vec<Application>>,
    /// So many answers of ClassLink's list fail.
    failing: Mutex<u32>,
    requests: Mutex<Vec<String>>,
    /// Time that each answer takes beside what it costs to make it.
    answer: Mutex<Duration>,
}

/// Running servers.
#[derive(Debug)]
pub struct OneRosterSimulator {
    world: Arc<World>,
    server: Listening,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OneRosterSimulator {
    /// Starts without districts. `key` is the partner key of ClassLink.
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

    /// Scheme and host of everything; ClassLink's proxy is here too.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The address under which a district's lists are.
    pub fn address(&self, district: &str) -> String {
        let root = match lock(&self.world.districts).get(district).map(|at| at.version) {
            Some(Version::V1_2) => "ims/oneroster/rostering/v1p2",
            _ => "ims/oneroster/v1p1",
        };
        format!("{}/{district}/{root}", self.url())
    }

    /// Where a district's server gives tokens.
    pub fn token_url(&self, district: &str) -> String {
        format!("{}/{district}/oauth/token", self.url())
    }

    /// A district has a server, with what its source has on that night; it speaks the version of
    /// the night's files.
    pub fn share(&self, district: &str, night: &Night, endpoint: Authentication) {
        let (tokens, nonces) = (BTreeMap::new(), BTreeSet::new());
        let at = DistrictServer {
            server: MemoryOneRoster::default(),
            endpoint,
            version: night.version(),
            tokens,
            nonces,
        };
        fill(&at.server, night, None);
        lock(&self.world.districts).insert(district.to_owned(), at);
    }

    /// The data of another night come to a district's server at that time: it is the date of what
    /// has changed by them. Records that are not among them are purged, which servers tell nobody.
    pub fn sync(&self, district: &str, night: &Night, at: Timestamp) {
        if let Some(server) = self.server_of(district) {
            fill(&server, night, Some(at));
        }
    }

    /// What a district's server holds.
    pub fn server_of(&self, district: &str) -> Option<MemoryOneRoster> {
        lock(&self.world.districts).get(district).map(|at| at.server.clone())
    }

    /// A district's server has other ways from now on.
    pub fn behave(&self, district: &str, change: impl FnOnce(&mut Ways)) {
        if let Some(server) = self.server_of(district) {
            server.behave(change);
        }
    }

    /// After `skip` requests whose list and query contain `path`, so many of them meet a fault.
    pub fn fault(&self, district: &str, path: &str, skip: u32, times: u32, fault: Fault) {
        if let Some(server) = self.server_of(district) {
            server.plan(path, skip, times, fault);
        }
    }

    /// A district at ClassLink adds our application, and enables it or not yet. Gives the key by
    /// which its server is found here.
    pub fn add_application(&self, tenant: u64, night: &Night, enabled: bool) -> String {
        let application =
            Application { tenant, name: night.district_name().to_owned(), enabled, turn: 0 };
        let id = application.id();
        self.share(&id, night, Authentication::Bearer(application.bearer()));
        self.behave(&id, |ways| ways.revision = Some("1".into()));
        lock(&self.world.applications).push(application);
        id
    }

    /// It enables or disables it.
    pub fn enable(&self, tenant: u64, enabled: bool) {
        lock(&self.world.applications)
            .iter_mut()
            .filter(|one| one.tenant == tenant)
            .for_each(|one| one.enabled = enabled);
    }

    /// It takes our application away.
    pub fn withdraw(&self, tenant: u64) {
        lock(&self.world.applications).retain(|one| one.tenant != tenant);
    }

    /// Its token is another from now on.
    pub fn rotate(&self, tenant: u64) {
        let mut applications = lock(&self.world.applications);
        let Some(one) = applications.iter_mut().find(|one| one.tenant == tenant) else { return };
        one.turn += 1;
        if let Some(at) = lock(&self.world.districts).get_mut(&one.id()) {
            at.endpoint = Authentication::Bearer(one.bearer());
        }
    }

    /// The token by which a district at ClassLink is read now.
    pub fn bearer_of(&self, tenant: u64) -> Option<String> {
        lock(&self.world.applications)
            .iter()
            .find(|one| one.tenant == tenant)
            .map(Application::bearer)
    }

    /// So many answers of ClassLink's list fail from now on.
    pub fn fail_applications(&self, times: u32) {
        *lock(&self.world.failing) = times;
    }

    /// Lets each answer take some time from now on, as one over the internet does.
    pub fn set_answer_time(&self, time: Duration) {
        *lock(&self.world.answer) = time;
    }

    /// Paths and queries of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.world.requests).clone()
    }
}

impl Application {
    /// Escaped as ClassLink sends it.
    fn id(&self) -> String {
        format!("T{}G0%3D", self.tenant)
    }

    fn bearer(&self) -> String {
        format!("3f0c2f66-8a8f-4a53-{:04}-{:012}", self.turn, self.tenant)
    }
}

/// Puts a night's records into a server. A record that was there and is the same keeps its date;
/// another is of that time, if one is given.
fn fill(server: &MemoryOneRoster, night: &Night, at: Option<Timestamp>) {
    let at = at.map(|at| at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string());
    for list in Resource::ALL {
        let Some(file) = File::ALL.into_iter().find(|file| file.name() == list.name()) else {
            continue;
        };
        let there: BTreeMap<String, Arc<str>> = server.records(list).into_iter().collect();
        let mut records: Vec<(String, Arc<str>)> = Vec::new();
        night.objects(file, |id, mut object| {
            if let Some(at) = &at {
                let before =
                    there.get(id).and_then(|text| serde_json::from_str::<Value>(text).ok());
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
