//! Stand-ins for the AWS services that Rollbook uses, in one process on 127.0.0.1, around the real
//! function binaries.
//!
//! [`Stack`] is the entry point; the end-to-end tests and the command line `rollbook` use it. The
//! functions need no test code: the SDK's `AWS_ENDPOINT_URL_*` variables point to the stand-ins.
//!
//! | in AWS | here | module |
//! | --- | --- | --- |
//! | DynamoDB | dynoxide, in a file or in memory, with faults on demand ([`DynamoFaults`]) | `dynamo` |
//! | S3 with versions and event notifications | s3s and s3s-fs on a folder | `s3` |
//! | Lambda: asynchronous queue, retries, failure destination, timeouts | child processes, each with a Runtime API | `lambda` |
//! | EventBridge Scheduler | schedules with time zones, retries and dead-letter queues, on a [`Clock`] that tests can move | `scheduler` |
//! | EventBridge | the bus for operators; received events are [`Notification`]s | `eventbridge` |
//! | Secrets Manager | secrets in memory | `secrets` |
//! | API Gateway (HTTP API), function URL, identity provider | servers in front of `roster-api` and `clever-webhook`; an [`Issuer`] of tokens | `gateway` |
//!
//! | also here | module |
//! | --- | --- |
//! | configuration, start, endpoints, and what a test can observe | `stack` |
//! | builds the function binaries with cargo | `functions` |
//! | uploads a file set and follows its run | `upload` |
//! | sends signed webhook events | `webhook` |
//! | reads the mirror back | `records` |
//! | counts pending events | `activity` |
//!
//! The servers of Clever, ClassLink and OneRoster are simulated by the crate [`simulators`].
//!
//! Not covered: IAM, encryption, lifecycle rules, metrics, alarms, and throttling other than
//! [`DynamoFaults`]. `tests/deploy` tests the template against these.
//!
//! ```no_run
//! use roster::id::DistrictId;
//! use stack::{Binaries, Stack, StackConfig};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let functions = Some(Binaries::of_this_test()?);
//! let stack = Stack::start(StackConfig { functions, ..StackConfig::default() }).await?;
//! let uploaded = stack.upload(&DistrictId::new("oak"), "night.zip".as_ref(), None).await?;
//! let run = stack.finished(&uploaded, |state| println!("{state:?}")).await?;
//! assert!(run.is_some_and(|run| run.state.is_final()));
//! # Ok(())
//! # }
//! ```

mod activity;
mod dynamo;
mod eventbridge;
mod functions;
mod gateway;
mod lambda;
mod records;
mod s3;
mod scheduler;
mod secrets;
mod stack;
mod upload;
mod webhook;

pub use dynamo::DynamoFaults;
pub use eventbridge::{BusFault, Notification};
pub use functions::{Binaries, BuildError, Profile, build_functions};
pub use gateway::{AUDIENCE, Api, ApiError, Claims, Issuer, IssuerError, Reply, Route, RouteError};
pub use lambda::{Answer, FailureRecord, FunctionConfig, Invocation};
pub use s3::Subscription;
pub use scheduler::DeadLetter;
pub use simulators::clock::Clock;
pub use stack::{
    API, CLASSLINK_KEY, CLASSLINK_SECRET, CLEVER_CLIENT, CLEVER_SECRET, Endpoints, IMPORT, INBOX,
    INTERNAL, PULL, RECONCILE, SCHEDULE_GROUP, Stack, StackConfig, StackError, TABLE, WEBHOOK,
    WEBHOOK_KEYS, WEBHOOK_SCHEDULE_GROUP,
};
pub use upload::{UploadError, Uploaded};
