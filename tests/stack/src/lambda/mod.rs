//! Lambda: the real function binaries as child processes, each with its own Runtime API.
//!
//! As in AWS, asynchronous events are queued, retried when the function fails, and end as a failure
//! record after the last attempt. They are stored in files until they are handled, so the next
//! process delivers the events that a crash interrupted.
//!
//! | module | contents |
//! | --- | --- |
//! | `queue` | a function's queue: concurrency, retries, failure records |
//! | `process` | an execution environment: one process of a function |
//! | `runtime_api` | the HTTP API that a function's process polls |
//! | `http` | the Invoke call for other clients |

mod http;
mod process;
mod queue;
mod runtime_api;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;

use crate::StackError;
use crate::activity::Activity;
pub use queue::{FailureRecord, Invocation};
use queue::{Function, Job, Reply};
use simulators::listen::Listening;

/// A function's binary and settings.
#[derive(Clone, Debug)]
pub struct FunctionConfig {
    /// The function's name, and the name of its log.
    pub name: String,
    /// The binary, named `bootstrap` in Lambda.
    pub binary: PathBuf,
    /// Time limit of an invocation. The process is killed after it.
    pub timeout: Duration,
    /// The memory limit in MB that the function sees. It is not enforced.
    pub memory_mb: u32,
    /// Maximum number of processes.
    pub concurrency: usize,
    /// Maximum number of retries of a failed event.
    pub retries: u32,
    /// Delay before the first retry; the second is twice as long. One minute in AWS.
    pub retry_delay: Duration,
    /// Additional environment variables.
    pub environment: BTreeMap<String, String>,
}

/// The answer of a synchronous invocation.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The function's answer, or the error in AWS's format (`errorMessage`, `errorType`).
    pub payload: Value,
    /// Whether the invocation failed.
    pub failed: bool,
}

/// The settings that all functions share.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) region: String,
    pub(crate) account: String,
    /// The folder for logs, pending events, failures and temporary files.
    pub(crate) folder: PathBuf,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) activity: Activity,
}

/// The host of the functions.
pub(crate) struct Lambda {
    functions: Mutex<HashMap<String, Arc<Function>>>,
    setting: Mutex<Setting>,
}

impl Lambda {
    /// A host without functions.
    pub(crate) fn new(setting: Setting) -> Arc<Self> {
        Arc::new(Self { functions: Mutex::default(), setting: Mutex::new(setting) })
    }

    /// Adds environment variables for the functions that are added afterwards.
    pub(crate) fn add_environment(&self, variables: impl IntoIterator<Item = (String, String)>) {
        self.setting.lock().unwrap_or_else(PoisonError::into_inner).environment.extend(variables);
    }

    /// Adds a function, and delivers the events that an earlier process left.
    pub(crate) fn add(&self, config: FunctionConfig) -> Result<(), StackError> {
        let setting = self.setting.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let name = config.name.clone();
        let function = Function::start(config, setting)
            .map_err(|source| StackError::Function { name: name.clone(), source })?;
        self.functions.lock().unwrap_or_else(PoisonError::into_inner).insert(name, function);
        Ok(())
    }

    /// Queues an event. Returns false if there is no such function.
    pub(crate) fn send(&self, function: &str, payload: Value) -> bool {
        let Some(function) = self.get(function) else { return false };
        function.send(payload);
        true
    }

    /// Invokes a function once and waits for its answer. `None` if there is no such function.
    pub(crate) async fn invoke(&self, function: &str, payload: Value) -> Option<Answer> {
        let function = self.get(function)?;
        let (reply, answer) = oneshot::channel();
        function.enqueue(Job::new(payload, function.pending(), Reply::Wait(reply)));
        // The sender is dropped without an answer only when the stack ends.
        Some(answer.await.unwrap_or(Answer { payload: Value::Null, failed: true }))
    }

    /// A function by its name or ARN.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Function>> {
        let name = match name.strip_prefix("arn:") {
            Some(arn) => arn.split(":function:").nth(1)?.split(':').next()?,
            None => name,
        };
        self.functions.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Serves the Invoke call, for example for `aws lambda invoke`.
    pub(crate) async fn serve(self: &Arc<Self>) -> std::io::Result<Listening> {
        Listening::router(http::router(self.clone())).await
    }

    /// Stops all functions and their processes.
    pub(crate) fn stop(&self) {
        for (_, function) in self.functions.lock().unwrap_or_else(PoisonError::into_inner).drain() {
            function.stop();
        }
    }
}
