//! ClassLink: the list of districts that share their Collected Server with us. Their data is
//! OneRoster, read through ClassLink's proxy by [`crate::oneroster_rest`].

use std::borrow::Cow;
use std::collections::BTreeSet;

use roster::settings::{ClassLink, OneRosterVersion};
use serde::Deserialize;
use serde_json::Value;

use crate::http::pace::Window;
use crate::http::retry::{self, RequestError};
use crate::http::{Credential, Failing, Get, Http, Now, PaginationError, Secret, Wait};
use crate::oneroster_rest::{Api, BadSetting, is_valid_interval};

/// A district that has added our application and enabled it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The district's id: `tenant_id`, as text.
    pub id: String,
    /// The id of our application in the district, escaped as received: the part of addresses that
    /// selects the district.
    pub application: String,
    /// The district's token.
    pub token: Secret,
}

/// Why the list could not be read. Contains no data about a district.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TenantsError {
    /// ClassLink rejected the partner key.
    #[error("ClassLink refused the partner key ({0}): check the secret in Secrets Manager")]
    Refused(u16),
    /// ClassLink failed repeatedly.
    #[error("the list of applications could not be read after {tries} tries ({last})")]
    Down {
        /// The number of tries.
        tries: u32,
        /// The last failure.
        last: Failing,
    },
    /// A page is not valid, or the list does not end.
    #[error("a page of the list of applications is not valid")]
    Page,
}

/// An application of the list. An entry with a field of another type is skipped.
#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(default)]
    tenant_id: Value,
    #[serde(borrow, default)]
    bearer: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    oneroster_application_id: Option<Cow<'a, str>>,
    #[serde(default)]
    enabled: Value,
    #[serde(borrow, default)]
    tenant_status: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Page {
    status: Value,
    applications: Value,
}

/// Records per page: the largest number that ClassLink was seen to accept.
const LIMIT: usize = 1000;

/// The maximum number of pages.
const MAX_PAGES: usize = 1000;

/// Returns address and options for a district's data.
///
/// # Errors
/// If a setting has an invalid value.
pub fn api(settings: &ClassLink, tenant: &Tenant) -> Result<Api, BadSetting> {
    check(settings)?;
    // ClassLink's live servers use OneRoster 1.1, even if their console shows another version.
    let url = format!(
        "{}/{}/ims/oneroster/v1p1",
        settings.proxy.trim_end_matches('/'),
        tenant.application
    );
    Api::at(&url, OneRosterVersion::V1p1, settings.page_size)
        .ok_or(BadSetting("source.classlink.proxy"))
}

/// Checks the settings.
///
/// # Errors
/// If a setting has an invalid value.
pub fn check(settings: &ClassLink) -> Result<(), BadSetting> {
    if !is_tenant(&settings.tenant) {
        Err(BadSetting("source.classlink.tenant"))
    } else if !(1..=10_000).contains(&settings.page_size) {
        Err(BadSetting("source.classlink.page_size"))
    } else if !is_valid_interval(settings.changes_every_hours) {
        Err(BadSetting("source.classlink.changes_every_hours"))
    } else {
        let is_proxy =
            Api::at(&settings.proxy, OneRosterVersion::V1p1, settings.page_size).is_some();
        if is_proxy { Ok(()) } else { Err(BadSetting("source.classlink.proxy")) }
    }
}

fn is_tenant(id: &str) -> bool {
    !id.is_empty() && id.len() <= 20 && id.bytes().all(|c| c.is_ascii_digit())
}

/// Reads the list of applications.
#[derive(Clone)]
pub struct Applications<H, W> {
    /// The HTTP client.
    pub http: H,
    /// Pauses between requests.
    pub wait: W,
    /// The clock.
    pub now: Now,
    /// The proxy: scheme, host and, for older proxies, path.
    pub proxy: String,
}

