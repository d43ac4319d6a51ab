//! A OneRoster server in memory, for tests. It serves lists by pages, behaves in the ways in which
//! real servers differ, and fails as planned by a test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::resource::Resource;
use crate::http::{Answer, Credential, Form, Get, Http, NoAnswer};

/// The content of `X-Total-Count`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counts {
    /// The number of records in the list.
    #[default]
    List,
    /// The number of records on the page, which is wrong.
    Page,
    /// No header.
    Nothing,
}

/// The support for `sort` and `orderBy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sorting {
    /// Supported.
    #[default]
    Done,
    /// Ignored: records are in the order in which they were added.
    Ignored,
    /// Refused with status 400.
    Refused,
}

/// The support for `filter`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filtering {
    /// Supported.
    #[default]
    Done,
    /// Ignored: lists are complete.
    Ignored,
    /// Refused with status 400.
    Refused,
}

/// The behavior of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ways {
    /// The maximum number of records per page, whatever the request says.
    pub most: usize,
    /// The page size above which the server fails with status 502.
    pub heavy: Option<usize>,
    /// Whether the header `Link` is sent.
    pub links: bool,
    /// Whether links advance by the requested number of records, even if fewer were sent.
    pub links_as_asked: bool,
    /// The content of `X-Total-Count`.
    pub counts: Counts,
    /// The status of requests beyond the end of a list.
    pub behind: Option<u16>,
    /// The support for sorting.
    pub sorting: Sorting,
    /// The support for filters.
    pub filtering: Filtering,
    /// Whether every page is the first one.
    pub ignores_offset: bool,
    /// Whether the list starts again beyond its end.
    pub wraps: bool,
    /// The data's revision, as ClassLink reports it.
    pub revision: Option<String>,
    /// The lists that the server refuses.
    pub forbidden: BTreeSet<Resource>,
}

impl Default for Ways {
    fn default() -> Self {
        Self {
            most: 10_000,
            heavy: None,
            links: true,
            links_as_asked: false,
            counts: Counts::default(),
            behind: None,
            sorting: Sorting::default(),
            filtering: Filtering::default(),
            ignores_offset: false,
            wraps: false,
            revision: None,
            forbidden: BTreeSet::new(),
        }
    }
}

/// A planned failure of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A response with this status and body.
    Answer(u16, String),
    /// 429, with `retry-after` in seconds.
    TooMany(u64),
    /// No response.
    None(NoAnswer),
    /// A truncated body.
    Truncated,
    /// After this response, a record is added or replaced.
    Put(Resource, Value),
    /// After this response, a record is removed.
    Remove(Resource, String),
    /// From this response on, the data has another revision.
    Revision(String),
}

#[derive(Clone, Debug)]
struct Planned {
    path: String,
    skip: u32,
    times: u32,
    fault: Fault,
}

/// The accepted credentials.
#[derive(Clone, Debug)]
enum Login {
    /// A fixed token.
    Bearer(String),
    /// Tokens for client id and secret, each valid for a number of requests. The credentials are
    /// only accepted in the form, or only with HTTP Basic.
    Grant {
        client: String,
        secret: String,
        life: u32,
        in_form: bool,
        scope: Option<String>,
        left: u32,
        given: u32,
    },
}

#[derive(Clone, Debug)]
struct World {
    door: Login,
    ways: Ways,
    /// Records by id, as JSON, in the order in which they were added.
    lists: BTreeMap<Resource, Vec<(String, Arc<str>)>>,
    /// The same records, sorted by id.
    sorted: BTreeMap<Resource, Vec<usize>>,
    faults: Vec<Planned>,
    requests: Vec<String>,
}

/// A server with the records that a test adds.
#[derive(Clone, Debug)]
pub struct MemoryOneRoster(Arc<Mutex<World>>);

impl Default for MemoryOneRoster {
    fn default() -> Self {
        let (lists, sorted) = (BTreeMap::new(), BTreeMap::new());
        let (faults, requests) = (Vec::new(), Vec::new());
        let door = Login::Bearer(Self::TOKEN.into());
        Self(Arc::new(Mutex::new(World {
            door,
            ways: Ways::default(),
            lists,
            sorted,
            faults,
            requests,
        })))
    }
}

