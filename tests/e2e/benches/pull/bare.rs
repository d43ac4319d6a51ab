//! A client that asks and does nothing else.

use std::collections::BTreeMap;
use std::error::Error;

use futures::future::try_join_all;
use sources::http::{Credential, Get, Http, HttpClient, Secret};

/// See the module.
pub(crate) struct Bare {
    /// Scheme and host.
    pub(crate) url: String,
    pub(crate) token: String,
    /// All lists at the same time, each page after page; else one list after the other.
    pub(crate) side_by_side: bool,
}

/// What was read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Read {
    pub(crate) pages: u64,
    pub(crate) bytes: u64,
}

impl Bare {
    /// Reads these paths. What is no list of a district (tokens, applications) is passed over.
    pub(crate) async fn read(&self, paths: Vec<String>) -> Result<Read, Box<dyn Error>> {
        let http = HttpClient::new()?;
        let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for path in paths
            .into_iter()
            .filter(|path| path.contains("limit=") && !path.starts_with("/applications"))
        {
            let list = if self.side_by_side { list_of(&path) } else { String::new() };
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
                return Err(format!("the bare client was answered with {}", answer.status).into());
            }
            read.pages += 1;
            read.bytes += answer.body.len() as u64;
        }
        Ok(read)
    }
}

/// What is asked for, without the place at which a page begins: pages of one list are asked for one
/// after the other.
fn list_of(path: &str) -> String {
    let (list, query) = path.split_once('?').unwrap_or((path, ""));
    let query: Vec<&str> =
        query.split('&').filter(|pair| !pair.starts_with("starting_after=")).collect();
    format!("{list}?{}", query.join("&"))
}
