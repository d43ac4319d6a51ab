//! Secrets in memory, which tests put there and change.

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
    /// Gives a secret this text.
    pub fn put(&self, name: &str, text: &str) {
        lock(&self.0).secrets.insert(name.into(), Secret::new(text));
    }

    /// Takes a secret away.
    pub fn remove(&self, name: &str) {
        lock(&self.0).secrets.remove(name);
    }

    /// How often any was asked for.
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
