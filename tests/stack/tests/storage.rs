//! The S3, DynamoDB and Scheduler stand-ins, through the SDK's clients.

#![expect(clippy::unwrap_used, reason = "in a test, an unexpected error is a failure")]

mod probe;

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, Target,
};
use jiff::Timestamp;
use probe::probe;
use serde_json::Value;
use stack::{
    DynamoFaults, IMPORT, INBOX, INTERNAL, RECONCILE, SCHEDULE_GROUP, Stack, StackConfig, TABLE,
};

/// A stack whose functions return their events.
async fn stack() -> Stack {
    let stack = Stack::start(StackConfig::default()).await.unwrap();
    for function in [IMPORT, RECONCILE] {
        stack.add_function(stack.function(function, probe())).unwrap();
    }
    stack
}

/// The notifications that a function has received, in no particular order.
async fn notified(stack: &Stack, function: &str) -> Vec<Value> {
    stack.settled().await;
    stack
        .invocations(function)
        .into_iter()
        .map(|one| one.payload["echo"]["Records"][0].clone())
        .collect()
}

async fn put(stack: &Stack, bucket: &str, key: &str, body: &'static [u8]) -> String {
    let put = stack
        .s3()
        .put_object()
        .bucket(bucket)
        .key(key)
        .body(ByteStream::from_static(body))
        .send()
        .await
        .unwrap();
    put.version_id.unwrap()
}

async fn get(stack: &Stack, key: &str, version: Option<&str>) -> Result<Vec<u8>, String> {
    let got = stack
        .s3()
        .get_object()
        .bucket(INBOX)
        .key(key)
        .set_version_id(version.map(str::to_owned))
        .send()
        .await;
    match got {
        Ok(got) => Ok(got.body.collect().await.unwrap().to_vec()),
        Err(error) => {
            Err(aws_sdk_s3::error::ProvideErrorMetadata::code(&error.into_service_error())
                .unwrap_or("?")
                .to_owned())
        }
    }
}

#[tokio::test]
async fn a_put_sends_an_s3_notification_to_the_function() {
    let stack = stack().await;
    let before = Timestamp::now();
    let version = put(&stack, INBOX, "uploads/spruce/fall set+é.zip", b"five!").await;
    let [record] = &notified(&stack, IMPORT).await[..] else { panic!("one notification") };
    assert_eq!(record["eventName"], "ObjectCreated:Put");
    assert_eq!(record["s3"]["bucket"]["name"], INBOX);
    let object = &record["s3"]["object"];
    assert_eq!(object["key"], "uploads/spruce/fall+set%2B%C3%A9.zip");
    assert_eq!(object["size"], 5);
    assert_eq!(object["versionId"], version);
    assert_eq!(object["eTag"], "ec550badc26b54eabf2ed55051f7392d");
    assert!(object["sequencer"].as_str().unwrap().len() >= 16);
    let at: Timestamp = record["eventTime"].as_str().unwrap().parse().unwrap();
    assert!(at.as_millisecond() >= before.as_millisecond() && at <= Timestamp::now());
}

#[tokio::test]
async fn only_keys_that_match_the_templates_filters_are_notified() {
    let stack = stack().await;
    for key in [
        "uploads/oak/a.zip",
        "uploads/oak/B.ZIP",
        "uploads/oak/set/manifest.csv",
        "uploads/oak/set/users.csv",
        "other/a.zip",
    ] {
        put(&stack, INBOX, key, b"x").await;
    }
    for key in [
        "snapshots/oak/01/manifest.json",
        "snapshots/oak/01/student.ndjson.zst",
        "requests/oak/02.json",
        "requests/oak/02.txt",
        "uploads/a.zip",
    ] {
        put(&stack, INTERNAL, key, b"x").await;
    }
    for (function, expected) in [
        (IMPORT, &["uploads/oak/B.ZIP", "uploads/oak/a.zip", "uploads/oak/set/manifest.csv"][..]),
        (RECONCILE, &["requests/oak/02.json", "snapshots/oak/01/manifest.json"][..]),
    ] {
        let mut keys: Vec<String> = notified(&stack, function)
            .await
            .iter()
            .map(|one| one["s3"]["object"]["key"].as_str().unwrap().into())
            .collect();
        keys.sort();
        assert_eq!(keys, expected);
    }
}

