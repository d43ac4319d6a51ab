//! Secrets Manager: the calls that read a secret and give it a text, over secrets in memory. What
//! lies in them here is invented.

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
struct Ask {
    #[serde(alias = "Name")]
    secret_id: String,
    secret_string: Option<String>,
}

impl Store {
    /// Serves the secrets.
    pub(crate) async fn serve(&self) -> std::io::Result<Listening> {
        Listening::router(Router::new().route("/", post(answer)).with_state(self.clone())).await
    }

    /// Gives a secret a text, and makes it if need be.
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

    /// A secret by its name or ARN, as the service tells it.
    fn tell(&self, id: &str, whole: bool) -> Option<Value> {
        let name = id.rsplit(":secret:").next().unwrap_or(id);
        let stored = self.all().get(name).cloned()?;
        let mut told = json!({
            "ARN": format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}"),
            "Name": name,
            "VersionId": format!("{:032}", stored.version), "VersionStages": ["AWSCURRENT"],
        });
        if whole {
            told["SecretString"] = stored.text.into();
            told["CreatedDate"] = stored.changed.as_second().into();
        }
        Some(told)
    }
}

async fn answer(State(store): State<Store>, headers: HeaderMap, body: String) -> Response<Body> {
    let call =
        headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    // What is wrong with a request is not told: it may hold a secret.
    let Ok(ask) = serde_json::from_str::<Ask>(&body) else {
        return refused("InvalidRequestException", "The request is not valid.");
    };
    let told = match (call, ask.secret_string) {
        ("secretsmanager.GetSecretValue", _) => store.tell(&ask.secret_id, true),
        ("secretsmanager.CreateSecret" | "secretsmanager.PutSecretValue", Some(text)) => {
            store.put(&ask.secret_id, &text);
            store.tell(&ask.secret_id, false)
        }
        _ => return refused("InvalidRequestException", "This call is not made here."),
    };
    match told {
        Some(told) => response(StatusCode::OK, &told),
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
    async fn the_real_client_reads_what_was_put() {
        let store = Store::default();
        let served = store.serve().await.unwrap();
        let url = served.url();
        let told = move |name: &str| match name {
            "AWS_ENDPOINT_URL_SECRETS_MANAGER" => Some(url.clone()),
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
            _ => None,
        };
        let secrets = Connections::from_lookup(told, false).secrets();
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
