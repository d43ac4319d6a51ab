//! Lambda: the real function binaries as child processes, each behind a Runtime API of its own.
//!
//! Events sent asynchronously wait in a queue, are tried again when the function fails, and end as
//! a failure record when it fails for good, as they do in AWS. They are kept in files until they
//! are done: what was under way when a process died is delivered again by the next.

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

/// One function: the binary, and what `template.yaml` says of it.
#[derive(Clone, Debug)]
pub struct FunctionConfig {
    /// Its name, which is also its log's.
    pub name: String,
    /// The binary that Lambda would call `bootstrap`.
    pub binary: PathBuf,
    /// After this the process is killed.
    pub timeout: Duration,
    /// What the function is told about its memory, in MB. Nothing enforces it here.
    pub memory_mb: u32,
    /// How many processes may run at once.
    pub concurrency: usize,
    /// How often a failed event is tried again.
    pub retries: u32,
    /// The wait before the first retry; the second waits twice as long. One minute in AWS.
    pub retry_delay: Duration,
    /// Variables of its own.
    pub environment: BTreeMap<String, String>,
}

/// What a synchronous invocation gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The function's answer, or the error as AWS words it (`errorMessage`, `errorType`).
    pub payload: Value,
    /// Whether it is an error.
    pub failed: bool,
}

/// What all functions share.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) region: String,
    pub(crate) account: String,
    /// Logs, events under way, failures and the functions' temporary files.
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

    /// Adds variables that every function gets. Only those added afterwards get them.
    pub(crate) fn add_environment(&self, variables: impl IntoIterator<Item = (String, String)>) {
        self.setting.lock().unwrap_or_else(PoisonError::into_inner).environment.extend(variables);
    }

    /// Takes in a function, and delivers to it what an earlier process left undone.
    pub(crate) fn add(&self, config: FunctionConfig) -> Result<(), StackError> {
        let setting = self.setting.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let name = config.name.clone();
        let function = Function::start(config, setting)
            .map_err(|source| StackError::Function { name: name.clone(), source })?;
        self.functions.lock().unwrap_or_else(PoisonError::into_inner).insert(name, function);
        Ok(())
    }

    /// Sends an event and does not wait: false if there is no such function.
    pub(crate) fn send(&self, function: &str, payload: Value) -> bool {
        let Some(function) = self.get(function) else { return false };
        function.send(payload);
        true
    }

    /// Invokes and waits for the answer; there is no retry.
    pub(crate) async fn invoke(&self, function: &str, payload: Value) -> Option<Answer> {
        let function = self.get(function)?;
        let (reply, answer) = oneshot::channel();
        function.take(Job::new(payload, function.pending(), Reply::Wait(reply)));
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

    /// Serves the Invoke call, so that `aws lambda invoke` works.
    pub(crate) async fn serve(self: &Arc<Self>) -> std::io::Result<Listening> {
        Listening::router(http::router(self.clone())).await
    }

    /// Ends all functions and their processes.
    pub(crate) fn stop(&self) {
        for (_, function) in self.functions.lock().unwrap_or_else(PoisonError::into_inner).drain() {
            function.stop();
        }
    }
}
