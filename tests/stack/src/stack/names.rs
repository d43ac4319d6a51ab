//! Names of the resources that the stack creates. They match `template.yaml` where it names them.

/// The region in every ARN and in the functions' environment.
pub(super) const REGION: &str = "us-east-1";
/// The account id in every ARN.
pub(super) const ACCOUNT: &str = "000000000000";
/// The access key id and the secret access key of every client.
pub(super) const CREDENTIAL: &str = "rollbook";
/// The EventBridge bus that receives the notifications for operators.
pub(super) const OPERATOR_BUS: &str = "rollbook-operators";

/// The bucket for uploads.
pub const INBOX: &str = "rollbook-inbox";
/// The bucket for snapshots, plans and reports.
pub const INTERNAL: &str = "rollbook-internal";
/// The DynamoDB table.
pub const TABLE: &str = "rollbook";
/// The schedule group for one-time schedules that continue a run in another invocation.
pub const SCHEDULE_GROUP: &str = "rollbook-continuations";
/// The schedule group for discovery polls that a webhook event triggers.
pub const WEBHOOK_SCHEDULE_GROUP: &str = "rollbook-notices";

/// The function that turns an upload into a snapshot.
pub const IMPORT: &str = "oneroster-import";
/// The function that plans a snapshot's changes and applies them to the mirror.
pub const RECONCILE: &str = "reconcile";
/// The function that serves the API.
pub const API: &str = "roster-api";
/// The function that receives webhook events about shared districts.
pub const WEBHOOK: &str = "clever-webhook";
/// The function that pulls districts from their sources' servers.
pub const PULL: &str = "nightly-pull";

/// The secret that holds the signing keys of webhook events.
pub const WEBHOOK_KEYS: &str = "rollbook-notice-keys";
/// The secret that holds the credentials for the simulated Clever:
/// `{"client_id": …, "client_secret": …}`.
pub const CLEVER_SECRET: &str = "rollbook-clever";
/// The secret that holds the partner key for the simulated ClassLink: `{"api_key": …}`.
pub const CLASSLINK_SECRET: &str = "rollbook-classlink";
/// The partner key that the simulated ClassLink accepts.
pub const CLASSLINK_KEY: &str = "an-invented-partner-key";
/// The client id and client secret that the simulated Clever accepts.
pub const CLEVER_CLIENT: (&str, &str) = ("rollbook", "an-invented-client-secret");
