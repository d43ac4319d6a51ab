//! EventBridge: the one call that puts events on the bus of the operators. What was told is kept
//! for whoever wants to see it; rules and their targets are the template's, and not here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::routing::post;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use simulators::listen::Listening;

/// The largest entry that EventBridge takes, in bytes; this counts the detail alone.
const LARGEST: usize = 256 * 1024;
/// The most entries of a call.
const MOST: usize = 10;

/// An event that operators were told.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Who told it.
    pub source: String,
    /// What has happened.
    pub detail_type: String,
    /// When.
    pub at: Timestamp,
    /// The rest.
    pub detail: Value,
}

/// How the bus treats whoever puts something on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BusMood {
    /// It takes what is right.
    #[default]
    Takes,
    /// It answers every call with an error of its own.
    Fails,
    /// It takes the call, and then nothing of what is in it.
    TakesNothing,
    /// It never answers.
    Silent,
}

#[derive(Default)]
struct Kept {
    told: Vec<Told>,
    mood: BusMood,
    listeners: Vec<UnboundedSender<Told>>,
}

/// The bus.
#[derive(Clone)]
pub(crate) struct Bus {
    name: &'static str,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entries {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    event_bus_name: Option<String>,
    source: Option<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    /// Seconds, with a fraction.
    time: Option<f64>,
}

impl Bus {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, kept: Arc::default() }
    }

    /// Serves the bus.
    pub(crate) async fn serve(&self) -> std::io::Result<Listening> {
        Listening::router(Router::new().route("/", post(answer)).with_state(self.clone())).await
    }

    /// What was told so far.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.kept().told.clone()
    }

    /// What is told from now on.
    pub(crate) fn listen(&self) -> UnboundedReceiver<Told> {
        let (sender, receiver) = unbounded_channel();
        self.kept().listeners.push(sender);
        receiver
    }

    pub(crate) fn set_mood(&self, mood: BusMood) {
        self.kept().mood = mood;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an event, or says with which code it does not.
    fn take(&self, entry: Entry) -> Result<(), &'static str> {
        let (Some(source), Some(detail_type), Some(detail)) =
            (entry.source, entry.detail_type, entry.detail)
        else {
            return Err("InvalidArgument");
        };
        if entry.event_bus_name.as_deref() != Some(self.name) || source.starts_with("aws.") {
            return Err("NotAuthorizedForSourceException");
        }
        let detail: Value = serde_json::from_str(&detail).map_err(|_| "MalformedDetail")?;
        if !detail.is_object() {
            return Err("MalformedDetail");
        }
        let at = entry.time.and_then(|seconds| {
            Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok()
        });
        let told = Told { source, detail_type, at: at.unwrap_or_else(Timestamp::now), detail };
        let mut kept = self.kept();
        kept.listeners.retain(|listener| listener.send(told.clone()).is_ok());
        kept.told.push(told);
        Ok(())
    }
}

async fn answer(State(bus): State<Bus>, headers: HeaderMap, body: String) -> Response<Body> {
    let mood = bus.kept().mood;
    match mood {
        BusMood::Silent => std::future::pending::<()>().await,
        BusMood::Fails => {
            return response(
                StatusCode::INTERNAL_SERVER_ERROR,
                &json!({ "__type": "InternalException" }),
            );
        }
        BusMood::Takes | BusMood::TakesNothing => {}
    }
    let call =
        headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let entries = match serde_json::from_str::<Entries>(&body) {
        Ok(asked) if call == "AWSEvents.PutEvents" && (1..=MOST).contains(&asked.entries.len()) => {
            asked.entries
        }
        _ => {
            return response(
                StatusCode::BAD_REQUEST,
                &json!({ "__type": "ValidationException", "message": "PutEvents alone is served here." }),
            );
        }
    };
    if entries
        .iter()
        .any(|entry| entry.detail.as_ref().is_some_and(|detail| detail.len() > LARGEST))
    {
        return response(
            StatusCode::BAD_REQUEST,
            &json!({ "__type": "ValidationException", "message": "Total size of the entries is too large." }),
        );
    }
    let mut failed = 0;
    let mut take = |entry: Entry| {
        let taken = if mood == BusMood::TakesNothing {
            Err("ThrottlingException")
        } else {
            bus.take(entry)
        };
        match taken {
            Ok(()) => json!({ "EventId": format!("{:032x}", fastrand::u128(..)) }),
            Err(code) => {
                failed += 1;
                json!({ "ErrorCode": code, "ErrorMessage": "The event was not taken." })
            }
        }
    };
    let answers: Vec<Value> = entries.into_iter().map(&mut take).collect();
    response(StatusCode::OK, &json!({ "FailedEntryCount": failed, "Entries": answers }))
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
    use mirror::eventbridge::Bus as _;
    use mirror::eventbridge::event::Event;
    use roster::id::DistrictId;

    use super::*;

    #[tokio::test]
    async fn the_real_client_tells_and_hears_of_what_is_not_taken() {
        let bus = Bus::new("operators");
        let served = bus.serve().await.unwrap();
        let url = served.url();
        let told = move |name: &str| match name {
            "AWS_ENDPOINT_URL_EVENTBRIDGE" => Some(url.clone()),
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
            _ => None,
        };
        let connections = Connections::from_lookup(told, false);
        let (client, mut listener) = (connections.operators("operators"), bus.listen());
        let at: Timestamp = "2026-09-15T06:00:02.5Z".parse().unwrap();
        let event = Event::district_shares(at, &DistrictId::new("oak"));
        client.put(&event).await.unwrap();
        let told = bus.told();
        assert_eq!(
            (told.len(), told[0].source.as_str(), told[0].detail_type.as_str()),
            (1, "rollbook.nightly-pull", "District Shares")
        );
        assert_eq!(
            (told[0].at, &told[0].detail["district"], &told[0].detail["status"]),
            (at, &"oak".into(), &"notified".into())
        );
        assert_eq!(listener.recv().await.as_ref(), Some(&told[0]));
        for mood in [BusMood::Fails, BusMood::TakesNothing] {
            bus.set_mood(mood);
            assert!(client.put(&event).await.is_err(), "{mood:?}");
        }
        bus.set_mood(BusMood::Takes);
        let error = connections.operators("another").put(&event).await.unwrap_err();
        assert!(format!("{error:?}").contains("NotAuthorized"), "{error:?}");
        assert_eq!(bus.told().len(), 1);
    }
}