impl<H: Http, W: Wait> Applications<H, W> {
    /// Returns the districts that share data with us, sorted by id. A district that has not enabled
    /// the application, or has no token, is left out.
    ///
    /// # Errors
    /// If any page cannot be read: an incomplete list would make districts look disconnected.
    pub async fn tenants(
        &self,
        key: &Secret,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Tenant>, TenantsError> {
        let mut all: Vec<Tenant> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut offset = 0;
        for _ in 0..MAX_PAGES {
            let page = self.page(key, offset, rng).await?;
            offset += page.len();
            // A server that ignores the offset sends the same page again: then the list is
            // complete.
            let new = page.iter().filter(|entry| seen.insert(entry.to_string())).count();
            for entry in &page {
                let text = entry.to_string();
                // The error of serde could quote a token, so it is not reported.
                let Ok(entry) = serde_json::from_str::<Entry<'_>>(&text) else { continue };
                all.extend(tenant(&entry));
            }
            if new == 0 {
                all.sort_by(|a, b| (a.id.len(), &a.id).cmp(&(b.id.len(), &b.id)));
                all.dedup_by(|a, b| a.id == b.id);
                return Ok(all);
            }
        }
        Err(TenantsError::Page)
    }

    async fn page(
        &self,
        key: &Secret,
        offset: usize,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Value>, TenantsError> {
        let url = format!(
            "{}/applications?limit={LIMIT}&offset={offset}",
            self.proxy.trim_end_matches('/')
        );
        let request = Get { url, credential: Credential::Bearer(key.clone()) };
        let response = retry::send(
            (&self.http, &self.wait, &self.now),
            &Window::default(),
            &request,
            rng,
            read,
        )
        .await;
        response.map(|(_, page)| page).map_err(|error| match error {
            RequestError::Refused(status) => TenantsError::Refused(status),
            RequestError::Page(_) => TenantsError::Page,
            RequestError::Down { tries, last } => TenantsError::Down { tries, last },
        })
    }
}

/// Returns the applications of a page: a list or, as in ClassLink's documentation, a single object.
fn read(body: &[u8]) -> Result<Vec<Value>, PaginationError> {
    let page: Page = serde_json::from_slice(body).map_err(|_| PaginationError::NotAPage)?;
    if page.status != 1 && page.status != "1" {
        return Err(PaginationError::NotAPage);
    }
    match page.applications {
        Value::Array(all) => Ok(all),
        one @ Value::Object(_) => Ok(vec![one]),
        _ => Err(PaginationError::NotAPage),
    }
}

fn tenant(entry: &Entry<'_>) -> Option<Tenant> {
    let id = match &entry.tenant_id {
        Value::Number(id) => id.to_string(),
        Value::String(id) => id.clone(),
        _ => return None,
    };
    let is_on = matches!(&entry.enabled, Value::Bool(true))
        || entry.enabled == "true"
        || entry.enabled == 1;
    let is_active =
        entry.tenant_status.as_deref().is_none_or(|status| status.eq_ignore_ascii_case("active"));
    let token = entry.bearer.as_deref().map(str::trim).filter(|token| !token.is_empty())?;
    let application = entry.oneroster_application_id.as_deref()?;
    let is_one_part = !application.is_empty()
        && application.bytes().all(|c| c.is_ascii_alphanumeric() || b"%-._~=+".contains(&c));
    (is_on && is_active && is_tenant(&id) && is_one_part && !application.contains(".."))
        .then(|| Tenant { id, application: application.to_owned(), token: Secret::new(token) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tenants(applications: &Value) -> Vec<Tenant> {
        let body = json!({ "status": 1, "applications": applications, "message": "" }).to_string();
        let entries = read(body.as_bytes()).unwrap();
        entries
            .iter()
            .filter_map(|entry| tenant(&serde_json::from_str(&entry.to_string()).unwrap()))
            .collect()
    }

    fn application(changed: &Value) -> Value {
        let mut one = json!({
            "id": 9, "application_id": 77, "tenant_id": 4711, "tenant_name": "Oak", "bearer": "3f0c2f66", "oneroster_application_id": "MoYPlyQWmG0%3D",
            "name": "Rollbook", "enabled": "true", "tenant_status": "Active",
        });
        one.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        one
    }

    #[test]
    fn r_o1_a_tenant_has_enabled_the_application_and_has_a_token() {
        let oak = Tenant {
            id: "4711".into(),
            application: "MoYPlyQWmG0%3D".into(),
            token: Secret::new("3f0c2f66"),
        };
        assert_eq!(tenants(&json!([application(&json!({}))])), std::slice::from_ref(&oak));
        // The documentation shows a single object.
        assert_eq!(tenants(&application(&json!({ "enabled": true, "tenant_id": "4711" }))), [oak]);
        for changed in [
            json!({ "enabled": "false" }),
            json!({ "enabled": null }),
            json!({ "bearer": null }),
            json!({ "bearer": "" }),
            json!({ "tenant_status": "Inactive" }),
            json!({ "tenant_id": null }),
            json!({ "tenant_id": "../4711" }),
            json!({ "oneroster_application_id": null }),
            json!({ "oneroster_application_id": "../other" }),
            json!({ "oneroster_application_id": ".." }),
        ] {
            assert_eq!(tenants(&json!([application(&changed)])), [], "{changed}");
        }
    }

    #[test]
    fn a_failure_response_is_not_a_page() {
        for body in [
            "",
            "{}",
            r#"{"status":0,"applications":[]}"#,
            r#"{"status":1,"applications":null}"#,
            r#"{"status":1}"#,
            "[]",
        ] {
            assert_eq!(read(body.as_bytes()), Err(PaginationError::NotAPage), "{body}");
        }
    }

    #[test]
    fn the_escaped_id_is_part_of_the_address_unchanged() {
        let oak = tenants(&json!([application(&json!({}))])).remove(0);
        for proxy in [
            "https://oneroster-proxy.classlink.io",
            "https://oneroster-proxy.apis.classlink.com/proxy/v1p0/",
        ] {
            let api =
                api(&ClassLink { proxy: proxy.into(), ..ClassLink::of("4711") }, &oak).unwrap();
            let expected =
                format!("{}/MoYPlyQWmG0%3D/ims/oneroster/v1p1", proxy.trim_end_matches('/'));
            assert_eq!(api, Api::at(&expected, OneRosterVersion::V1p1, 1000).unwrap());
        }
        for (settings, name) in [
            (ClassLink::of("oak"), "source.classlink.tenant"),
            (ClassLink { page_size: 0, ..ClassLink::of("1") }, "source.classlink.page_size"),
            (
                ClassLink { proxy: "http://x".into(), ..ClassLink::of("1") },
                "source.classlink.proxy",
            ),
        ] {
            assert_eq!(check(&settings), Err(BadSetting(name)));
        }
    }
}
