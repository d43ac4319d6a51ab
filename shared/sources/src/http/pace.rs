//! Rate limits and pauses before retries, shared by all requests of a pull.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::Answer;

/// The longest pause that a response can ask for. A rate limit window is a minute.
const MAX_WAIT: Duration = Duration::from_secs(90);

/// The number of tries of a request.
pub(crate) const TRIES: u32 = 6;

/// Returns the current time. A parameter, so that tests control it.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Pauses between requests. A parameter, so that tests do not wait.
pub trait Wait: Clone + Send + Sync + 'static {
    /// Waits for this duration.
    fn wait(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// Waits with a timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealWait;

impl Wait for RealWait {
    async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// The current rate limit window, from the headers of the responses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    remaining: Option<u64>,
    reset: Option<i64>,
}

impl Window {
    /// Counts the next request, and returns how long to wait before it. A few requests of a window
    /// are reserved for other users of the token.
    pub(crate) fn before_request(&self, now: Timestamp) -> Duration {
        const RESERVE: u64 = 20;
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(remaining), Some(reset)) = (state.remaining, state.reset) else {
            return Duration::ZERO;
        };
        let left = until(reset, now);
        if left.is_zero() {
            // The window is over; the next response has the headers of the new one.
            *state = State::default();
            return Duration::ZERO;
        }
        if remaining > RESERVE {
            state.remaining = Some(remaining - 1);
            return Duration::ZERO;
        }
        left
    }

    /// Updates the window from a response's headers.
    pub(crate) fn update(&self, answer: &Answer) {
        if let (Some(remaining), Some(reset)) = (answer.remaining, answer.reset) {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Responses can arrive out of order: the lowest count of a window is the current one.
            let lowest = if state.reset == Some(reset) {
                state.remaining.map_or(remaining, |known| known.min(remaining))
            } else {
                remaining
            };
            *state = State { remaining: Some(lowest), reset: Some(reset) };
        }
    }
}

fn until(reset: i64, now: Timestamp) -> Duration {
    let seconds = u64::try_from(reset.saturating_sub(now.as_second())).unwrap_or(0);
    Duration::from_secs(seconds).min(MAX_WAIT)
}

/// Returns how long to wait after a response with status 429.
pub(crate) fn after_too_many(
    answer: &Answer,
    now: Timestamp,
    tries: u32,
    rng: &mut fastrand::Rng,
) -> Duration {
    let requested = answer.retry_after.map(|seconds| Duration::from_secs(seconds).min(MAX_WAIT));
    let requested = requested.or_else(|| answer.reset.map(|reset| until(reset, now)));
    // A random addition, so that concurrent requests do not all resume at the same moment.
    requested.unwrap_or_else(|| back_off(tries, rng)) + Duration::from_millis(rng.u64(50..500))
}

/// Returns how long to wait after a failure: a random time up to half a second, doubled with each
/// try, up to 30 seconds.
pub(crate) fn back_off(tries: u32, rng: &mut fastrand::Rng) -> Duration {
    let longest =
        Duration::from_millis(500).saturating_mul(1 << tries.min(6)).min(Duration::from_secs(30));
    longest.mul_f64(rng.f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn answer(remaining: u64, reset: i64) -> Answer {
        Answer { remaining: Some(remaining), reset: Some(reset), ..Answer::default() }
    }

    #[test]
    fn an_exhausted_window_is_waited_for() {
        let window = Window::default();
        assert_eq!(window.before_request(at(100)), Duration::ZERO);
        window.update(&answer(22, 160));
        assert_eq!(window.before_request(at(100)), Duration::ZERO);
        assert_eq!(window.before_request(at(100)), Duration::ZERO);
        assert_eq!(window.before_request(at(100)), Duration::from_secs(60));
        // A response that arrives late does not reopen the window.
        window.update(&answer(25, 160));
        assert_eq!(window.before_request(at(130)), Duration::from_secs(30));
        assert_eq!(window.before_request(at(160)), Duration::ZERO);
    }

    #[test]
    fn after_status_429_the_pause_is_the_one_that_the_server_asks_for() {
        let mut rng = fastrand::Rng::with_seed(1);
        let limited = Answer { retry_after: Some(7), ..answer(0, 160) };
        assert_eq!(after_too_many(&limited, at(100), 0, &mut rng).as_secs(), 7);
        assert_eq!(after_too_many(&answer(0, 160), at(100), 0, &mut rng).as_secs(), 60);
        assert!(after_too_many(&Answer::default(), at(100), 0, &mut rng) < Duration::from_secs(2));
    }
}
