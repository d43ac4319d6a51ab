//! Secrets that functions need: keys of notices, credentials at sources. They live in Secrets
//! Manager, never in an environment variable.
//!
//! A function keeps what it has read for a while ([`SecretCache`]): long enough that a warm process does
//! not ask at every event, short enough that a key that was changed because somebody has seen it is
//! soon worth nothing.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use roster::personal::Secret;
use serde::de::DeserializeOwned;

use crate::MirrorError;
use crate::clock::Clock;

/// Reads a secret that is JSON. What is wrong with one that is not is not told, for it would be
/// told with the text.
///
/// # Errors
/// If it is not what it must be.
pub fn parse<T: DeserializeOwned>(secret: &Secret, what: &'static str) -> Result<T, MirrorError> {
    serde_json::from_str(secret.reveal())
        .map_err(|_| MirrorError::corrupt(what, "it is not JSON with the expected fields"))
}

/// Reading secrets.
pub trait Secrets: Clone + Send + Sync + 'static {
    /// The present text of a secret; none: there is no secret of that name, or nobody has given it
    /// a text yet.
    fn secret(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<Secret>, MirrorError>> + Send;
}

/// Secrets that are read once, and again when they have been kept for so long.
///
/// What cannot be read again is not used any longer either: a key that was taken away must not live
/// on because its keeper is out of reach.
#[derive(Clone, Debug)]
pub struct SecretCache<S> {
    inner: S,
    clock: Clock,
    time: Duration,
    read: Arc<Mutex<BTreeMap<String, (Timestamp, Secret)>>>,
}

impl<S> SecretCache<S> {
    /// Keeps each secret for `time` after it was read.
    pub fn new(inner: S, clock: Clock, time: Duration) -> Self {
        Self { inner, clock, time, read: Arc::default() }
    }

    /// Forgets all, since one of them was not taken: it may have been changed.
    pub fn forget(&self) {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn fresh(&self, name: &str) -> Option<Secret> {
        let now = self.clock.now();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back makes nothing live longer.
        read.retain(|_, (at, _)| *at <= now && now.duration_since(*at).unsigned_abs() < self.time);
        read.get(name).map(|(_, secret)| secret.clone())
    }
}

impl<S: Secrets> Secrets for SecretCache<S> {
    async fn secret(&self, name: &str) -> Result<Option<Secret>, MirrorError> {
        if let Some(secret) = self.fresh(name) {
            return Ok(Some(secret));
        }
        let at = self.clock.now();
        // One that is not there is not kept: it works as soon as somebody makes it.
        let Some(secret) = self.inner.secret(name).await? else { return Ok(None) };
        self.read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), (at, secret.clone()));
        Ok(Some(secret))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use serde::Deserialize;

    use super::*;
    use crate::testing::failing::{Cue, Failing};
    use crate::testing::memory::MemorySecrets;

    const MINUTES: Duration = Duration::from_secs(300);

    /// A clock that stands where a test puts it.
    fn clock() -> (Clock, Arc<AtomicI64>) {
        let second = Arc::new(AtomicI64::new(1_780_000_000));
        let told = Arc::clone(&second);
        (Clock::new(move || Timestamp::from_second(told.load(Ordering::SeqCst)).unwrap()), second)
    }

    async fn text(secrets: &impl Secrets) -> Option<String> {
        secrets.secret("notices").await.unwrap().map(|secret| secret.reveal().to_owned())
    }

    #[tokio::test]
    async fn a_secret_is_read_once_and_again_when_its_time_is_over() {
        let (clock, second) = clock();
        let stored = MemorySecrets::default();
        let kept = SecretCache::new(stored.clone(), clock, MINUTES);
        assert_eq!(text(&kept).await, None);
        stored.put("notices", "one");
        assert_eq!(
            text(&kept).await.as_deref(),
            Some("one"),
            "what was not there is asked for again at once"
        );
        stored.put("notices", "two");
        second.fetch_add(299, Ordering::SeqCst);
        assert_eq!((text(&kept).await.as_deref(), stored.reads()), (Some("one"), 2));
        second.fetch_add(1, Ordering::SeqCst);
        assert_eq!((text(&kept).await.as_deref(), stored.reads()), (Some("two"), 3));
        second.fetch_sub(3600, Ordering::SeqCst);
        stored.put("notices", "three");
        assert_eq!(
            text(&kept).await.as_deref(),
            Some("three"),
            "a clock that was set back keeps nothing alive"
        );
        stored.put("notices", "four");
        kept.forget();
        assert_eq!(
            text(&kept).await.as_deref(),
            Some("four"),
            "one that was not taken is asked for again at once"
        );
        stored.remove("notices");
        second.fetch_add(300, Ordering::SeqCst);
        assert_eq!(text(&kept).await, None, "one that was taken away is gone");
    }

    #[tokio::test]
    async fn what_cannot_be_read_again_is_not_used_on() {
        let (clock, second) = clock();
        let stored = MemorySecrets::default();
        stored.put("notices", "one");
        let kept = SecretCache::new(Failing::new(stored, &Cue::at(1, false)), clock, MINUTES);
        assert_eq!(text(&kept).await.as_deref(), Some("one"));
        second.fetch_add(300, Ordering::SeqCst);
        assert!(kept.secret("notices").await.is_err());
    }

    #[tokio::test]
    async fn nothing_prints_a_secret() {
        #[derive(Debug, Deserialize)]
        struct Number {
            #[allow(dead_code, reason = "it is never read: the test is that it is not made")]
            number: u64,
        }
        let (clock, _) = clock();
        let stored = MemorySecrets::default();
        stored.put("notices", r#"{"number": "swordfish"}"#);
        let kept = SecretCache::new(stored.clone(), clock, MINUTES);
        let secret = kept.secret("notices").await.unwrap().unwrap();
        let error = parse::<Number>(&secret, "the key").unwrap_err();
        let error_text = crate::error::chain(&error);
        assert!(error_text.contains("the key"), "{error_text}");
        for text in [
            format!("{secret:?}"),
            format!("{kept:?}"),
            format!("{stored:?}"),
            format!("{error:?}"),
            error_text,
        ] {
            assert!(!text.contains("swordfish"), "{text}");
        }
    }
}
