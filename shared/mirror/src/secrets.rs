//! Secrets: tokens and credentials of sources. They are read when they are needed, kept for a while, and printed nowhere.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rules::personal::Secret;

use crate::MirrorError;
use crate::clock::Clock;

/// Reading secrets.
pub trait Secrets: Clone + Send + Sync + 'static {
    /// The secret of a name, or none: there is no such secret.
    fn secret(&self, name: &str) -> impl Future<Output = Result<Option<Secret>, MirrorError>> + Send;
}

type Known = BTreeMap<String, (Timestamp, Secret)>;

/// Secrets that are read once in a while: at the start of a process, and again when they may have been rotated.
#[derive(Clone)]
pub struct KeptSecrets<S> {
    inner: S,
    clock: Clock,
    keep: Duration,
    known: Arc<Mutex<Known>>,
}

impl<S> fmt::Debug for KeptSecrets<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptSecrets")
    }
}

impl<S: Secrets> KeptSecrets<S> {
    /// Keeps each secret so long.
    pub fn new(inner: S, clock: Clock, keep: Duration) -> Self {
        Self { inner, clock, keep, known: Arc::default() }
    }

    /// Forgets all, since one of them was not taken: it may have been rotated.
    pub fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl<S: Secrets> Secrets for KeptSecrets<S> {
    async fn secret(&self, name: &str) -> Result<Option<Secret>, MirrorError> {
        let now = self.clock.now();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some((_, secret)) = known.filter(|(read, _)| now < *read + self.keep) {
            return Ok(Some(secret));
        }
        let read = self.inner.secret(name).await?;
        if let Some(secret) = &read {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(name.to_owned(), (now, secret.clone()));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::failing::{Cue, Failing};
    use crate::memory::MemorySecrets;

    #[tokio::test]
    async fn a_secret_is_read_once_in_a_while_and_again_when_it_was_not_taken() {
        let now = Arc::new(AtomicI64::new(0));
        let clock = {
            let now = now.clone();
            Clock::new(move || Timestamp::from_second(now.load(Ordering::SeqCst)).unwrap())
        };
        let vault = MemorySecrets::default();
        vault.put("clever", "one");
        let cue = Cue::never();
        let secrets = KeptSecrets::new(Failing::new(vault.clone(), &cue), clock, Duration::from_secs(300));
        let read = async || secrets.secret("clever").await.unwrap().unwrap().reveal().to_owned();
        assert_eq!((read().await, read().await, cue.calls()), ("one".into(), "one".into(), 1));
        vault.put("clever", "two");
        now.store(299, Ordering::SeqCst);
        assert_eq!(read().await, "one");
        now.store(300, Ordering::SeqCst);
        assert_eq!(read().await, "two");
        vault.put("clever", "three");
        secrets.forget();
        assert_eq!(read().await, "three");
        // That there is none is not kept: it may be made any moment.
        assert!(secrets.secret("other").await.unwrap().is_none() && secrets.secret("other").await.unwrap().is_none());
        assert_eq!(cue.calls(), 5);
        assert!(!format!("{secrets:?}").contains("three"));
    }
}