impl MemoryOneRoster {
    /// The initially accepted token.
    pub const TOKEN: &'static str = "3f0c2f66-8a8f-4a53-9ad1-5a2f1d6f4c11";

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requires tokens from OAuth 2 from now on, each valid for `life` requests. The credentials
    /// are accepted only `in_form` or only with HTTP Basic, and only for this scope.
    pub fn grant(&self, client: &str, secret: &str, life: u32, in_form: bool, scope: Option<&str>) {
        let (client, secret, scope) =
            (client.to_owned(), secret.to_owned(), scope.map(str::to_owned));
        self.world().door =
            Login::Grant { client, secret, life, in_form, scope, left: 0, given: 0 };
    }

    /// Returns the number of issued tokens.
    pub fn given(&self) -> u32 {
        match self.world().door {
            Login::Grant { given, .. } => given,
            Login::Bearer(_) => 0,
        }
    }

    /// Changes the behavior from now on.
    pub fn behave(&self, change: impl FnOnce(&mut Ways)) {
        change(&mut self.world().ways);
    }

    /// Adds a record to a list, or replaces the one with the same id.
    pub fn put(&self, list: Resource, record: &Value) {
        self.world().put(list, record);
    }

    /// Replaces a list: records by id, as JSON, in their order.
    pub fn put_all(&self, list: Resource, records: Vec<(String, Arc<str>)>) {
        self.world().put_all(list, records);
    }

    /// Returns the records of a list by id, as JSON.
    pub fn records(&self, list: Resource) -> Vec<(String, Arc<str>)> {
        self.world().lists.get(&list).cloned().unwrap_or_default()
    }

    /// Removes a record.
    pub fn remove(&self, list: Resource, id: &str) {
        self.world().remove(list, id);
    }

    /// Plans a fault: of the requests whose path and query contain `path`, `skip` succeed and the
    /// next `times` fail.
    pub fn plan(&self, path: &str, skip: u32, times: u32, fault: Fault) {
        self.world().faults.push(Planned { path: path.into(), skip, times, fault });
    }

    /// Returns the recorded requests: lists with their queries.
    pub fn requests(&self) -> Vec<String> {
        self.world().requests.clone()
    }

    /// Returns the response to an authenticated request, for a path below the root (`users`) and a
    /// query.
    ///
    /// # Errors
    /// If a planned fault has no response.
    pub fn answer(&self, path: &str, query: &str) -> Result<Answer, NoAnswer> {
        let mut world = self.world();
        let whole = format!("{path}?{query}");
        world.requests.push(whole.clone());
        let fault = world.fault(&whole);
        if let Some(Fault::Revision(revision)) = &fault {
            world.ways.revision = Some(revision.clone());
        }
        let mut answer = world.page(path, query);
        match fault {
            Some(Fault::None(none)) => return Err(none),
            Some(Fault::Answer(status, text)) => {
                return Ok(Answer { status, body: text.into(), ..Answer::default() });
            }
            Some(Fault::TooMany(seconds)) => {
                return Ok(Answer { retry_after: Some(seconds), ..failure(429, "server_busy") });
            }
            Some(Fault::Truncated) => answer.body.truncate(answer.body.len() / 2),
            Some(Fault::Put(list, record)) => world.put(list, &record),
            Some(Fault::Remove(list, id)) => world.remove(list, &id),
            Some(Fault::Revision(_)) | None => {}
        }
        Ok(answer)
    }
}

/// An error response of OneRoster 1.2.
fn failure(status: u16, minor: &str) -> Answer {
    let body = json!({
        "imsx_codeMajor": "failure", "imsx_severity": "error", "imsx_description": "no",
        "imsx_CodeMinor": { "imsx_codeMinorField": [{ "imsx_codeMinorFieldName": "TargetEndSystem", "imsx_codeMinorFieldValue": minor }] },
    });
    Answer { status, body: body.to_string().into_bytes(), ..Answer::default() }
}

