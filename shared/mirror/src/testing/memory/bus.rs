//! A bus in memory, which keeps what it was given.

use std::sync::{Arc, Mutex};

use super::lock;
use crate::MirrorError;
use crate::eventbridge::Bus;
use crate::eventbridge::event::Event;

/// What operators were told, in its order.
#[derive(Clone, Debug, Default)]
pub struct MemoryBus(Arc<Mutex<Vec<Event>>>);

impl MemoryBus {
    /// Takes all that was told so far.
    pub fn take_all(&self) -> Vec<Event> {
        std::mem::take(&mut *lock(&self.0))
    }
}

impl Bus for MemoryBus {
    async fn put(&self, event: &Event) -> Result<(), MirrorError> {
        lock(&self.0).push(event.clone());
        Ok(())
    }
}
