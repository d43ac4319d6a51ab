//! A function's queue. Events are handled in order, up to the function's concurrency at once, with
//! retries and failure records as in AWS.

use std::collections::{BTreeMap, VecDeque};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};

use super::process::{Environment, Outcome};
use super::runtime_api::Invoke;
use super::{Answer, FunctionConfig, Setting};
use crate::activity::Pending;

/// Maximum number of invocations in a function's history. A long-running API has many.
const LONGEST_HISTORY: usize = 10_000;

/// The record of an event that failed on every attempt, as AWS sends it to a failure destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureRecord {
    /// When the last attempt failed.
    pub timestamp: Timestamp,
    /// The function's name.
    pub function: String,
    /// The request id of the event.
    pub request_id: String,
    /// Number of attempts.
    pub approximate_invoke_count: u32,
    /// The event.
    pub request_payload: Value,
    /// The last error: `errorType`, `errorMessage`.
    pub response_payload: Value,
}

/// One attempt of one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// The request id, the same for all attempts.
    pub request_id: String,
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// Duration of the attempt, including the start of a process.
    pub took: Duration,
    /// Whether the attempt failed.
    pub failed: bool,
    /// The answer, or the error.
    pub payload: Value,
    /// Peak memory of the process so far, in bytes.
    pub peak_rss: Option<u64>,
}

/// How the outcome of a job is reported.
pub(super) enum Reply {
    /// An asynchronous event: no caller waits, and a failure is retried. The file stores the event.
    Later(PathBuf),
    /// A synchronous invocation: the caller waits.
    Wait(oneshot::Sender<Answer>),
}

/// An event in the queue.
pub(super) struct Job {
    request_id: String,
    payload: Value,
    attempt: u32,
    reply: Reply,
    _pending: Pending,
}

impl Job {
    pub(super) fn new(payload: Value, pending: Pending, reply: Reply) -> Self {
        Self { request_id: new_id(), payload, attempt: 1, reply, _pending: pending }
    }
}

/// A running function.
pub(crate) struct Function {
    pub(super) config: FunctionConfig,
    setting: Setting,
    arn: String,
    variables: BTreeMap<String, String>,
    jobs: mpsc::UnboundedSender<Job>,
    /// Idle processes. The last one used is used next.
    idle: Mutex<Vec<Environment>>,
    stopped: AtomicBool,
    dispatcher: Mutex<Option<AbortHandle>>,
    peak_rss: AtomicU64,
    history: Mutex<VecDeque<Invocation>>,
    failures: Mutex<Vec<FailureRecord>>,
}

impl Function {
    pub(super) fn start(config: FunctionConfig, setting: Setting) -> io::Result<Arc<Self>> {
        for folder in ["logs", "events", "failures", "tmp"] {
            std::fs::create_dir_all(setting.folder.join(folder))?;
        }
        let arn = format!(
            "arn:aws:lambda:{}:{}:function:{}",
            setting.region, setting.account, config.name
        );
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        let function = Arc::new(Self {
            variables: variables(&config, &setting),
            config,
            setting,
            arn,
            jobs,
            idle: Mutex::default(),
            stopped: AtomicBool::new(false),
            dispatcher: Mutex::default(),
            peak_rss: AtomicU64::new(0),
            history: Mutex::default(),
            failures: Mutex::default(),
        });
        let worker = function.clone();
        let dispatcher = tokio::spawn(async move {
            let slots = Arc::new(Semaphore::new(worker.config.concurrency.max(1)));
            let mut running = JoinSet::new();
            while let Some(job) = queue.recv().await {
                let Ok(slot) = slots.clone().acquire_owned().await else { return };
                while running.try_join_next().is_some() {}
                let worker = worker.clone();
                running.spawn(async move {
                    let outcome = worker.run(&job).await;
                    drop(slot);
                    worker.finish(job, outcome).await;
                });
            }
        });
        *function.dispatcher.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(dispatcher.abort_handle());
        function.resume_events()?;
        Ok(function)
    }

    /// Queues an asynchronous event.
    pub(super) fn send(&self, payload: Value) {
        let mut job = Job::new(payload, self.pending(), Reply::Later(PathBuf::new()));
        let file = self
            .setting
            .folder
            .join("events")
            .join(format!("{}-{}.json", self.config.name, job.request_id));
        // Without the file the event is lost only if this process dies.
        let _ = std::fs::write(&file, job.payload.to_string());
        job.reply = Reply::Later(file);
        self.enqueue(job);
    }

    pub(super) fn enqueue(&self, job: Job) {
        let _ = self.jobs.send(job);
    }

    pub(super) fn pending(&self) -> Pending {
        self.setting.activity.begin()
    }

