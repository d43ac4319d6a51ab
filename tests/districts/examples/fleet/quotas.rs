//! What AWS gives an account in us-east-1 before anybody asks for more, as its documentation had it
//! in November 2026. All but the limits of a partition and of a new table can be raised on request.

/// Lambda: executions at the same time, of all functions of the account.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(crate) const CONCURRENCY: f64 = 1_000.0;

/// Lambda: further execution environments of a function in ten seconds.
/// <https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html>
pub(crate) const ENVIRONMENTS: f64 = 1_000.0;

/// EventBridge Scheduler: invocations a second; in smaller regions less.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html>
pub(crate) const INVOCATIONS: f64 = 1_000.0;

/// The same page: calls of CreateSchedule a second. Older copies of it say 1,000; smaller regions
/// have 250.
pub(crate) const CREATE_SCHEDULE: f64 = 5_000.0;

/// The same page: schedules of an account.
pub(crate) const SCHEDULES: f64 = 10_000_000.0;

/// The same guide, "Managing flexible time windows": a schedule without one is invoked within the
/// minute of its time, in seconds.
pub(crate) const MINUTE: f64 = 60.0;

/// DynamoDB: read units and write units a second of one table on demand. An index has as many of
/// its own; here they are counted together, to be on the safe side.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>
pub(crate) const TABLE_READS: f64 = 40_000.0;
/// See [`TABLE_READS`].
pub(crate) const TABLE_WRITES: f64 = 40_000.0;

/// DynamoDB: what a table on demand takes that nobody has warmed; it grows to twice of what it has
/// had.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html>
pub(crate) const NEW_TABLE_READS: f64 = 12_000.0;
/// See [`NEW_TABLE_READS`].
pub(crate) const NEW_TABLE_WRITES: f64 = 4_000.0;

/// DynamoDB: write units a second of one partition. A district's records have 16 partition keys.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput-scenarios.html>
pub(crate) const DISTRICT_WRITES: f64 = 16.0 * 1_000.0;
/// The same of read units.
pub(crate) const DISTRICT_READS: f64 = 16.0 * 3_000.0;

/// S3: puts a second of one prefix that S3 has not split yet: a new bucket's all.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html>
pub(crate) const PUTS: f64 = 3_500.0;

/// A Lambda lives no longer, in seconds.
pub(crate) const LIFE: f64 = 900.0;

/// Clever: requests a minute with one token, and every district has a token of its own.
/// <https://dev.clever.com/docs/error-messages>
pub(crate) const REQUESTS_OF_A_TOKEN: f64 = 1_200.0;
