//! Secrets Manager: the calls that create, write and read a secret, with the secrets in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::routing::post;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use simulators::listen::Listening;

#[derive(Clone)]
struct Stored {
    text: String,
    version: u64,
    changed: Timestamp,
}

/// The secrets.
#[derive(Clone, Default)]
pub(crate) struct Store(Arc<Mutex<BTreeMap<String, Stored>>>);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    #[serde(alias = "Name")]
    secret_id: String,
    secret_string: Option<String>,
}

impl Store {
    /// Serves the secrets.
    pub(crate) async fn serve(&self) -> std::io::Result<Listening> {
        Listening::router(Router::new().route("/", post(answer)).with_state(self.clone())).await
    }

    /// Creates a secret, or replaces its text.
    pub(crate) fn put(&self, name: &str, text: &str) {
        let mut all = self.all();
        let version = all.get(name).map_or(1, |stored| stored.version + 1);
        all.insert(
            name.to_owned(),
            Stored { text: text.to_owned(), version, changed: Timestamp::now() },
        );
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Stored>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Describes a secret, by its name or ARN. `with_text` includes the text.
    fn describe(&self, id: &str, with_text: bool) -> Option<Value> {
        let name = id.rsplit(":secret:").next().unwrap_or(id);
        let stored = self.all().get(name).cloned()?;
        let mut description = json!({
            "ARN": format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}"),
            "Name": name,
            "VersionId": format!("{:032}", stored.version), "VersionStages": ["AWSCURRENT"],
        });
        if with_text {
            description["SecretString"] = stored.text.into();
            description["CreatedDate"] = stored.changed.as_second().into();
        }
        Some(description)
    }
}

async fn answer(State(store): State<Store>, headers: HeaderMap, body: String) -> Response<Body> {
    let call =
        headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    // The error does not describe the request, because it may contain a secret.
    let Ok(request) = serde_json::from_str::<Request>(&body) else {
        return refused("InvalidRequestException", "The request is not valid.");
    };
    let secret = match (call, request.secret_string) {
        ("secretsmanager.GetSecretValue", _) => store.describe(&request.secret_id, true),
        ("secretsmanager.CreateSecret" | "secretsmanager.PutSecretValue", Some(text)) => {
            store.put(&request.secret_id, &text);
            store.describe(&request.secret_id, false)
        }
        _ => return refused("InvalidRequestException", "This call is not supported."),
    };
    match secret {
        Some(description) => response(StatusCode::OK, &description),
        None => {
            refused("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        }
    }
}

fn refused(kind: &str, message: &str) -> Response<Body> {
    response(StatusCode::BAD_REQUEST, &json!({ "__type": kind, "Message": message }))
}

fn response(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/x-amz-json-1.1"));
    response
}

#[cfg(test)]
mod tests {
    use mirror::connect::Connections;
    use mirror::ports::secrets::Secrets;

    use super::*;

    #[tokio::test]
    async fn the_real_client_reads_the_latest_text() {
        let store = Store::default();
        let served = store.serve().await.unwrap();
        let url = served.url();
        let variables = move |name: &str| match name {
            "AWS_ENDPOINT_URL_SECRETS_MANAGER" => Some(url.clone()),
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
            _ => None,
        };
        let secrets = Connections::from_lookup(variables, false).secrets();
        let text = async |name: &str| {
            secrets.secret(name).await.unwrap().map(|secret| secret.reveal().to_owned())
        };
        assert_eq!(text("keys").await, None);
        store.put("keys", "one");
        assert_eq!(text("keys").await.as_deref(), Some("one"));
        store.put("keys", "two");
        assert_eq!(
            text("arn:aws:secretsmanager:us-east-1:000000000000:secret:keys").await.as_deref(),
            Some("two")
        );
    }
}
