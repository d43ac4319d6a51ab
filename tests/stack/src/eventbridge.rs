//! EventBridge: the call PutEvents on the bus for operators.
//!
//! Received events are stored in memory. The template's rules and their targets are not evaluated.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State as AppState;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::routing::post;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use simulators::listen::Listening;

/// Maximum size of an entry in bytes. Only the detail is counted here.
const LARGEST: usize = 256 * 1024;
/// Maximum number of entries per call.
const MOST: usize = 10;

/// An event that the bus has received.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// The component that sent it, such as `rollbook.reconcile`.
    pub source: String,
    /// The type of event, such as `Run Held`.
    pub detail_type: String,
    /// The time of the event.
    pub at: Timestamp,
    /// The event's data.
    pub detail: Value,
}

/// A fault of the bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BusFault {
    /// The bus accepts valid events.
    #[default]
    None,
    /// Every call is answered with a server error.
    ServerError,
    /// Every call succeeds, but each of its entries is rejected.
    RejectEntries,
    /// No call is answered.
    NoAnswer,
}

#[derive(Default)]
struct State {
    notifications: Vec<Notification>,
    fault: BusFault,
    subscribers: Vec<UnboundedSender<Notification>>,
}

/// The bus.
#[derive(Clone)]
pub(crate) struct Bus {
    name: &'static str,
    state: Arc<Mutex<State>>,
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
        Self { name, state: Arc::default() }
    }

    /// Serves the bus.
    pub(crate) async fn serve(&self) -> std::io::Result<Listening> {
        Listening::router(Router::new().route("/", post(answer)).with_state(self.clone())).await
    }

    /// Events received so far.
    pub(crate) fn notifications(&self) -> Vec<Notification> {
        self.state().notifications.clone()
    }

    /// Subscribes to the events received from now on.
    pub(crate) fn subscribe(&self) -> UnboundedReceiver<Notification> {
        let (sender, receiver) = unbounded_channel();
        self.state().subscribers.push(sender);
        receiver
    }

    pub(crate) fn set_fault(&self, fault: BusFault) {
        self.state().fault = fault;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores an event and sends it to the subscribers. Returns the error code if it is invalid.
    fn accept(&self, entry: Entry) -> Result<(), &'static str> {
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
        let at = at.unwrap_or_else(Timestamp::now);
        let notification = Notification { source, detail_type, at, detail };
        let mut state = self.state();
        state.subscribers.retain(|subscriber| subscriber.send(notification.clone()).is_ok());
        state.notifications.push(notification);
        Ok(())
    }
}

async fn answer(AppState(bus): AppState<Bus>, headers: HeaderMap, body: String) -> Response<Body> {
    let fault = bus.state().fault;
    match fault {
        BusFault::NoAnswer => std::future::pending::<()>().await,
        BusFault::ServerError => {
            return response(
                StatusCode::INTERNAL_SERVER_ERROR,
                &json!({ "__type": "InternalException" }),
            );
        }
        BusFault::None | BusFault::RejectEntries => {}
    }
    let call =
        headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let entries = match serde_json::from_str::<Entries>(&body) {
        Ok(request)
            if call == "AWSEvents.PutEvents" && (1..=MOST).contains(&request.entries.len()) =>
        {
            request.entries
        }
        _ => {
            return response(
                StatusCode::BAD_REQUEST,
                &json!({ "__type": "ValidationException",
                    "message": "Only PutEvents is supported." }),
            );
        }
    };
    if entries
        .iter()
        .any(|entry| entry.detail.as_ref().is_some_and(|detail| detail.len() > LARGEST))
    {
        return response(
            StatusCode::BAD_REQUEST,
            &json!({ "__type": "ValidationException",
                "message": "Total size of the entries is too large." }),
        );
    }
    let mut failed = 0;
    let mut accept = |entry: Entry| {
        let accepted = if fault == BusFault::RejectEntries {
            Err("ThrottlingException")
        } else {
            bus.accept(entry)
        };
        match accepted {
            Ok(()) => json!({ "EventId": format!("{:032x}", fastrand::u128(..)) }),
            Err(code) => {
                failed += 1;
                json!({ "ErrorCode": code, "ErrorMessage": "The event was rejected." })
            }
        }
    };
    let answers: Vec<Value> = entries.into_iter().map(&mut accept).collect();
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
    async fn the_real_client_puts_events_and_reports_rejected_ones() {
        let bus = Bus::new("operators");
        let served = bus.serve().await.unwrap();
        let url = served.url();
        let variables = move |name: &str| match name {
            "AWS_ENDPOINT_URL_EVENTBRIDGE" => Some(url.clone()),
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
            _ => None,
        };
        let connections = Connections::from_lookup(variables, false);
        let (client, mut subscriber) = (connections.operators("operators"), bus.subscribe());
        let at: Timestamp = "2026-09-15T06:00:02.5Z".parse().unwrap();
        let event = Event::district_shares(at, &DistrictId::new("oak"));
        client.put(&event).await.unwrap();
        let received = bus.notifications();
        assert_eq!(
            (received.len(), received[0].source.as_str(), received[0].detail_type.as_str()),
            (1, "rollbook.nightly-pull", "District Shares")
        );
        assert_eq!(
            (received[0].at, &received[0].detail["district"], &received[0].detail["status"]),
            (at, &"oak".into(), &"notified".into())
        );
        assert_eq!(subscriber.recv().await.as_ref(), Some(&received[0]));
        for fault in [BusFault::ServerError, BusFault::RejectEntries] {
            bus.set_fault(fault);
            assert!(client.put(&event).await.is_err(), "{fault:?}");
        }
        bus.set_fault(BusFault::None);
        let error = connections.operators("another").put(&event).await.unwrap_err();
        assert!(format!("{error:?}").contains("NotAuthorized"), "{error:?}");
        assert_eq!(bus.notifications().len(), 1);
    }
}
