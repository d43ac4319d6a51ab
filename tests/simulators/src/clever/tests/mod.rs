//! Compares the simulator with the documentation and recordings of Clever: envelopes, cursors,
//! limits, errors, sharing, events; and tests every fault.

mod access;
mod changes;
mod faults;
mod lists;
mod objects;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use districts::{District, Night, Size};
use serde_json::{Value, json};

use super::{CleverSimulator, Fault, List, Sharing, State, id};
use crate::client::{Api, ApiError};
use crate::clock::Clock;

const CLIENT: &str = "app";
const SECRET: &str = "an invented secret";

/// A simulated Clever with one district, and a client.
struct World {
    clever: CleverSimulator,
    clock: Clock,
    oak: String,
    http: Api,
}

struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

fn nights(students: u64) -> District {
    District::new(Size::students(students)).metadata(true).churn(10.0)
}

async fn world(night: &Night) -> World {
    let clock = Clock::new();
    let clever = CleverSimulator::start(CLIENT, SECRET, clock.clone()).await.unwrap();
    let oak = id("district", "oak");
    clever.connect(&oak, night);
    World { http: Api::new(&clever.url(), None), clever, clock, oak }
}

impl World {
    async fn raw(&self, path: &str, authority: &str) -> Result<(u16, HeaderMap, Bytes), ApiError> {
        let reply = self
            .http
            .send(Method::GET, path, &[("authorization", authority)], Bytes::new())
            .await?;
        Ok((reply.status, reply.headers, reply.body))
    }

    async fn request(&self, path: &str, authority: &str) -> Reply {
        let (status, headers, body) = self.raw(path, authority).await.unwrap();
        Reply { status, headers, body: serde_json::from_slice(&body).unwrap_or_default() }
    }

    /// Sends a request with the district's current token.
    async fn get(&self, path: &str) -> Reply {
        self.request(path, &format!("Bearer {}", self.clever.token(&self.oak).unwrap_or_default()))
            .await
    }

    async fn tokens(&self, query: &str) -> Reply {
        let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{SECRET}")));
        self.request(&format!("/oauth/tokens{query}"), &basic).await
    }

    /// All objects of a list, and the number of its pages.
    async fn all(&self, path: &str) -> (Vec<Value>, u32) {
        let (mut next, mut all, mut pages) = (Some(path.to_owned()), Vec::new(), 0);
        while let Some(path) = next {
            let page = self.get(&path).await;
            assert_eq!(page.status, 200, "{path}");
            all.extend(page.objects());
            next = page.link("next");
            pages += 1;
        }
        (all, pages)
    }
}

impl Reply {
    fn objects(&self) -> Vec<Value> {
        self.body["data"].as_array().unwrap().iter().map(|item| item["data"].clone()).collect()
    }

    fn link(&self, rel: &str) -> Option<String> {
        let links = self.body["links"].as_array().unwrap();
        links
            .iter()
            .find(|link| link["rel"] == rel)
            .map(|link| link["uri"].as_str().unwrap().to_owned())
    }

    fn header(&self, name: &str) -> i64 {
        self.headers[name].to_str().unwrap().parse().unwrap()
    }
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

fn ids(objects: &[Value]) -> Vec<&str> {
    objects.iter().map(|object| object["id"].as_str().unwrap()).collect()
}
