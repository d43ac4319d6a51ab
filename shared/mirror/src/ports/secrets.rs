//! Secrets: keys of webhooks and credentials of sources. They are stored in Secrets Manager, never
//! in an environment variable.
//!
//! A function caches secrets for some minutes ([`SecretCache`]): long enough to avoid a call per
//! event, short enough that a revoked secret soon stops working.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use roster::personal::Secret;
use serde::de::DeserializeOwned;

use crate::MirrorError;
use crate::clock::Clock;

/// Parses a secret that is JSON.
///
/// # Errors
/// If the text is not JSON of the type `T`. The error has no details, because they could quote the
/// secret.
pub fn parse<T: DeserializeOwned>(secret: &Secret, what: &'static str) -> Result<T, MirrorError> {
    serde_json::from_str(secret.reveal())
        .map_err(|_| MirrorError::corrupt(what, "it is not JSON with the expected fields"))
}

/// Reads secrets.
pub trait Secrets: Clone + Send + Sync + 'static {
    /// Returns the current text of a secret, or `None` if the secret does not exist or has no text.
    fn secret(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<Secret>, MirrorError>> + Send;
}

/// A cache of secrets. After a fixed time, a secret is read again.
///
/// A secret that cannot be read again is no longer used: a revoked key must not stay valid while
/// Secrets Manager is not reachable.
#[derive(Clone, Debug)]
pub struct SecretCache<S> {
    inner: S,
    clock: Clock,
    time: Duration,
    read: Arc<Mutex<BTreeMap<String, (Timestamp, Secret)>>>,
}

impl<S> SecretCache<S> {
    /// Returns a cache that keeps each secret for `time`.
    pub fn new(inner: S, clock: Clock, time: Duration) -> Self {
        Self { inner, clock, time, read: Arc::default() }
    }

    /// Removes all secrets from the cache, because one of them was rejected and may have changed.
    pub fn forget(&self) {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn cached(&self, name: &str) -> Option<Secret> {
        let now = self.clock.now();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not extend the lifetime.
        read.retain(|_, (at, _)| *at <= now && now.duration_since(*at).unsigned_abs() < self.time);
        read.get(name).map(|(_, secret)| secret.clone())
    }
}

impl<S: Secrets> Secrets for SecretCache<S> {
    async fn secret(&self, name: &str) -> Result<Option<Secret>, MirrorError> {
        if let Some(secret) = self.cached(name) {
            return Ok(Some(secret));
        }
        let at = self.clock.now();
        // A missing secret is not cached, so that it works as soon as it is created.
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

    /// A clock that a test sets.
    fn clock() -> (Clock, Arc<AtomicI64>) {
        let second = Arc::new(AtomicI64::new(1_780_000_000));
        let shared = Arc::clone(&second);
        (Clock::new(move || Timestamp::from_second(shared.load(Ordering::SeqCst)).unwrap()), second)
    }

    async fn text(secrets: &impl Secrets) -> Option<String> {
        secrets.secret("notices").await.unwrap().map(|secret| secret.reveal().to_owned())
    }

    #[tokio::test]
    async fn a_secret_is_read_again_when_its_time_in_the_cache_is_over() {
        let (clock, second) = clock();
        let stored = MemorySecrets::default();
        let cache = SecretCache::new(stored.clone(), clock, MINUTES);
        assert_eq!(text(&cache).await, None);
        stored.put("notices", "one");
        assert_eq!(text(&cache).await.as_deref(), Some("one"), "a missing secret is not cached");
        stored.put("notices", "two");
        second.fetch_add(299, Ordering::SeqCst);
        assert_eq!((text(&cache).await.as_deref(), stored.reads()), (Some("one"), 2));
        second.fetch_add(1, Ordering::SeqCst);
        assert_eq!((text(&cache).await.as_deref(), stored.reads()), (Some("two"), 3));
        second.fetch_sub(3600, Ordering::SeqCst);
        stored.put("notices", "three");
        assert_eq!(
            text(&cache).await.as_deref(),
            Some("three"),
            "a clock that was set back does not extend the lifetime"
        );
        stored.put("notices", "four");
        cache.forget();
        assert_eq!(text(&cache).await.as_deref(), Some("four"), "a rejected secret is read again");
        stored.remove("notices");
        second.fetch_add(300, Ordering::SeqCst);
        assert_eq!(text(&cache).await, None, "a deleted secret is no longer used");
    }

    #[tokio::test]
    async fn a_secret_that_cannot_be_read_again_is_no_longer_used() {
        let (clock, second) = clock();
        let stored = MemorySecrets::default();
        stored.put("notices", "one");
        let cache = SecretCache::new(Failing::new(stored, &Cue::at(1, false)), clock, MINUTES);
        assert_eq!(text(&cache).await.as_deref(), Some("one"));
        second.fetch_add(300, Ordering::SeqCst);
        assert!(cache.secret("notices").await.is_err());
    }

    #[tokio::test]
    async fn debug_output_and_errors_contain_no_secret() {
        #[derive(Debug, Deserialize)]
        struct Number {
            #[allow(
                dead_code,
                reason = "the test expects that parsing fails, so the field is never read"
            )]
            number: u64,
        }
        let (clock, _) = clock();
        let stored = MemorySecrets::default();
        stored.put("notices", r#"{"number": "swordfish"}"#);
        let cache = SecretCache::new(stored.clone(), clock, MINUTES);
        let secret = cache.secret("notices").await.unwrap().unwrap();
        let error = parse::<Number>(&secret, "the key").unwrap_err();
        let error_text = crate::error::chain(&error);
        assert!(error_text.contains("the key"), "{error_text}");
        for text in [
            format!("{secret:?}"),
            format!("{cache:?}"),
            format!("{stored:?}"),
            format!("{error:?}"),
            error_text,
        ] {
            assert!(!text.contains("swordfish"), "{text}");
        }
    }
}