/// Decodes the `%XX` of a text.
fn unescape(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => bytes.extend_from_slice(format!("%{part}").as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl World {
    fn fault(&mut self, path: &str) -> Option<Fault> {
        for planned in self.faults.iter_mut().filter(|planned| path.contains(&planned.path)) {
            if planned.skip > 0 {
                planned.skip -= 1;
            } else if planned.times > 0 {
                planned.times -= 1;
                return Some(planned.fault.clone());
            }
        }
        None
    }

    fn put(&mut self, list: Resource, record: &Value) {
        let id = record["sourcedId"].as_str().unwrap_or_default().to_owned();
        let text: Arc<str> = record.to_string().into();
        let mut records = self.lists.remove(&list).unwrap_or_default();
        match records.iter_mut().find(|(other, _)| *other == id && !id.is_empty()) {
            Some(there) => there.1 = text,
            None => records.push((id, text)),
        }
        self.put_all(list, records);
    }

    fn put_all(&mut self, list: Resource, records: Vec<(String, Arc<str>)>) {
        let mut order: Vec<usize> = (0..records.len()).collect();
        order.sort_by(|&a, &b| records[a].0.cmp(&records[b].0));
        self.sorted.insert(list, order);
        self.lists.insert(list, records);
    }

    fn remove(&mut self, list: Resource, id: &str) {
        let mut records = self.lists.remove(&list).unwrap_or_default();
        records.retain(|(other, _)| other != id);
        self.put_all(list, records);
    }

    /// Whether credentials are accepted. Each use of a token counts.
    fn opens(&mut self, credential: &Credential) -> bool {
        let Credential::Bearer(token) = credential else { return false };
        match &mut self.door {
            Login::Bearer(own) => own == token.reveal(),
            Login::Grant { left, given, .. } => {
                let is_good = *left > 0 && token.reveal() == format!("token-{given}");
                *left = left.saturating_sub(u32::from(is_good));
                is_good
            }
        }
    }

    fn token(&mut self, form: &Form) -> Answer {
        let no = |status: u16, word: &str| Answer {
            status,
            body: json!({ "error": word }).to_string().into_bytes(),
            ..Answer::default()
        };
        let Login::Grant { client, secret, life, in_form, scope, left, given } = &mut self.door
        else {
            return no(404, "not_found");
        };
        let fields: BTreeMap<String, String> = form
            .body
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), unescape(value)))
            .collect();
        let field = |name: &str| fields.get(name).map(String::as_str);
        let is_known = match &form.credential {
            Some(Credential::Basic(user, password)) => {
                !*in_form && (user, password.reveal()) == (&*client, secret)
            }
            Some(_) => false,
            None => {
                *in_form
                    && field("client_id") == Some(client)
                    && field("client_secret") == Some(secret)
            }
        };
        if !is_known {
            return no(401, "invalid_client");
        }
        if field("grant_type") != Some("client_credentials") {
            return no(400, "unsupported_grant_type");
        }
        if scope.is_some() && scope.as_deref() != field("scope") {
            return no(400, "invalid_scope");
        }
        *left = *life;
        *given += 1;
        let body = json!({ "access_token": format!("token-{given}"), "token_type": "bearer", "expires_in": 3600 });
        Answer { status: 200, body: body.to_string().into_bytes(), ..Answer::default() }
    }

    /// A page of a list, or an error.
    fn page(&self, path: &str, query: &str) -> Answer {
        let Some(list) = Resource::ALL.into_iter().find(|list| list.name() == path) else {
            return failure(404, "unknownobject");
        };
        if self.ways.forbidden.contains(&list) {
            return failure(403, "forbidden");
        }
        let no_records = Vec::new();
        let records = self.lists.get(&list).unwrap_or(&no_records);
        let parameters: BTreeMap<&str, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name, unescape(value)))
            .collect();
        let number =
            |name: &str, or: usize| parameters.get(name).map_or(Some(or), |text| text.parse().ok());
        let (Some(limit), Some(offset)) =
            (number("limit", 100).filter(|limit| *limit > 0), number("offset", 0))
        else {
            return failure(400, "invaliddata");
        };
        let is_sorted = parameters.contains_key("sort");
        if is_sorted && self.ways.sorting == Sorting::Refused {
            return failure(400, "invalid_sort_field");
        }
        if self.ways.heavy.is_some_and(|most| limit > most) {
            return Answer {
                status: 502,
                body: b"<html>Bad gateway</html>".to_vec(),
                ..Answer::default()
            };
        }
        let order: Box<dyn Iterator<Item = usize> + '_> = match self.sorted.get(&list) {
            Some(sorted) if is_sorted && self.ways.sorting == Sorting::Done => {
                Box::new(sorted.iter().copied())
            }
            _ => Box::new(0..records.len()),
        };
        let filter = parameters.get("filter").filter(|_| self.ways.filtering != Filtering::Ignored);
        let filter = filter
            .map(|filter| Filter::of(filter).filter(|_| self.ways.filtering != Filtering::Refused));
        let Ok(filter) = filter.map(|filter| filter.ok_or(())).transpose() else {
            return failure(400, "invalid_filter_field");
        };
        let kept: Vec<usize> = match &filter {
            Some(filter) => order.filter(|&at| filter.takes(&records[at].1)).collect(),
            None => order.collect(),
        };
        let offset = if self.ways.ignores_offset { 0 } else { offset };
        let offset = if self.ways.wraps && !kept.is_empty() { offset % kept.len() } else { offset };
        if let Some(status) = self.ways.behind.filter(|_| offset > 0 && offset >= kept.len()) {
            return failure(status, "invaliddata");
        }
        let page = &kept[offset.min(kept.len())
            ..kept.len().min(offset.saturating_add(limit.min(self.ways.most)))];
        let fields: Option<Vec<&str>> =
            parameters.get("fields").map(|fields| fields.split(',').collect());
        let mut body = format!("{{\"{}\":[", list.name());
        for (place, &at) in page.iter().enumerate() {
            if place > 0 {
                body.push(',');
            }
            match &fields {
                Some(fields) => body.push_str(&only(&records[at].1, fields)),
                None => body.push_str(&records[at].1),
            }
        }
        body.push_str("]}");
        let total = match self.ways.counts {
            Counts::List => Some(kept.len() as u64),
            Counts::Page => Some(page.len() as u64),
            Counts::Nothing => None,
        };
        let link = self.ways.links.then(|| {
            let step = if self.ways.links_as_asked { limit } else { page.len() };
            let at = |offset: usize, rel: &str| {
                format!(
                    "<https://sis.example.org/{path}?limit={limit}&offset={offset}>; rel=\"{rel}\""
                )
            };
            let mut links = vec![at(0, "first")];
            if offset + page.len() < kept.len() {
                links.push(at(offset + step, "next"));
            }
            links.join(", ")
        });
        Answer { total, link, revision: self.ways.revision.clone(), ..ok(body) }
    }
}

