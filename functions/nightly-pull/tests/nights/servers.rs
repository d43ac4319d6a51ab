//! All servers that the function can reach, selected by host.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sources::clever::memory::MemoryClever;
use sources::http::{Answer, Credential, Form, Get, Http, NoAnswer};
use sources::oneroster_rest::memory::MemoryOneRoster;

/// The partner key of ClassLink.
pub(crate) const KEY: &str = "partner-key";

/// A district in ClassLink's list, and its server.
#[derive(Clone)]
pub(crate) struct Tenant {
    pub(crate) id: u64,
    pub(crate) enabled: bool,
    pub(crate) bearer: String,
}

/// The servers.
#[derive(Clone, Default)]
pub(crate) struct Servers {
    pub(crate) clever: MemoryClever,
    /// A vendor's server at `sis.example.org`, and behind ClassLink's proxy that of every tenant.
    pub(crate) oneroster: MemoryOneRoster,
    pub(crate) tenants: Arc<Mutex<Vec<Tenant>>>,
    /// The number of responses of ClassLink's list that fail.
    pub(crate) failing: Arc<Mutex<u32>>,
}

impl Servers {
    fn applications(&self, request: &Get) -> Answer {
        let answer = |status: u16, body: Value| Answer {
            status,
            body: body.to_string().into_bytes(),
            ..Answer::default()
        };
        let mut failing = self.failing.lock().unwrap();
        if *failing > 0 {
            *failing -= 1;
            return answer(500, json!({ "status": 0 }));
        }
        match &request.credential {
            Credential::Bearer(key) if key.reveal() == KEY => {}
            _ => return answer(401, json!({ "status": 0 })),
        }
        let offset = request
            .url
            .rsplit_once("offset=")
            .and_then(|(_, offset)| offset.parse().ok())
            .unwrap_or(0);
        let list = |tenant: &Tenant| {
            json!({
                "tenant_id": tenant.id, "bearer": tenant.bearer, "oneroster_application_id": format!("T{}%3D", tenant.id),
                "enabled": tenant.enabled.to_string(), "tenant_status": "Active",
            })
        };
        let all: Vec<Value> = self.tenants.lock().unwrap().iter().skip(offset).map(list).collect();
        answer(200, json!({ "status": 1, "applications": all }))
    }
}

impl Http for Servers {
    async fn get(&self, request: Get) -> Result<Answer, NoAnswer> {
        let Some(path) = request.url.strip_prefix("https://oneroster-proxy.classlink.io/") else {
            return if request.url.starts_with("https://sis.example.org/") {
                self.oneroster.get(request).await
            } else {
                self.clever.get(request).await
            };
        };
        if path.starts_with("applications?") {
            return Ok(self.applications(&request));
        }
        let own = {
            let tenants = self.tenants.lock().unwrap();
            let own =
                tenants.iter().find(|tenant| path.starts_with(&format!("T{}%3D/", tenant.id)));
            own.map(|tenant| tenant.bearer.clone())
        };
        match (own, &request.credential) {
            (Some(bearer), Credential::Bearer(token)) if token.reveal() == bearer => {
                let (address, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
                self.oneroster.answer(address.rsplit('/').next().unwrap_or_default(), query)
            }
            _ => Ok(Answer { status: 401, ..Answer::default() }),
        }
    }

    async fn post(&self, form: Form) -> Result<Answer, NoAnswer> {
        self.oneroster.post(form).await
    }
}
