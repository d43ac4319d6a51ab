//! Clients of the real services, created once at the start of a process.

use std::fmt;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_types::SdkConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::dynamo::DynamoTable;
use crate::eventbridge::EventBus;
use crate::s3::S3Bucket;
use crate::scheduler::ScheduleGroup;
use crate::secrets_manager::ManagedSecrets;

/// Region, credentials and endpoints, as Lambda passes them.
///
/// Endpoints come from the SDK's own `AWS_ENDPOINT_URL_*` variables, so function code has no "local
/// mode". Credentials come only from the environment: the SDK's other providers (profiles, roles,
/// instance metadata) are not even linked.
#[derive(Clone, Debug)]
pub struct Connections {
    sdk: SdkConfig,
    path_style: bool,
}

impl Connections {
    /// `path_style`: puts the bucket into the path instead of the host name, which custom endpoints
    /// (`AWS_ENDPOINT_URL_S3`) need. The SDK has no variable for it.
    pub fn from_lookup(
        get: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
        path_style: bool,
    ) -> Self {
        let keys = get("AWS_ACCESS_KEY_ID").zip(get("AWS_SECRET_ACCESS_KEY"));
        // They are valid for the life of the process: Lambda starts a new process for new
        // credentials.
        let credentials = keys.map(|(id, secret)| {
            Credentials::new(id, secret, get("AWS_SESSION_TOKEN"), None, "environment")
        });
        let mut sdk = SdkConfig::builder().behavior_version(BehaviorVersion::latest());
        sdk.set_region(get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION")).map(Region::new));
        sdk.set_credentials_provider(credentials.map(SharedCredentialsProvider::new));
        Self { sdk: sdk.service_config(Endpoints(get)).build(), path_style }
    }

    /// The table of this name.
    pub fn table(&self, name: &str) -> DynamoTable {
        DynamoTable::new(aws_sdk_dynamodb::Client::new(&self.sdk), name)
    }

    /// The buckets of these names, over one client.
    pub fn buckets<const N: usize>(&self, names: [&str; N]) -> [S3Bucket; N] {
        let config =
            aws_sdk_s3::config::Builder::from(&self.sdk).force_path_style(self.path_style).build();
        let client = aws_sdk_s3::Client::from_conf(config);
        names.map(|name| S3Bucket::new(client.clone(), name))
    }

    /// Returns the schedules of a group. The role must be allowed to invoke the function.
    pub fn schedules(&self, group: &str, role_arn: &str) -> ScheduleGroup {
        ScheduleGroup::new(aws_sdk_scheduler::Client::new(&self.sdk), group, role_arn)
    }

    /// Returns the bus of this name, for notifications to operators. The client does not retry:
    /// [`crate::eventbridge::Notifications`] decides how often an event is sent.
    pub fn operators(&self, bus: &str) -> EventBus {
        let once = aws_sdk_eventbridge::config::retry::RetryConfig::disabled();
        let config =
            aws_sdk_eventbridge::config::Builder::from(&self.sdk).retry_config(once).build();
        EventBus::new(aws_sdk_eventbridge::Client::from_conf(config), bus)
    }

    /// Returns a client that reads a secret at every call. Functions wrap it in a
    /// [`crate::ports::secrets::SecretCache`].
    pub fn secrets(&self) -> ManagedSecrets {
        ManagedSecrets::new(aws_sdk_secretsmanager::Client::new(&self.sdk))
    }
}

/// A custom endpoint: of one service (`AWS_ENDPOINT_URL_S3`) or of all (`AWS_ENDPOINT_URL`).
struct Endpoints<G>(G);

impl<G> fmt::Debug for Endpoints<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoints")
    }
}

impl<G: Fn(&str) -> Option<String> + Send + Sync> LoadServiceConfig for Endpoints<G> {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().replace(' ', "_").to_ascii_uppercase();
        let own = (self.0)(&format!("{}_{service}", key.env()));
        own.or_else(|| (self.0)(key.env())).filter(|value| !value.is_empty())
    }
}