    /// Queues the events that an earlier process did not finish, oldest first.
    fn resume_events(&self) -> io::Result<()> {
        let mut left = Vec::new();
        let prefix = format!("{}-", self.config.name);
        for file in std::fs::read_dir(self.setting.folder.join("events"))? {
            let file = file?;
            let Some(id) = file.file_name().to_str().and_then(|name| {
                Some(name.strip_prefix(&prefix)?.strip_suffix(".json")?.to_owned())
            }) else {
                continue;
            };
            if let Ok(payload) = serde_json::from_slice(&std::fs::read(file.path())?) {
                left.push((file.metadata()?.modified()?, id, payload, file.path()));
            }
        }
        left.sort_by_key(|(since, ..)| *since);
        for (_, request_id, payload, path) in left {
            self.enqueue(Job {
                request_id,
                payload,
                attempt: 1,
                reply: Reply::Later(path),
                _pending: self.pending(),
            });
        }
        Ok(())
    }

    async fn run(&self, job: &Job) -> Outcome {
        let started = Instant::now();
        let outcome = match self.environment().await {
            Ok(mut environment) => {
                let event = Invoke {
                    request_id: job.request_id.clone(),
                    arn: self.arn.clone(),
                    payload: Bytes::from(job.payload.to_string()),
                    timeout: self.config.timeout,
                };
                let outcome = environment.invoke(event).await;
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                if outcome.alive && !self.stopped.load(Ordering::Relaxed) {
                    idle.push(environment);
                }
                outcome
            }
            Err(error) => {
                let message =
                    format!("{} cannot be started: {error}", self.config.binary.display());
                let payload =
                    json!({ "errorType": "Runtime.InvalidEntrypoint", "errorMessage": message });
                Outcome { payload, failed: true, alive: false, peak_rss: None }
            }
        };
        self.peak_rss.fetch_max(outcome.peak_rss.unwrap_or(0), Ordering::Relaxed);
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        if history.len() == LONGEST_HISTORY {
            history.pop_front();
        }
        history.push_back(Invocation {
            request_id: job.request_id.clone(),
            attempt: job.attempt,
            took: started.elapsed(),
            failed: outcome.failed,
            payload: outcome.payload.clone(),
            peak_rss: outcome.peak_rss,
        });
        drop(history);
        outcome
    }

    /// An idle process, or a new one.
    async fn environment(&self) -> io::Result<Environment> {
        loop {
            let Some(mut warm) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
            else {
                let tmp = self.setting.folder.join("tmp");
                return Environment::start(&self.config, &self.variables, &self.log_file(), &tmp)
                    .await;
            };
            if warm.is_alive() {
                return Ok(warm);
            }
        }
    }

    /// Answers the caller, retries after a delay, or records the failure.
    async fn finish(&self, mut job: Job, outcome: Outcome) {
        match job.reply {
            Reply::Wait(reply) => {
                let _ = reply.send(Answer { payload: outcome.payload, failed: outcome.failed });
            }
            Reply::Later(_) if outcome.failed && job.attempt <= self.config.retries => {
                tokio::time::sleep(self.config.retry_delay * job.attempt).await;
                job.attempt += 1;
                self.enqueue(job);
            }
            Reply::Later(file) => {
                if outcome.failed {
                    self.record_failure(FailureRecord {
                        timestamp: Timestamp::now(),
                        function: self.config.name.clone(),
                        request_id: job.request_id,
                        approximate_invoke_count: job.attempt,
                        request_payload: job.payload,
                        response_payload: outcome.payload,
                    });
                }
                let _ = std::fs::remove_file(file);
            }
        }
    }

    fn record_failure(&self, record: FailureRecord) {
        let file = self.setting.folder.join("failures").join(format!("{}.jsonl", self.config.name));
        let written =
            OpenOptions::new().create(true).append(true).open(file).and_then(|mut file| {
                let line = serde_json::to_string(&record)?;
                writeln!(file, "{line}")
            });
        if let Err(error) = written {
            tracing::warn!(%error, function = self.config.name, "cannot record a failure");
        }
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }

    pub(crate) fn failures(&self) -> Vec<FailureRecord> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn history(&self) -> Vec<Invocation> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Peak memory of the function's processes, in bytes.
    pub(crate) fn peak_rss(&self) -> Option<u64> {
        Some(self.peak_rss.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.setting.folder.join("logs").join(format!("{}.log", self.config.name))
    }

    /// Kills every process of the function as soon as it is idle.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(dispatcher) =
            self.dispatcher.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            dispatcher.abort();
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The complete environment of a process. Nothing is inherited.
fn variables(config: &FunctionConfig, setting: &Setting) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = [
        ("AWS_REGION", setting.region.as_str()),
        ("AWS_DEFAULT_REGION", setting.region.as_str()),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
        ("AWS_LAMBDA_FUNCTION_NAME", config.name.as_str()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "local"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    variables.insert("AWS_LAMBDA_FUNCTION_MEMORY_SIZE".into(), config.memory_mb.to_string());
    variables.extend(setting.environment.clone());
    variables.extend(config.environment.clone());
    variables
}

/// A request id in AWS's format: a random UUID.
fn new_id() -> String {
    let hex = format!("{:032x}", fastrand::u128(..));
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
