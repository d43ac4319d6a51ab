//! A bus in memory, which stores all events.

use std::sync::{Arc, Mutex};

use super::lock;
use crate::MirrorError;
use crate::eventbridge::Bus;
use crate::eventbridge::event::Event;

/// The events that were sent, in order.
#[derive(Clone, Debug, Default)]
pub struct MemoryBus(Arc<Mutex<Vec<Event>>>);

impl MemoryBus {
    /// Removes and returns all events.
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
