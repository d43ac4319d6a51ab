//! The URLs of the services, and the clients and environment variables that use them.

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};

use super::names::{CREDENTIAL, INBOX, INTERNAL, OPERATOR_BUS, REGION, SCHEDULE_GROUP, TABLE};

/// The URL of each service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// DynamoDB.
    pub dynamodb: String,
    /// S3, with path-style addresses.
    pub s3: String,
    /// Lambda's Invoke call.
    pub lambda: String,
    /// EventBridge Scheduler.
    pub scheduler: String,
    /// Secrets Manager.
    pub secrets: String,
    /// EventBridge.
    pub events: String,
    /// The HTTP API of `roster-api`.
    pub api: String,
    /// The simulated Clever: Data API, Events API and token list.
    pub clever: String,
    /// The simulated OneRoster servers and ClassLink's proxy.
    pub oneroster: String,
    /// The function URL of `clever-webhook`, which receives webhook events.
    pub webhook: String,
}

impl Endpoints {
    /// The environment variables that every function gets.
    pub(super) fn function_variables(&self) -> Vec<(String, String)> {
        [
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", CREDENTIAL),
            ("AWS_SECRET_ACCESS_KEY", CREDENTIAL),
            ("AWS_ENDPOINT_URL_S3", &self.s3),
            ("AWS_ENDPOINT_URL_DYNAMODB", &self.dynamodb),
            ("AWS_ENDPOINT_URL_SCHEDULER", &self.scheduler),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &self.secrets),
            ("AWS_ENDPOINT_URL_EVENTBRIDGE", &self.events),
            ("INBOX_BUCKET", INBOX),
            ("INTERNAL_BUCKET", INTERNAL),
            ("TABLE", TABLE),
            ("OPERATOR_BUS", OPERATOR_BUS),
            ("SCHEDULE_GROUP", SCHEDULE_GROUP),
            ("SCHEDULE_ROLE_ARN", "arn:aws:iam::000000000000:role/rollbook-scheduler"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
    }

    /// The environment variables that the AWS CLI and the SDKs need to use the stack.
    pub(super) fn client_variables(&self) -> Vec<(String, String)> {
        let mut all = self.function_variables();
        all.retain(|(name, _)| name.starts_with("AWS_"));
        all.push(("AWS_DEFAULT_REGION".into(), REGION.into())); // read by version 1 of the CLI
        all.push(("AWS_ENDPOINT_URL_LAMBDA".into(), self.lambda.clone()));
        all
    }
}

/// SDK clients for the stack's services.
pub(super) struct Clients {
    pub(super) s3: aws_sdk_s3::Client,
    pub(super) dynamodb: aws_sdk_dynamodb::Client,
    pub(super) scheduler: aws_sdk_scheduler::Client,
}

impl Clients {
    pub(super) fn new(endpoints: &Endpoints) -> Self {
        let credentials = || Credentials::new(CREDENTIAL, CREDENTIAL, None, None, "local");
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials())
            .endpoint_url(&endpoints.s3)
            .force_path_style(true)
            .build();
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials())
            .endpoint_url(&endpoints.dynamodb)
            .build();
        let scheduler = aws_sdk_scheduler::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials())
            .endpoint_url(&endpoints.scheduler)
            .build();
        Self {
            s3: aws_sdk_s3::Client::from_conf(s3),
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            scheduler: aws_sdk_scheduler::Client::from_conf(scheduler),
        }
    }
}
