//! Keeping to the rate limit, and trying again: what all streams of one pull share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::Answer;

/// The longest wait that an answer may ask for; a window is a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(90);

/// How often one request is tried before the pull is given up.
pub(crate) const TRIES: u32 = 6;

/// Tells the time; passed in, so that tests need not wait.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Waits; passed in likewise.
pub trait Wait: Clone + Send + Sync + 'static {
    /// Waits that long.
    fn wait(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// Waits by the machine's timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealWait;

impl Wait for RealWait {
    async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// What the answers' headers said last: how many requests are left, and until when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    remaining: Option<u64>,
    reset: Option<i64>,
}

impl Window {
    /// How long to wait before the next request; it counts as made. A few requests of a window are
    /// left to others who use the token.
    pub(crate) fn before_request(&self, now: Timestamp) -> Duration {
        const RESERVE: u64 = 20;
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(remaining), Some(reset)) = (state.remaining, state.reset) else {
            return Duration::ZERO;
        };
        let left = until(reset, now);
        if left.is_zero() {
            // The window is over; the next answer tells of the new one.
            *state = State::default();
            return Duration::ZERO;
        }
        if remaining > RESERVE {
            state.remaining = Some(remaining - 1);
            return Duration::ZERO;
        }
        left
    }

    /// Takes what an answer says.
    pub(crate) fn note(&self, answer: &Answer) {
        if let (Some(remaining), Some(reset)) = (answer.remaining, answer.reset) {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Answers overtake each other: within one window the lowest count is the true one.
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
    Duration::from_secs(seconds).min(LONGEST_WAIT)
}

/// How long to wait after a refusal for being too fast.
pub(crate) fn after_too_many(
    answer: &Answer,
    now: Timestamp,
    tries: u32,
    rng: &mut fastrand::Rng,
) -> Duration {
    let told = answer.retry_after.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
    let told = told.or_else(|| answer.reset.map(|reset| until(reset, now)));
    // A little more, by chance, so that the streams do not all come back at the same moment.
    told.unwrap_or_else(|| back_off(tries, rng)) + Duration::from_millis(rng.u64(50..500))
}

/// How long to wait after a failure: up to half a second at first, up to twice as long each time,
/// never beyond half a minute.
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
    fn a_window_that_is_used_up_is_waited_for() {
        let window = Window::default();
        assert_eq!(window.before_request(at(100)), Duration::ZERO);
        window.note(&answer(22, 160));
        assert_eq!(window.before_request(at(100)), Duration::ZERO);
        assert_eq!(window.before_request(at(100)), Duration::ZERO);
        assert_eq!(window.before_request(at(100)), Duration::from_secs(60));
        // An answer that was overtaken does not open it again.
        window.note(&answer(25, 160));
        assert_eq!(window.before_request(at(130)), Duration::from_secs(30));
        assert_eq!(window.before_request(at(160)), Duration::ZERO);
    }

    #[test]
    fn whoever_was_too_fast_waits_as_long_as_the_server_says() {
        let mut rng = fastrand::Rng::with_seed(1);
        let told = Answer { retry_after: Some(7), ..answer(0, 160) };
        assert_eq!(after_too_many(&told, at(100), 0, &mut rng).as_secs(), 7);
        assert_eq!(after_too_many(&answer(0, 160), at(100), 0, &mut rng).as_secs(), 60);
        assert!(after_too_many(&Answer::default(), at(100), 0, &mut rng) < Duration::from_secs(2));
    }
}
