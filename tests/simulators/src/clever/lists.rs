//! The responses of the Data API and the Events API: paged lists and single records.

use std::ops::Bound;
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use serde_json::{Value, json};

use super::district::CleverDistrict;
use super::endpoint::{ApiRequest, cannot, message, raw, sent};
use super::faults::Fault;
use super::records::{List, Record, as_v3_0};
use super::{World, lock};

/// Records per page by default, and at most.
const DEFAULT_LIMIT: usize = 100;
const MOST: usize = 10_000;
/// The values of the filter `role`.
const ROLES: [&str; 5] = ["contact", "district_admin", "staff", "student", "teacher"];

/// Answers an authenticated request. `user` is the signed-in user; `None`: the application.
pub(super) fn answer(
    world: &World,
    district: &str,
    user: Option<&str>,
    request: &ApiRequest,
) -> Response<Body> {
    let mut districts = lock(&world.districts);
    let Some(at) = districts.get_mut(district) else { return message(401, "unauthorized") };
    if request.fault == Some(Fault::NewData) {
        at.last_sync += Duration::from_secs(1);
    }
    let mut parts = request.path.strip_prefix('/').unwrap_or_default().split('/');
    let version = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    if !matches!(version, "v3.0" | "v3.1") {
        return cannot("GET", &request.path);
    }
    let me = DistrictRequest { at, district, version, request };
    if let Some(user) = user {
        return me.answer_user(user, &rest);
    }
    match rest[..] {
        ["districts"] => me.districts(),
        ["districts", id] if id == district => me.one(me.district()),
        ["districts", _] => message(404, "not found"),
        ["events"] => me.events(world),
        ["events", id] => match me.at.events.get(id) {
            Some(event) => me.one(event.data(id, version)),
            None => message(404, "not found"),
        },
        // The recorded envelope, which differs from the documentation.
        ["resources"] => sent(200, &json!({ "resources": [] })),
        [name] => {
            List::named(name).map_or_else(|| cannot("GET", &request.path), |list| me.list(list))
        }
        [name, id] => List::named(name)
            .map_or_else(|| cannot("GET", &request.path), |list| me.single(list, id)),
        [name, id, what] => List::named(name)
            .map_or_else(|| cannot("GET", &request.path), |list| me.related(list, id, what)),
        _ => cannot("GET", &request.path),
    }
}

/// A request with the district that its token belongs to.
pub(super) struct DistrictRequest<'a> {
    pub(super) at: &'a CleverDistrict,
    pub(super) district: &'a str,
    pub(super) version: &'a str,
    pub(super) request: &'a ApiRequest,
}

/// Items between two ids, in the order of ids.
type Items<'a, T> = Box<dyn DoubleEndedIterator<Item = (&'a str, &'a T)> + 'a>;

/// A page, and whether there are items before and after it.
struct Page<T> {
    items: Vec<(String, T)>,
    before_it: bool,
    after_it: bool,
}

