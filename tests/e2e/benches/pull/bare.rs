//! A minimal client that requests pages and discards them.

use std::collections::BTreeMap;
use std::error::Error;

use futures::future::try_join_all;
use sources::http::{Credential, Get, Http, HttpClient, Secret};

/// A minimal client, for comparison.
pub(crate) struct Bare {
    /// Scheme and host.
    pub(crate) url: String,
    pub(crate) token: String,
    /// Reads all lists concurrently, the pages of each list in order. Otherwise reads one list
    /// after the other.
    pub(crate) concurrent: bool,
}

/// Number of pages and bytes read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Read {
    pub(crate) pages: u64,
    pub(crate) bytes: u64,
}

impl Bare {
    /// Reads these paths. Skips paths that are not a list of the district (tokens, applications).
    pub(crate) async fn read(&self, paths: Vec<String>) -> Result<Read, Box<dyn Error>> {
        let http = HttpClient::new()?;
        let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for path in paths
            .into_iter()
            .filter(|path| path.contains("limit=") && !path.starts_with("/applications"))
        {
            let list = if self.concurrent { list_of(&path) } else { String::new() };
            lists.entry(list).or_default().push(path);
        }
        let read =
            try_join_all(lists.into_values().map(|paths| self.one_by_one(&http, paths))).await?;
        let sum = |of: fn(&Read) -> u64| read.iter().map(of).sum();
        Ok(Read { pages: sum(|read| read.pages), bytes: sum(|read| read.bytes) })
    }

    async fn one_by_one(
        &self,
        http: &HttpClient,
        paths: Vec<String>,
    ) -> Result<Read, Box<dyn Error>> {
        let mut read = Read::default();
        for path in paths {
            let credential = Credential::Bearer(Secret::new(self.token.clone()));
            let answer = http.get(Get { url: format!("{}{path}", self.url), credential }).await?;
            if answer.status != 200 {
                return Err(format!("the bare client received status {}", answer.status).into());
            }
            read.pages += 1;
            read.bytes += answer.body.len() as u64;
        }
        Ok(read)
    }
}

/// Returns the path without the start of the page. Pages of the same list are requested one after
/// the other.
fn list_of(path: &str) -> String {
    let (list, query) = path.split_once('?').unwrap_or((path, ""));
    let query: Vec<&str> =
        query.split('&').filter(|pair| !pair.starts_with("starting_after=")).collect();
    format!("{list}?{}", query.join("&"))
}