fn ok(body: String) -> Answer {
    Answer { status: 200, body: body.into_bytes(), ..Answer::default() }
}

/// Returns an object with only these fields.
fn only(text: &str, fields: &[&str]) -> String {
    let mut object: Value = serde_json::from_str(text).unwrap_or_default();
    if let Some(map) = object.as_object_mut() {
        map.retain(|name, _| fields.contains(&name.as_str()));
    }
    object.to_string()
}

/// One clause of a filter: `field>'value'`.
struct Filter {
    field: String,
    sign: &'static str,
    value: String,
}

impl Filter {
    fn of(text: &str) -> Option<Self> {
        let sign =
            ["!=", ">=", "<=", "=", ">", "<", "~"].into_iter().find(|sign| text.contains(sign))?;
        let (field, value) = text.split_once(sign)?;
        let value = value.strip_prefix('\'')?.strip_suffix('\'')?;
        Some(Self { field: field.to_owned(), sign, value: value.to_owned() })
    }

    fn takes(&self, record: &str) -> bool {
        let object: Value = serde_json::from_str(record).unwrap_or_default();
        let own = object.get(&self.field).and_then(Value::as_str).unwrap_or_default();
        let value = self.value.as_str();
        match self.sign {
            "!=" => own != value,
            ">=" => own >= value,
            "<=" => own <= value,
            ">" => own > value,
            "<" => own < value,
            "~" => own.contains(value),
            _ => own == value,
        }
    }
}

impl Http for MemoryOneRoster {
    async fn get(&self, request: Get) -> Result<Answer, NoAnswer> {
        if !self.world().opens(&request.credential) {
            return Ok(failure(401, "unauthorisedrequest"));
        }
        let (address, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
        // The path after the version, whatever is before it.
        let at = ["/v1p1/", "/v1p2/"]
            .into_iter()
            .find_map(|version| Some(address.find(version)? + version.len()));
        match at {
            Some(at) => self.answer(&address[at..], query),
            None => Ok(failure(404, "unknownobject")),
        }
    }

    async fn post(&self, form: Form) -> Result<Answer, NoAnswer> {
        Ok(self.world().token(&form))
    }
}
