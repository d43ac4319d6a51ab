//! Default quotas of an AWS account in us-east-1, from the documentation of November 2026. All can
//! be raised on request, except the limits of a partition and of a new table.

/// Lambda: concurrent executions of all functions of the account.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(crate) const CONCURRENCY: f64 = 1_000.0;

/// Lambda: additional execution environments of a function in ten seconds.
/// <https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html>
pub(crate) const ENVIRONMENTS: f64 = 1_000.0;

/// EventBridge Scheduler: invocations per second; fewer in smaller regions.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html>
pub(crate) const INVOCATIONS: f64 = 1_000.0;

/// EventBridge Scheduler (same page): CreateSchedule calls per second. Older copies of the page say
/// 1,000; smaller regions have 250.
pub(crate) const CREATE_SCHEDULE: f64 = 5_000.0;

/// EventBridge Scheduler (same page): schedules per account.
pub(crate) const SCHEDULES: f64 = 10_000_000.0;

/// EventBridge Scheduler ("Managing flexible time windows"): a schedule without a window fires
/// within this many seconds.
pub(crate) const MINUTE: f64 = 60.0;

/// DynamoDB: read units and write units per second of an on-demand table. An index has its own
/// quota; counting both together is conservative.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>
pub(crate) const TABLE_READS: f64 = 40_000.0;
/// See [`TABLE_READS`].
pub(crate) const TABLE_WRITES: f64 = 40_000.0;

/// DynamoDB: capacity of a new on-demand table. It scales up to twice its previous peak.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html>
pub(crate) const NEW_TABLE_READS: f64 = 12_000.0;
/// See [`NEW_TABLE_READS`].
pub(crate) const NEW_TABLE_WRITES: f64 = 4_000.0;

/// DynamoDB: write units per second of a partition. A district's records have 16 partition keys.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput-scenarios.html>
pub(crate) const DISTRICT_WRITES: f64 = 16.0 * 1_000.0;
/// DynamoDB: read units per second of a partition.
pub(crate) const DISTRICT_READS: f64 = 16.0 * 3_000.0;

/// S3: puts per second of a prefix that S3 has not split yet, such as a new bucket.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html>
pub(crate) const PUTS: f64 = 3_500.0;

/// Lambda: maximum duration of an invocation in seconds.
pub(crate) const LIFE: f64 = 900.0;

/// Clever: requests per minute and token. Every district has its own token.
/// <https://dev.clever.com/docs/error-messages>
pub(crate) const REQUESTS_OF_A_TOKEN: f64 = 1_200.0;