/// The stack's filters must equal the template's. Otherwise something works in tests and fails in
/// AWS.
#[test]
fn the_notification_filters_match_the_template() {
    let template =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml"))
            .unwrap();
    let mut filters: Vec<&str> =
        template.lines().filter_map(|line| line.trim().strip_prefix("Filter: ")).collect();
    filters.sort_unstable();
    assert_eq!(
        filters,
        [
            "{ S3Key: { Rules: [{ Name: prefix, Value: requests/ }, { Name: suffix, Value: .json }] } }",
            "{ S3Key: { Rules: [{ Name: prefix, Value: snapshots/ }, { Name: suffix, Value: manifest.json }] } }",
            "{ S3Key: { Rules: [{ Name: prefix, Value: uploads/ }, { Name: suffix, Value: .ZIP }] } }",
            "{ S3Key: { Rules: [{ Name: prefix, Value: uploads/ }, { Name: suffix, Value: .zip }] } }",
            "{ S3Key: { Rules: [{ Name: prefix, Value: uploads/ }, { Name: suffix, Value: manifest.csv }] } }",
        ]
    );
}

#[tokio::test]
async fn copies_and_multipart_uploads_notify_and_keep_their_attributes() {
    let stack = stack().await;
    let s3 = stack.s3();
    let body = ByteStream::from_static(b"night");
    s3.put_object()
        .bucket(INBOX)
        .key("incoming/a.zip")
        .metadata("as-of", "2026-10-15")
        .body(body)
        .send()
        .await
        .unwrap();
    s3.copy_object()
        .copy_source(format!("{INBOX}/incoming/a.zip"))
        .bucket(INBOX)
        .key("uploads/oak/a.zip")
        .send()
        .await
        .unwrap();

    let begun = s3
        .create_multipart_upload()
        .bucket(INBOX)
        .key("uploads/oak/b.zip")
        .metadata("as-of", "2026-10-16")
        .send()
        .await
        .unwrap();
    let id = begun.upload_id().unwrap();
    let sizes = [5 * 1024 * 1024, 3];
    let mut parts = Vec::new();
    for (number, size) in (1..).zip(sizes) {
        let part = s3
            .upload_part()
            .bucket(INBOX)
            .key("uploads/oak/b.zip")
            .upload_id(id)
            .part_number(number);
        let sent = part.body(ByteStream::from(vec![number as u8; size])).send().await.unwrap();
        parts.push(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build());
    }
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let done = s3
        .complete_multipart_upload()
        .bucket(INBOX)
        .key("uploads/oak/b.zip")
        .upload_id(id)
        .multipart_upload(parts);
    let version = done.send().await.unwrap().version_id.unwrap();

    let mut keys: Vec<(String, u64)> = notified(&stack, IMPORT)
        .await
        .iter()
        .map(|one| {
            (
                one["eventName"].as_str().unwrap().to_owned(),
                one["s3"]["object"]["size"].as_u64().unwrap(),
            )
        })
        .collect();
    keys.sort();
    assert_eq!(
        keys,
        [
            ("ObjectCreated:CompleteMultipartUpload".to_owned(), 5_242_883),
            ("ObjectCreated:Copy".to_owned(), 5)
        ]
    );
    for (key, day) in [("uploads/oak/a.zip", "2026-10-15"), ("uploads/oak/b.zip", "2026-10-16")] {
        let head = s3.head_object().bucket(INBOX).key(key).send().await.unwrap();
        assert_eq!(head.metadata().unwrap()["as-of"], day);
    }
    let tail = s3
        .get_object()
        .bucket(INBOX)
        .key("uploads/oak/b.zip")
        .version_id(version)
        .range("bytes=5242879-5242881");
    let tail = tail.send().await.unwrap();
    assert_eq!(tail.content_range(), Some("bytes 5242879-5242881/5242883"));
    assert_eq!(tail.body.collect().await.unwrap().to_vec(), [1, 2, 2]);
}

