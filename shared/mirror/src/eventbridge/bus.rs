//! Sends events to a bus, with a few attempts each. A failing bus does not fail a run, and delays
//! it by a few seconds at most.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use roster::id::RunId;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::event::Event;
use super::metrics;
use crate::MirrorError;

/// The maximum number of attempts to send an event.
const TRIES: u32 = 3;

/// The time limits for a bus.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// The maximum time for a response.
    answer: Duration,
    /// The wait before the second attempt. It is twice as long before the third.
    pause: Duration,
    /// The time after a failure in which no event is sent, so that many events do not each delay
    /// the caller.
    suspension: Duration,
}

const PATIENCE: Patience = Patience {
    answer: Duration::from_millis(1500),
    pause: Duration::from_millis(200),
    suspension: Duration::from_secs(60),
};

/// Accepts events for operators.
pub trait Bus: Clone + Send + Sync + 'static {
    /// Sends an event once. Its targets may receive it more than once.
    fn put(&self, event: &Event) -> impl Future<Output = Result<(), MirrorError>> + Send;
}

/// The bus in EventBridge.
#[derive(Clone, Debug)]
pub struct EventBus {
    client: Client,
    name: String,
}

impl EventBus {
    /// Returns the bus with this name in the client's account and region.
    pub fn new(client: Client, name: &str) -> Self {
        Self { client, name: name.into() }
    }
}

impl Bus for EventBus {
    async fn put(&self, event: &Event) -> Result<(), MirrorError> {
        let doing = "put an event on the bus";
        let detail = serde_json::to_string(&event.detail)
            .map_err(|error| MirrorError::service(doing, error))?;
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(event.kind.source())
            .detail_type(event.kind.detail_type())
            .time(DateTime::from_millis(event.at.as_millisecond()))
            .detail(detail);
        let answer = self.client.put_events().entries(entry.build()).send().await;
        let answer = answer.map_err(|error| MirrorError::service(doing, error))?;
        // The call can succeed even if the event was rejected.
        let refused =
            answer.entries.unwrap_or_default().into_iter().find_map(|entry| entry.error_code);
        refused.map_or(Ok(()), |code| Err(MirrorError::service(doing, code)))
    }
}

type Put =
    dyn Fn(Event) -> Pin<Box<dyn Future<Output = Result<(), MirrorError>> + Send>> + Send + Sync;

/// Sends notifications to operators. Sending never fails for the caller: an event that cannot be
/// sent is logged and counted under `NotTold`.
#[derive(Clone)]
pub struct Notifications {
    put: Arc<Put>,
    patience: Patience,
    /// When the bus stopped accepting events; `None` while it accepts them.
    unavailable_since: Arc<Mutex<Option<Instant>>>,
}

impl fmt::Debug for Notifications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notifications")
    }
}

impl Notifications {
    /// Returns a sender of notifications over a bus.
    pub fn new(bus: impl Bus) -> Self {
        let put = move |event: Event| -> Pin<Box<dyn Future<Output = _> + Send>> {
            let bus = bus.clone();
            Box::pin(async move { bus.put(&event).await })
        };
        Self { put: Arc::new(put), patience: PATIENCE, unavailable_since: Arc::default() }
    }

    /// Sends an event, within six seconds or not at all. Callers send it before they record its
    /// cause, so an invocation that crashes in between sends the event again under the same id.
    pub async fn send(&self, event: Event) {
        let failed = if self.is_suspended() {
            Some("MirrorBusSuspended")
        } else {
            self.try_to_send(&event).await
        };
        let (district, run) = (
            event.detail.district.clone(),
            event.detail.run.clone().unwrap_or_else(|| RunId::from("none")),
        );
        let detail_type = event.kind.detail_type();
        match failed {
            None => info!(%district, %run, event = detail_type, "operators were notified"),
            Some(error_type) => {
                warn!(%district, %run, event = detail_type, error_type, what = event.detail.what, "operators could not be notified");
                metrics(event.at, "not_told", &district, &run, &[("NotTold", 1.0)]);
            }
        }
    }

