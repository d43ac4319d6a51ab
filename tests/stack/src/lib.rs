//! The whole of Rollbook on one machine: every service that it uses in AWS, in this process and on
//! 127.0.0.1, around the real function binaries.
//!
//! [`Stack`] is what tests and the command line `rollbook` share. Function code knows nothing
//! of it: the SDK's own `AWS_ENDPOINT_URL_*` variables lead here. What is real and what stands in
//! for it:
//!
//! | in AWS | here |
//! | --- | --- |
//! | DynamoDB | dynoxide, in a file or in memory, with faults on demand ([`DynamoFaults`]) |
//! | S3, versions, event notifications | s3s and s3s-fs on a folder, wrapped |
//! | Lambda, asynchronous queue, retries, failure destination, time-outs | child processes behind a Runtime API |
//! | EventBridge Scheduler | the calls that are used, with time zones, retries and failure queues, and a clock that tests can move ([`Clock`]) |
//! | EventBridge | the call that puts an event on the bus of the operators, and what it was given ([`Told`]) |
//! | Secrets Manager | the calls that are used, over secrets in memory |
//! | Clever | a simulator with districts of this workspace, its quirks, and faults on demand ([`clever`]) |
//! | a function URL | a server before `clever-webhook` |
//! | API Gateway's HTTP API, and an identity provider | a server before `roster-api`, and an issuer of tokens ([`Issuer`]) |
//!
//! What is missing is missing on purpose: IAM, encryption, throttling (unless asked for), life
//! cycles, metrics and alarms. The template is tested against those elsewhere.

mod activity;
mod dynamo;
mod functions;
mod gateway;
mod lambda;
mod notices;
mod operators;
mod records;
mod s3;
mod scheduler;
mod secrets;
mod stack;
mod upload;

pub use dynamo::DynamoFaults;
pub use functions::{Binaries, BuildError, Profile, build_functions};
pub use gateway::{AUDIENCE, Api, ApiError, Claims, Issuer, IssuerError, Reply, Route, RouteError};
pub use lambda::{Answer, FailureRecord, FunctionConfig, Invocation};
pub use operators::{BusMood, Told};
pub use s3::Subscription;
pub use scheduler::DeadLetter;
pub use simulators::clock::Clock;
pub use stack::{
    API, CLASSLINK_KEY, CLASSLINK_SECRET, CLEVER_CLIENT, CLEVER_SECRET, Endpoints, IMPORT, INBOX,
    INTERNAL, NOTICE_GROUP, NOTICE_KEYS, PULL, RECONCILE, SCHEDULE_GROUP, Stack, StackConfig,
    StackError, TABLE, WEBHOOK,
};
pub use upload::{UploadError, Uploaded};