#[tokio::test]
async fn every_version_can_be_read_and_the_newest_is_current() {
    let folder = tempfile::tempdir().unwrap();
    let config = StackConfig { data: Some(folder.path().to_owned()), ..Default::default() };
    let stack = Stack::start(config.clone()).await.unwrap();
    let first = put(&stack, INBOX, "uploads/oak/a.zip", b"one").await;
    let second = put(&stack, INBOX, "uploads/oak/a.zip", b"two, and longer").await;
    assert!(first < second);
    assert_eq!(get(&stack, "uploads/oak/a.zip", None).await.unwrap(), b"two, and longer");
    assert_eq!(get(&stack, "uploads/oak/a.zip", Some(&first)).await.unwrap(), b"one");
    assert_eq!(
        std::fs::read(stack.object_file(INBOX, "uploads/oak/a.zip")).unwrap(),
        b"two, and longer"
    );

    stack.s3().delete_object().bucket(INBOX).key("uploads/oak/a.zip").send().await.unwrap();
    assert_eq!(get(&stack, "uploads/oak/a.zip", None).await.unwrap_err(), "NoSuchKey");
    assert_eq!(get(&stack, "uploads/oak/a.zip", Some(&first)).await.unwrap(), b"one");
    assert_eq!(get(&stack, "uploads/oak/a.zip", Some("0000")).await.unwrap_err(), "NoSuchVersion");
    drop(stack);

    let stack = restarted(config).await;
    assert_eq!(get(&stack, "uploads/oak/a.zip", Some(&second)).await.unwrap(), b"two, and longer");
    assert!(put(&stack, INBOX, "uploads/oak/a.zip", b"three").await > second);
}

