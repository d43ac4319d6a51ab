//! Clients of the real services, made once at the start of a process.

use aws_config::{BehaviorVersion, SdkConfig};

use crate::dynamo::DynamoTable;
use crate::operators::EventBus;
use crate::s3::S3Bucket;
use crate::scheduler::ScheduleGroup;
use crate::secrets::ManagedSecrets;

/// Reads region, credentials and endpoints from the environment.
///
/// Endpoints come from the SDK's own `AWS_ENDPOINT_URL_*` variables, so the functions know no "local mode".
#[derive(Clone, Debug)]
pub struct Connections {
    sdk: SdkConfig,
    path_style: bool,
}

impl Connections {
    /// `path_style`: buckets as the first part of the path and not as the host's name, which is what an endpoint of one's own
    /// (`AWS_ENDPOINT_URL_S3`) needs; the SDK has no variable for it.
    pub async fn from_env(path_style: bool) -> Self {
        Self { sdk: aws_config::load_defaults(BehaviorVersion::latest()).await, path_style }
    }

    /// From a configuration of one's own.
    pub fn new(sdk: SdkConfig, path_style: bool) -> Self {
        Self { sdk, path_style }
    }

    /// The table of this name.
    pub fn table(&self, name: &str) -> DynamoTable {
        DynamoTable::new(aws_sdk_dynamodb::Client::new(&self.sdk), name)
    }

    /// The buckets of these names, over one client.
    pub fn buckets<const N: usize>(&self, names: [&str; N]) -> [S3Bucket; N] {
        let config = aws_sdk_s3::config::Builder::from(&self.sdk).force_path_style(self.path_style).build();
        let client = aws_sdk_s3::Client::from_conf(config);
        names.map(|name| S3Bucket::new(client.clone(), name))
    }

    /// Schedules in a group, allowed by a role to invoke a function.
    pub fn schedules(&self, group: &str, role_arn: &str) -> ScheduleGroup {
        ScheduleGroup::new(aws_sdk_scheduler::Client::new(&self.sdk), group, role_arn)
    }

    /// The bus of this name, on which operators are told. A try that fails is not made again by the client: whoever tells says how often.
    pub fn operators(&self, bus: &str) -> EventBus {
        let once = aws_sdk_eventbridge::config::retry::RetryConfig::disabled();
        let config = aws_sdk_eventbridge::config::Builder::from(&self.sdk).retry_config(once).build();
        EventBus::new(aws_sdk_eventbridge::Client::from_conf(config), bus)
    }

    /// Secrets, each read anew whenever it is asked for: a function puts [`crate::secrets::Kept`] around them.
    pub fn secrets(&self) -> ManagedSecrets {
        ManagedSecrets::new(aws_sdk_secretsmanager::Client::new(&self.sdk))
    }
}
