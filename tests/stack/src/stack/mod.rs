//! The running system: [`Stack`] starts the services, adds the functions and gives access to both.

mod config;
mod endpoints;
mod names;
mod probe;
mod start;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mirror::dynamo::DynamoTable;
use mirror::ops::requests::{self, Decide, Request};
use mirror::s3::S3Bucket;
use mirror::{MirrorError, keys};
use roster::id::{DistrictId, RunId};
use roster::run::Decided;
use simulators::clever::CleverSimulator;
use simulators::listen::Listening;
use simulators::oneroster::OneRosterSimulator;

use crate::activity::Activity;
use crate::dynamo::Dynamo;
use crate::eventbridge::Bus;
use crate::gateway::{Api, Claims, FunctionUrl, Gateway, Issuer, IssuerError};
use crate::lambda::Lambda;
use crate::scheduler::Running;
use crate::secrets;
pub use config::{StackConfig, StackError};
use endpoints::Clients;
pub use endpoints::Endpoints;
pub use names::{
    API, CLASSLINK_KEY, CLASSLINK_SECRET, CLEVER_CLIENT, CLEVER_SECRET, IMPORT, INBOX, INTERNAL,
    PULL, RECONCILE, SCHEDULE_GROUP, TABLE, WEBHOOK, WEBHOOK_KEYS, WEBHOOK_SCHEDULE_GROUP,
};

/// The running system. Dropping it stops the services and all child processes.
pub struct Stack {
    endpoints: Endpoints,
    data: PathBuf,
    lambda: Arc<Lambda>,
    activity: Activity,
    config: StackConfig,
    clients: Clients,
    scheduler: Running,
    gateway: Gateway,
    dynamo: Dynamo,
    clever: CleverSimulator,
    oneroster: OneRosterSimulator,
    _webhook: FunctionUrl,
    secrets: secrets::Store,
    bus: Bus,
    _servers: [Listening; 4],
    _lock: File,
    _temporary: Option<tempfile::TempDir>,
}

impl Stack {
    /// The URLs of the services.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The data folder. `s3/objects/<bucket>/<key>` in it are plain files.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The path of an object's file.
    pub fn object_file(&self, bucket: &str, key: &str) -> PathBuf {
        self.data.join("s3/objects").join(bucket).join(key)
    }

    /// The table, through the same adapter that the functions use.
    pub fn table(&self) -> DynamoTable {
        DynamoTable::new(self.clients.dynamodb.clone(), TABLE)
    }

    /// A bucket ([`INBOX`] or [`INTERNAL`]), through the same adapter that the functions use.
    pub fn bucket(&self, name: &str) -> S3Bucket {
        S3Bucket::new(self.clients.s3.clone(), name)
    }

    /// Stores a decision about a held run, as the API does. Its event starts reconcile. `plan`: the
    /// hash of the plan that was shown.
    pub async fn decide(
        &self,
        district: &DistrictId,
        (run, plan): (&RunId, &str),
        decided: Decided,
    ) -> Result<(), MirrorError> {
        let id = keys::ulid(Timestamp::now(), fastrand::u128(..));
        let request = Request::Decide(Decide { run: run.clone(), plan: plan.to_owned(), decided });
        requests::put(&self.bucket(INTERNAL), district, &id, &request).await
    }

    /// An SDK client for S3.
    pub fn s3(&self) -> &aws_sdk_s3::Client {
        &self.clients.s3
    }

    /// An SDK client for DynamoDB.
    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        &self.clients.dynamodb
    }

    /// An SDK client for EventBridge Scheduler.
    pub fn scheduler(&self) -> &aws_sdk_scheduler::Client {
        &self.clients.scheduler
    }

    /// The issuer that signs the tokens of the API.
    pub fn issuer(&self) -> &Issuer {
        self.gateway.issuer()
    }

    /// A client for the API that sends a token with these claims. The token is valid for an hour.
    pub fn api(&self, claims: &Claims) -> Result<Api, IssuerError> {
        let token = self.issuer().token(claims, Duration::from_secs(3600))?;
        Ok(Api::new(&self.endpoints.api, Some(token)))
    }

    /// The simulated Clever. It shares the scheduler's clock.
    pub fn clever(&self) -> &CleverSimulator {
        &self.clever
    }

    /// The simulated OneRoster servers and ClassLink's proxy.
    pub fn oneroster(&self) -> &OneRosterSimulator {
        &self.oneroster
    }

    /// Creates a secret, or replaces its text.
    pub fn put_secret(&self, name: &str, text: &str) {
        self.secrets.put(name, text);
    }

    /// The environment variables that the AWS CLI and the SDKs need to use the stack.
    pub fn client_environment(&self) -> Vec<(String, String)> {
        self.endpoints.client_variables()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.lambda.stop();
    }
}
