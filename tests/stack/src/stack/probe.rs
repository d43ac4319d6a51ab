//! Drives a running stack and reports what happened in it: events, failures, memory, logs.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use super::Stack;
use crate::eventbridge::{BusFault, Notification};
use crate::lambda::{Answer, FailureRecord, Invocation};
use crate::scheduler::{Clock, DeadLetter};

impl Stack {
    /// Invokes a function and waits for its answer, without retries. Returns `None` if there is no
    /// such function.
    pub async fn invoke(&self, function: &str, event: Value) -> Option<Answer> {
        self.lambda.invoke(function, event).await
    }

    /// Queues an event for a function. A failed event is retried and finally leaves a failure
    /// record. Returns false if there is no such function.
    pub fn send(&self, function: &str, event: Value) -> bool {
        self.lambda.send(function, event)
    }

    /// Waits until the stack is idle: no event is queued, waiting for a retry or being handled, and
    /// no schedule is due.
    pub async fn settled(&self) {
        loop {
            self.activity.wait_until_idle().await;
            if !self.scheduler.scheduler.fire_due() && self.activity.count() == 0 {
                return;
            }
        }
    }

    /// Number of events that are queued, waiting for a retry or being handled.
    pub fn pending_events(&self) -> usize {
        self.activity.count()
    }

    /// The clock of the scheduler and of the simulated Clever.
    pub fn clock(&self) -> &Clock {
        self.scheduler.scheduler.clock()
    }

    /// When the next schedule is due. `None`: there is no schedule.
    pub fn next_schedule(&self) -> Option<jiff::Timestamp> {
        self.scheduler.scheduler.next_due()
    }

    /// Moves the clock to `moment`, one due schedule at a time. The events of each schedule are
    /// handled before the next one fires.
    pub async fn run_until(&self, moment: jiff::Timestamp) {
        loop {
            self.settled().await;
            match self.next_schedule().filter(|due| *due <= moment) {
                Some(due) => self.clock().advance_to(due),
                None => break,
            }
        }
        self.clock().advance_to(moment);
    }

    /// Events of schedules that could not be delivered and are in a dead-letter queue.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.scheduler.scheduler.dead_letters()
    }

    /// Notifications for operators that this process has received so far.
    pub fn notifications(&self) -> Vec<Notification> {
        self.bus.notifications()
    }

    /// Subscribes to the notifications for operators from now on.
    pub fn subscribe(&self) -> UnboundedReceiver<Notification> {
        self.bus.subscribe()
    }

    /// Makes the EventBridge bus fail from now on, or work again with [`BusFault::None`].
    pub fn set_bus_fault(&self, fault: BusFault) {
        self.bus.set_fault(fault);
    }

    /// Number of calls per DynamoDB operation, from all callers. Counted only in a stack with
    /// [`StackConfig::faults`](super::StackConfig::faults).
    pub fn table_calls(&self) -> BTreeMap<String, u64> {
        self.dynamo.calls()
    }

    /// Events of a function that failed on every attempt, in this process.
    pub fn failures(&self, function: &str) -> Vec<FailureRecord> {
        self.lambda.get(function).map(|function| function.failures()).unwrap_or_default()
    }

    /// Every attempt of every event of a function, in this process. The oldest are dropped when
    /// there are more than 10,000.
    pub fn invocations(&self, function: &str) -> Vec<Invocation> {
        self.lambda.get(function).map(|function| function.history()).unwrap_or_default()
    }

    /// Peak memory of a function's processes, in bytes. `None` before the first invocation, or if
    /// the operating system does not report it.
    pub fn peak_rss(&self, function: &str) -> Option<u64> {
        self.lambda.get(function)?.peak_rss()
    }

    /// The log output of a function's processes.
    pub fn log(&self, function: &str) -> String {
        let file = self.lambda.get(function).map(|function| function.log_file());
        file.and_then(|file| std::fs::read(file).ok())
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .unwrap_or_default()
    }
}