impl DistrictRequest<'_> {
    pub(super) fn district(&self) -> Value {
        let mut object = self.at.object(self.district);
        if self.version == "v3.0" {
            as_v3_0(&mut object);
        }
        object
    }

    /// The list of districts: only the token's own, on one page.
    fn districts(&self) -> Response<Body> {
        let uri = format!("/{}/districts/{}", self.version, self.district);
        let links = json!([{ "rel": "self", "uri": format!("/{}/districts", self.version) }]);
        sent(200, &json!({ "data": [{ "data": self.district(), "uri": uri }], "links": links }))
    }

    pub(super) fn one(&self, object: Value) -> Response<Body> {
        sent(
            200,
            &json!({ "data": object, "links": [{ "rel": "self", "uri": self.request.path }] }),
        )
    }

    pub(super) fn single(&self, list: List, id: &str) -> Response<Body> {
        match self.shared(list, id) {
            Some(record) => raw(
                200,
                "application/json; charset=utf-8",
                format!(
                    r#"{{"data":{},"links":[{{"rel":"self","uri":"{}"}}]}}"#,
                    self.json(record, id),
                    self.request.path
                ),
            ),
            None => message(404, "not found"),
        }
    }

    pub(super) fn shared(&self, list: List, id: &str) -> Option<&Record> {
        self.at.records[&list].get(id).filter(|record| self.at.shares(id, record))
    }

    fn json(&self, record: &Record, id: &str) -> String {
        let object = self.at.sent(record, id, self.district);
        if self.version != "v3.0" {
            return object;
        }
        let mut object = serde_json::from_str(&object).unwrap_or_default();
        as_v3_0(&mut object);
        object.to_string()
    }

    fn item(&self, name: &str, id: &str, json: &str) -> String {
        format!(r#"{{"data":{json},"uri":"/{}/{name}/{id}"}}"#, self.version)
    }

    /// Wraps items and links. Clever does not fix the order of keys, so every second response
    /// swaps them.
    fn envelope(&self, data: &[String], links: &[(&str, String)]) -> Response<Body> {
        let links: Vec<Value> =
            links.iter().map(|(rel, uri)| json!({ "rel": rel, "uri": uri })).collect();
        let (data, links) = (data.join(","), Value::Array(links));
        let body = if self.request.number.is_multiple_of(2) {
            format!(r#"{{"data":[{data}],"links":{links}}}"#)
        } else {
            format!(r#"{{"links":{links},"data":[{data}]}}"#)
        };
        raw(200, "application/json; charset=utf-8", body)
    }

    fn list(&self, list: List) -> Response<Body> {
        let role = self.request.get("role").filter(|_| list == List::Users);
        if role.is_some_and(|role| !ROLES.contains(&role)) {
            return message(400, "role is not valid");
        }
        self.records(list, |_, record| {
            role.is_none_or(|role| self.at.roles(record).any(|mine| mine == role))
        })
    }

    /// A page of the shared records of a list that pass a filter.
    pub(super) fn records(
        &self,
        list: List,
        filter: impl Fn(&str, &Record) -> bool,
    ) -> Response<Body> {
        let passes = |id: &str, record: &Record| self.at.shares(id, record) && filter(id, record);
        let passes = &passes;
        self.page(
            list.name(),
            |from, to| {
                let range = self.at.records[&list].range::<str, _>((from, to));
                Box::new(
                    range
                        .map(|(id, record)| (id.as_str(), record))
                        .filter(move |(id, record)| passes(id, record)),
                )
            },
            |id, record| self.json(record, id),
        )
    }

    fn events(&self, world: &World) -> Response<Body> {
        let (now, school, kinds) =
            (world.clock.now(), self.request.get("school"), self.request.all("record_type"));
        self.page(
            "events",
            |from, to| {
                let available = self
                    .at
                    .events
                    .range::<str, _>((from, to))
                    .filter(|(_, event)| event.is_kept(now));
                Box::new(
                    available
                        .filter(|(_, event)| event.passes(school, &kinds))
                        .map(|(id, event)| (id.as_str(), event)),
                )
            },
            |id, event| event.data(id, self.version).to_string(),
        )
    }

    /// A page of a list. `within` returns the items between two ids, `json` formats an item.
    fn page<'b, T: 'b>(
        &self,
        name: &str,
        within: impl Fn(Bound<&str>, Bound<&str>) -> Items<'b, T>,
        json: impl Fn(&str, &T) -> String,
    ) -> Response<Body> {
        let limit = match self.request.get("limit").map_or(Ok(DEFAULT_LIMIT), str::parse) {
            Ok(limit @ 1..=MOST) => limit,
            Ok(limit) if limit > MOST => return message(413, "limit is too large"),
            _ => return message(400, "limit is not valid"),
        };
        let page = match (self.request.get("starting_after"), self.request.get("ending_before")) {
            (None, None) => cut(within(Bound::Unbounded, Bound::Unbounded), limit, false),
            (Some(after), None) => {
                let mut page = cut(within(Bound::Excluded(after), Bound::Unbounded), limit, false);
                page.before_it = within(Bound::Unbounded, Bound::Included(after)).next().is_some();
                page
            }
            (None, Some("last")) => cut(within(Bound::Unbounded, Bound::Unbounded), limit, true),
            (None, Some(before)) => {
                let mut page = cut(within(Bound::Unbounded, Bound::Excluded(before)), limit, true);
                page.after_it = within(Bound::Included(before), Bound::Unbounded).next().is_some();
                page
            }
            (Some(_), Some(_)) => {
                return message(400, "starting_after and ending_before exclude each other");
            }
        };
        let (first, last) = (
            page.items.first().map(|(id, _)| id.as_str()),
            page.items.last().map(|(id, _)| id.as_str()),
        );
        let mut links = vec![("self", self.request.whole.clone())];
        if let (true, Some(first)) = (page.before_it, first) {
            links.push(("prev", self.link("ending_before", first)));
        }
        let next = match (self.request.fault, last) {
            // Back to the start of this page; from the first page to its first record.
            (Some(Fault::Loop), _) => self
                .request
                .get("starting_after")
                .or(first)
                .map(|back| self.link("starting_after", back)),
            (Some(Fault::ForeignLink), Some(last)) => {
                Some(format!("https://clever.example.net{}", self.link("starting_after", last)))
            }
            (Some(Fault::EmptyPage), _) => Some(self.link(
                "starting_after",
                self.request.get("starting_after").unwrap_or("000000000000000000000000"),
            )),
            (_, Some(last)) if page.after_it => Some(self.link("starting_after", last)),
            _ => None,
        };
        links.extend(next.map(|uri| ("next", uri)));
        let shown =
            if self.request.fault == Some(Fault::EmptyPage) { &[][..] } else { &page.items[..] };
        let data: Vec<String> =
            shown.iter().map(|(id, item)| self.item(name, id, &json(id, item))).collect();
        self.envelope(&data, &links)
    }

    /// The link to another page: a path that repeats the limit and filters of this request.
    fn link(&self, cursor: &str, id: &str) -> String {
        let path = format!("{}?", self.request.path);
        let begin = path.len();
        let mut link = form_urlencoded::Serializer::for_suffix(path, begin);
        for name in ["limit", "role", "primary", "school", "record_type"] {
            link.extend_pairs(self.request.all(name).into_iter().map(|value| (name, value)));
        }
        link.append_pair(cursor, id).finish()
    }
}

/// The first or the last `limit` items.
fn cut<'a, T>(mut all: Items<'a, T>, limit: usize, from_the_end: bool) -> Page<&'a T> {
    let mut items = Vec::new();
    while items.len() < limit {
        match if from_the_end { all.next_back() } else { all.next() } {
            Some((id, item)) => items.push((id.to_owned(), item)),
            None => break,
        }
    }
    let more = all.next().is_some();
    if from_the_end {
        items.reverse();
    }
    Page { items, before_it: from_the_end && more, after_it: !from_the_end && more }
}
