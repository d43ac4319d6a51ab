//! Secrets in memory, which tests create and change.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use roster::personal::Secret;

use super::lock;
use crate::MirrorError;
use crate::ports::secrets::Secrets;

/// Secrets by name.
#[derive(Clone, Debug, Default)]
pub struct MemorySecrets(Arc<Mutex<Stored>>);

#[derive(Debug, Default)]
struct Stored {
    secrets: BTreeMap<String, Secret>,
    reads: u64,
}

impl MemorySecrets {
    /// Sets the text of a secret.
    pub fn put(&self, name: &str, text: &str) {
        lock(&self.0).secrets.insert(name.into(), Secret::new(text));
    }

    /// Removes a secret.
    pub fn remove(&self, name: &str) {
        lock(&self.0).secrets.remove(name);
    }

    /// Returns the number of reads so far, of all secrets.
    pub fn reads(&self) -> u64 {
        lock(&self.0).reads
    }
}

impl Secrets for MemorySecrets {
    async fn secret(&self, name: &str) -> Result<Option<Secret>, MirrorError> {
        let mut stored = lock(&self.0);
        stored.reads += 1;
        Ok(stored.secrets.get(name).cloned())
    }
}
