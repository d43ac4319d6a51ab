//! The configuration of a stack, and why one fails to start.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::dynamo::DynamoFaults;
use crate::functions::Binaries;
use crate::gateway::{Route, RouteError};

/// How a stack is set up. By default, it has no functions, and its data is removed when it stops.
#[derive(Clone, Debug)]
pub struct StackConfig {
    /// The data folder; it is created if missing. `None`: a temporary folder, and the table in
    /// memory.
    pub data: Option<PathBuf>,
    /// The binaries of the functions. `None`: no functions, so uploads start no run.
    pub functions: Option<Binaries>,
    /// Faults of the table. With [`DynamoFaults::none`] its calls are only counted.
    pub faults: Option<DynamoFaults>,
    /// Time limit of an invocation: 15 minutes in AWS.
    pub timeout: Duration,
    /// Maximum number of processes per function.
    pub concurrency: usize,
    /// Delay before the first retry of a failed event: one minute in AWS.
    pub retry_delay: Duration,
    /// The routes of the API. `None`: those in `template.yaml`.
    pub routes: Option<Vec<Route>>,
    /// How long the API waits for its function: 30 seconds in AWS.
    pub api_timeout: Duration,
    /// Additional environment variables for every function.
    pub environment: BTreeMap<String, String>,
}

impl Default for StackConfig {
    fn default() -> Self {
        Self {
            data: None,
            functions: None,
            faults: None,
            timeout: Duration::from_secs(900),
            concurrency: 2,
            retry_delay: Duration::from_secs(1),
            routes: None,
            api_timeout: Duration::from_secs(30),
            environment: BTreeMap::new(),
        }
    }
}

/// Why a stack failed to start, or a function could not be added.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The data folder is not usable.
    #[error("cannot use {}", folder.display())]
    Data {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Another process uses the data folder.
    #[error(
        "{} is in use by another process; wait until it has ended, or use another folder",
        .0.display()
    )]
    InUse(PathBuf),
    /// No port can be opened.
    #[error("cannot open a port on 127.0.0.1")]
    Listen(#[source] io::Error),
    /// The DynamoDB stand-in.
    #[error("the local DynamoDB does not start: {0}")]
    Dynamo(String),
    /// The S3 stand-in.
    #[error("the local S3 does not start")]
    S3(#[source] io::Error),
    /// The Clever simulator, or the Secrets Manager stand-in.
    #[error("the simulated Clever or the local Secrets Manager does not start")]
    Clever(#[source] io::Error),
    /// The EventBridge stand-in.
    #[error("the local EventBridge does not start")]
    Bus(#[source] io::Error),
    /// The EventBridge Scheduler stand-in.
    #[error("the local scheduler does not start")]
    Scheduler(#[source] io::Error),
    /// The routes of the API cannot be read from the template.
    #[error("cannot read the routes of the API")]
    Routes(#[from] RouteError),
    /// The API Gateway stand-in.
    #[error("the local API does not start")]
    Api(#[source] io::Error),
    /// A function's folders cannot be created or read.
    #[error("cannot set up the function {name}")]
    Function {
        /// The function's name.
        name: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
}