    /// Returns the error type of the last attempt, or `None` if the event was sent.
    async fn try_to_send(&self, event: &Event) -> Option<&'static str> {
        let mut failed = None;
        for number in 0..TRIES {
            sleep(self.patience.pause * number).await;
            failed = match timeout(self.patience.answer, (self.put)(event.clone())).await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.error_type()),
                Err(_) => Some("MirrorBusTimeout"),
            };
            if failed.is_none() {
                break;
            }
        }
        *self.unavailable_since.lock().unwrap_or_else(PoisonError::into_inner) =
            failed.map(|_| Instant::now());
        failed
    }

    fn is_suspended(&self) -> bool {
        let unavailable_since =
            self.unavailable_since.lock().unwrap_or_else(PoisonError::into_inner);
        unavailable_since.is_some_and(|since| since.elapsed() < self.patience.suspension)
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::{AtomicU32, Ordering};

    use jiff::Timestamp;
    use roster::id::DistrictId;

    use super::*;
    use crate::testing::failing::{Cue, Failing};
    use crate::testing::memory::MemoryBus;

    /// A bus that fails the given number of times before it accepts an event. With 0, it never
    /// responds.
    #[derive(Clone)]
    struct FlakyBus(Arc<AtomicU32>, u32, MemoryBus);

    impl Bus for FlakyBus {
        async fn put(&self, event: &Event) -> Result<(), MirrorError> {
            let before = self.0.fetch_add(1, Ordering::SeqCst);
            if self.1 == 0 {
                pending::<()>().await;
            }
            if before < self.1 {
                Err(MirrorError::service("put an event on the bus", "ThrottlingException"))
            } else {
                self.2.put(event).await
            }
        }
    }

    fn event() -> Event {
        Event::district_shares(Timestamp::UNIX_EPOCH, &DistrictId::new("oak"))
    }

    /// Returns notifications with short time limits, so that tests are fast.
    fn notifications_over(bus: impl Bus, suspension: Duration) -> Notifications {
        let short = Duration::from_millis(5);
        Notifications {
            patience: Patience { answer: short, pause: Duration::ZERO, suspension },
            ..Notifications::new(bus)
        }
    }

    #[tokio::test]
    async fn an_event_is_sent_again_when_the_bus_fails_twice() {
        let bus = FlakyBus(Arc::default(), 2, MemoryBus::default());
        notifications_over(bus.clone(), PATIENCE.suspension).send(event()).await;
        assert_eq!((bus.0.load(Ordering::SeqCst), bus.2.take_all()), (3, vec![event()]));
    }

    #[tokio::test]
    async fn a_bus_that_never_responds_is_suspended_for_a_while() {
        let bus = FlakyBus(Arc::default(), 0, MemoryBus::default());
        let notifications = notifications_over(bus.clone(), PATIENCE.suspension);
        for _ in 0..500 {
            notifications.send(event()).await;
        }
        assert_eq!(bus.0.load(Ordering::SeqCst), TRIES);

        let notifications = notifications_over(bus.clone(), Duration::ZERO);
        for _ in 0..2 {
            notifications.send(event()).await;
        }
        assert_eq!(
            bus.0.load(Ordering::SeqCst),
            3 * TRIES,
            "no longer suspended: each event is tried again"
        );
        let longest = (PATIENCE.answer + PATIENCE.pause) * TRIES;
        assert!(longest < Duration::from_secs(6), "the maximum delay of a run: {longest:?}");
    }

    #[tokio::test]
    async fn a_bus_that_always_fails_does_not_fail_the_caller() {
        let bus = MemoryBus::default();
        let notifications =
            notifications_over(Failing::new(bus.clone(), &Cue::at(1, false)), Duration::ZERO);
        for _ in 0..3 {
            notifications.send(event()).await;
        }
        assert_eq!(bus.take_all(), [event()]);
    }
}