/// Starts a stack on the folder of a dropped one, whose lock is released a moment later.
async fn restarted(config: StackConfig) -> Stack {
    for _ in 0..500 {
        if let Ok(stack) = Stack::start(config.clone()).await {
            return stack;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Stack::start(config).await.unwrap()
}

#[tokio::test]
async fn only_one_stack_can_use_a_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let config = StackConfig { data: Some(folder.path().to_owned()), ..Default::default() };
    let _first = Stack::start(config.clone()).await.unwrap();
    let second = Stack::start(config).await.err().unwrap().to_string();
    assert!(second.contains("in use by another process"), "{second}");
}

#[tokio::test]
async fn conditions_hold_for_readers_and_racing_writers() {
    let stack = stack().await;
    let s3 = stack.s3();
    put(&stack, INBOX, "uploads/oak/a.csv", b"one").await;
    let tag = s3
        .head_object()
        .bucket(INBOX)
        .key("uploads/oak/a.csv")
        .send()
        .await
        .unwrap()
        .e_tag
        .unwrap();
    put(&stack, INBOX, "uploads/oak/a.csv", b"two").await;
    let stale = s3
        .get_object()
        .bucket(INBOX)
        .key("uploads/oak/a.csv")
        .if_match(tag)
        .range("bytes=0-0")
        .send()
        .await;
    assert_eq!(stale.unwrap_err().raw_response().unwrap().status().as_u16(), 412);

    let writers = (0..20).map(|n| {
        let put = s3
            .put_object()
            .bucket(INBOX)
            .key("uploads/oak/once")
            .if_none_match("*")
            .body(ByteStream::from(vec![n]));
        tokio::spawn(put.send())
    });
    let mut winners = 0;
    for writer in writers.collect::<Vec<_>>() {
        winners += u32::from(writer.await.unwrap().is_ok());
    }
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn one_time_schedules_fire_once_and_are_deleted() {
    let stack = stack().await;
    let scheduler = stack.scheduler();
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().unwrap();
    let at = stack.clock().now() + jiff::SignedDuration::from_mins(30);
    let create = || {
        let target = Target::builder()
            .arn(format!("arn:aws:lambda:us-east-1:000000000000:function:{RECONCILE}"));
        let target = target
            .role_arn("arn:aws:iam::000000000000:role/scheduler")
            .input(r#"{"resume":"<aws.scheduler.attempt-number>"}"#);
        let expression = format!("at({})", at.strftime("%Y-%m-%dT%H:%M:%S"));
        let create = scheduler
            .create_schedule()
            .name("resume-1")
            .group_name(SCHEDULE_GROUP)
            .schedule_expression(expression);
        let create = create.flexible_time_window(window.clone()).target(target.build().unwrap());
        create.action_after_completion(ActionAfterCompletion::Delete).send()
    };
    create().await.unwrap();
    assert!(create().await.unwrap_err().into_service_error().is_conflict_exception());
    let read =
        scheduler.get_schedule().name("resume-1").group_name(SCHEDULE_GROUP).send().await.unwrap();
    assert!(read.schedule_expression().unwrap().starts_with("at("));
    assert_eq!(
        scheduler
            .list_schedules()
            .group_name(SCHEDULE_GROUP)
            .send()
            .await
            .unwrap()
            .schedules()
            .len(),
        1
    );

    stack.clock().advance(Duration::from_secs(29 * 60));
    stack.settled().await;
    assert!(stack.invocations(RECONCILE).is_empty());
    stack.clock().advance(Duration::from_secs(60));
    stack.settled().await;
    let [fired] = &stack.invocations(RECONCILE)[..] else { panic!("one invocation") };
    assert_eq!(fired.payload["echo"]["resume"], "1");
    let error = scheduler
        .get_schedule()
        .name("resume-1")
        .group_name(SCHEDULE_GROUP)
        .send()
        .await
        .unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
    // The name is free again. A time in the past is due immediately.
    create().await.unwrap();
    stack.settled().await;
    assert_eq!(stack.invocations(RECONCILE).len(), 2);
    assert_eq!(stack.next_schedule(), None);
}

#[tokio::test]
async fn sixty_nights_run_in_seconds_each_finished_before_the_next() {
    let stack = stack().await;
    let window = FlexibleTimeWindow::builder()
        .mode(FlexibleTimeWindowMode::Flexible)
        .maximum_window_in_minutes(15)
        .build()
        .unwrap();
    let zones = ["America/New_York", "America/Phoenix", "Pacific/Honolulu", "Australia/Lord_Howe"];
    for zone in zones {
        let target = Target::builder()
            .role_arn("arn:aws:iam::000000000000:role/scheduler")
            .input(format!("{{\"zone\": \"{zone}\"}}"));
        let target = target
            .arn(format!("arn:aws:lambda:us-east-1:000000000000:function:{RECONCILE}"))
            .build()
            .unwrap();
        let create = stack
            .scheduler()
            .create_schedule()
            .name(zone.replace('/', "-"))
            .flexible_time_window(window.clone());
        let create =
            create.schedule_expression("cron(15 4 * * ? *)").schedule_expression_timezone(zone);
        create.target(target).send().await.unwrap();
    }
    let begun = stack.clock().now();
    stack.run_until(begun + jiff::SignedDuration::from_hours(60 * 24)).await;
    let fired = stack.invocations(RECONCILE);
    for zone in zones {
        let nights = fired.iter().filter(|one| one.payload["echo"]["zone"] == zone).count();
        assert!((59..=61).contains(&nights), "{zone}: {nights}");
    }
    assert!(stack.failures(RECONCILE).is_empty() && stack.dead_letters().is_empty());
    assert!(stack.clock().now() >= begun + jiff::SignedDuration::from_hours(60 * 24));
}

#[tokio::test]
async fn faults_of_the_table_repeat_with_the_same_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let faults = DynamoFaults { seed: 7, unprocessed: 0.5, throttled: 0.2 };
        let stack =
            Stack::start(StackConfig { faults: Some(faults), ..Default::default() }).await.unwrap();
        let config = stack
            .dynamodb()
            .config()
            .to_builder()
            .retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled());
        let dynamodb = aws_sdk_dynamodb::Client::from_conf(config.build());
        let (mut undone, mut refused) = (Vec::new(), 0);
        for batch in 0..20 {
            let writes = (0..25).map(|n| {
                let key = |text: String| AttributeValue::S(text);
                let item = PutRequest::builder()
                    .item("PK", key(format!("p{batch}")))
                    .item("SK", key(format!("s{n}")));
                WriteRequest::builder().put_request(item.build().unwrap()).build()
            });
            match dynamodb.batch_write_item().request_items(TABLE, writes.collect()).send().await {
                Ok(done) => undone.push(
                    done.unprocessed_items().and_then(|all| all.get(TABLE)).map_or(0, Vec::len),
                ),
                Err(error) => {
                    assert!(
                        error.into_service_error().is_provisioned_throughput_exceeded_exception()
                    );
                    refused += 1;
                }
            }
        }
        let there = loop {
            if let Ok(all) = dynamodb.scan().table_name(TABLE).send().await {
                break all.count() as usize;
            }
        };
        assert_eq!(
            there + undone.iter().sum::<usize>() + 25 * refused,
            500,
            "items that are not unprocessed are written"
        );
        assert!(refused > 0 && undone.iter().any(|left| *left > 0) && undone.contains(&0));
        runs.push((undone, refused));
    }
    assert_eq!(runs[0], runs[1]);
}
