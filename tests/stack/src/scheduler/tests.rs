//! The scheduler through the SDK's client: a year of nights, flexible windows, retries, and invalid
//! requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_scheduler::error::ProvideErrorMetadata;
use aws_sdk_scheduler::operation::create_schedule::builders::CreateScheduleFluentBuilder;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode,
    RetryPolicy, ScheduleState, Target,
};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use mirror::ports::pull_schedules::{NightlySchedule, NightlySchedules};
use mirror::scheduler::ScheduleGroup;
use serde_json::{Value, json};

use super::{Deliver, Running, Scheduler};

const PULL: &str = "arn:aws:lambda:us-east-1:000000000000:function:pull";
const NOWHERE: &str = "arn:aws:lambda:us-east-1:000000000000:function:nowhere";
const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:failures";
const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

struct World {
    running: Running,
    client: Client,
    fired: Arc<Mutex<Vec<Value>>>,
    folder: tempfile::TempDir,
}

async fn world() -> World {
    in_folder(tempfile::tempdir().unwrap()).await
}

async fn in_folder(folder: tempfile::TempDir) -> World {
    let fired: Arc<Mutex<Vec<Value>>> = Arc::default();
    let received = Arc::clone(&fired);
    let deliver: Deliver = Arc::new(move |target: &str, payload: Value| {
        if target == PULL {
            received.lock().unwrap().push(payload);
        }
        target == PULL
    });
    let file = folder.path().join("schedules.json");
    let running =
        Scheduler::start(deliver, "us-east-1", "000000000000", &["nights"], file).await.unwrap();
    let config = aws_sdk_scheduler::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(running.url())
        .build();
    World { running, client: Client::from_conf(config), fired, folder }
}

fn off() -> FlexibleTimeWindow {
    FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().unwrap()
}

fn within(minutes: i32) -> FlexibleTimeWindow {
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Flexible);
    window.maximum_window_in_minutes(minutes).build().unwrap()
}

fn target(arn: &str) -> aws_sdk_scheduler::types::builders::TargetBuilder {
    Target::builder().arn(arn).role_arn("arn:aws:iam::000000000000:role/schedule")
}

impl World {
    fn schedule(&self, name: &str, expression: &str) -> CreateScheduleFluentBuilder {
        let input = json!({ "name": name, "at": "<aws.scheduler.scheduled-time>",
                "try": "<aws.scheduler.attempt-number>" })
        .to_string();
        let schedule = self
            .client
            .create_schedule()
            .name(name)
            .group_name("nights")
            .schedule_expression(expression);
        schedule.flexible_time_window(off()).target(target(PULL).input(input).build().unwrap())
    }

    fn now(&self) -> Timestamp {
        self.running.scheduler.clock().now()
    }

    fn pass(&self, time: Duration) {
        self.running.scheduler.clock().advance(time);
        self.running.scheduler.fire_due();
    }

    /// The schedules fired since the last call: names and times.
    fn fired(&self) -> Vec<(String, Timestamp)> {
        let all = std::mem::take(&mut *self.fired.lock().unwrap());
        let of = |event: &Value| {
            (
                event["name"].as_str().unwrap().to_owned(),
                event["at"].as_str().unwrap().parse().unwrap(),
            )
        };
        all.iter().map(of).collect()
    }

    fn names(&self) -> Vec<String> {
        self.fired().into_iter().map(|(name, _)| name).collect()
    }
}

/// How often a schedule fired on each complete local date between two times.
fn by_date(
    fired: &[(String, Timestamp)],
    name: &str,
    zone: &str,
    (from, to): (Timestamp, Timestamp),
) -> BTreeMap<Date, u32> {
    let zone = TimeZone::get(zone).unwrap();
    let date = |moment: Timestamp| moment.to_zoned(zone.clone()).date();
    let mut dates = BTreeMap::new();
    let mut day = date(from).checked_add(1.day()).unwrap();
    while day < date(to) {
        dates.insert(day, 0);
        day = day.checked_add(1.day()).unwrap();
    }
    for (_, at) in fired.iter().filter(|(of, _)| of == name) {
        if let Some(count) = dates.get_mut(&date(*at)) {
            *count += 1;
        }
    }
    dates
}

#[tokio::test]
async fn a_year_has_each_local_night_once_despite_daylight_saving_time() {
    const ZONES: [(&str, &str, bool); 4] = [
        ("new-york", "America/New_York", true),
        ("phoenix", "America/Phoenix", false),
        ("honolulu", "Pacific/Honolulu", false),
        ("lord-howe", "Australia/Lord_Howe", true),
    ];
    let world = world().await;
    for (name, zone, _) in ZONES {
        // Outside both changes; within the repeated hour of autumn; within the skipped hour of
        // spring.
        for (when, hour) in [("clear", "15 4"), ("twice", "45 1"), ("skipped", "15 2")] {
            let schedule =
                world.schedule(&format!("{name}-{when}"), &format!("cron({hour} * * ? *)"));
            schedule.schedule_expression_timezone(zone).send().await.unwrap();
        }
        let flexible = world
            .schedule(&format!("{name}-flexible"), "cron(30 4 * * ? *)")
            .flexible_time_window(within(15));
        flexible.schedule_expression_timezone(zone).send().await.unwrap();
    }
    let from = world.now();
    world.pass(YEAR);
    let fired = world.fired();
    for (name, zone, changes) in ZONES {
        for when in ["clear", "twice", "flexible"] {
            let dates = by_date(&fired, &format!("{name}-{when}"), zone, (from, world.now()));
            assert!(
                dates.len() >= 364 && dates.values().all(|count| *count == 1),
                "{name} {when}: {dates:?}"
            );
        }
        let dates = by_date(&fired, &format!("{name}-skipped"), zone, (from, world.now()));
        let missed = dates.values().filter(|count| **count == 0).count();
        // 366 days may contain two changes to daylight saving time.
        assert!(
            if changes { (1..=2).contains(&missed) } else { missed == 0 },
            "{name}: a skipped local time is not run later"
        );
        assert!(dates.values().all(|count| *count <= 1));
    }
    assert!(fired.len() >= 16 * 364);
}

#[tokio::test]
async fn due_schedules_fire_in_order_of_time() {
    let world = world().await;
    world.schedule("often", "rate(20 minutes)").send().await.unwrap();
    world.schedule("hourly", "rate(1 hour)").send().await.unwrap();
    world.pass(Duration::ZERO);
    assert_eq!(world.names().len(), 2, "a rate is due immediately");
    world.pass(Duration::from_secs(3 * 3600));
    let fired = world.fired();
    assert_eq!(fired.len(), 9 + 3);
    assert!(fired.is_sorted_by_key(|(_, at)| *at));
}

#[tokio::test]
async fn a_schedule_fires_within_its_flexible_window() {
    let world = world().await;
    let at =
        world.now().checked_add(1.hour()).unwrap().strftime("at(%Y-%m-%dT%H:%M:00)").to_string();
    for n in 0..40 {
        let schedule = world
            .schedule(&format!("n{n}"), &at)
            .action_after_completion(ActionAfterCompletion::Delete);
        schedule.flexible_time_window(within(30)).send().await.unwrap();
    }
    world.pass(Duration::from_secs(59 * 60 - 60));
    assert!(world.fired().is_empty(), "not before its time");
    world.pass(Duration::from_secs(16 * 60));
    let early = world.fired().len();
    assert!((1..40).contains(&early), "spread: {early}");
    world.pass(Duration::from_secs(18 * 60));
    assert_eq!(early + world.fired().len(), 40);
    assert!(
        world.client.list_schedules().send().await.unwrap().schedules().is_empty(),
        "and all are gone"
    );
}

#[tokio::test]
async fn an_event_for_a_missing_target_is_retried_and_then_dead_lettered() {
    let world = world().await;
    let policy =
        RetryPolicy::builder().maximum_retry_attempts(3).maximum_event_age_in_seconds(3600).build();
    let input = r#"{"n": 1, "try": "<aws.scheduler.attempt-number>"}"#;
    let to = |arn: &str| target(arn).input(input).retry_policy(policy.clone());
    let dead = DeadLetterConfig::builder().arn(QUEUE).build();
    world
        .schedule("dead", "rate(1 day)")
        .target(to(NOWHERE).dead_letter_config(dead.clone()).build().unwrap())
        .send()
        .await
        .unwrap();
    world
        .schedule("unheard", "rate(1 day)")
        .target(to(NOWHERE).build().unwrap())
        .send()
        .await
        .unwrap();
    let old = RetryPolicy::builder().maximum_event_age_in_seconds(60).build();
    let old = target(NOWHERE).retry_policy(old).dead_letter_config(dead).build().unwrap();
    world.schedule("old", "rate(1 day)").target(old).send().await.unwrap();
    world.pass(Duration::ZERO);
    assert!(world.running.scheduler.dead_letters().is_empty(), "it is retried first");
    world.pass(Duration::from_secs(600));
    let letters = world.running.scheduler.dead_letters();
    let [first, second] = &letters[..] else { panic!("two letters: {letters:?}") };
    assert_eq!((first.queue.as_str(), &first.body), (QUEUE, &json!({ "n": 1, "try": "4" })));
    assert_eq!(first.attributes["RETRY_ATTEMPTS"], "3");
    assert_eq!(first.attributes["EXHAUSTED_RETRY_CONDITION"], "MaximumRetryAttempts");
    assert_eq!(second.attributes["EXHAUSTED_RETRY_CONDITION"], "MaximumEventAgeInSeconds");
    assert!(first.attributes["SCHEDULE_ARN"].as_str().unwrap().ends_with(":schedule/nights/dead"));
}

#[tokio::test]
async fn a_schedule_is_paused_resumed_and_changed() {
    let world = world().await;
    world.schedule("oak", "cron(0 4 * * ? *)").send().await.unwrap();
    let update = |expression: &str, state: ScheduleState| {
        let schedule = world
            .client
            .update_schedule()
            .name("oak")
            .group_name("nights")
            .schedule_expression(expression)
            .state(state);
        let input = r#"{"name": "oak", "at": "<aws.scheduler.scheduled-time>"}"#;
        schedule
            .flexible_time_window(off())
            .target(target(PULL).input(input).build().unwrap())
            .send()
    };
    update("cron(0 4 * * ? *)", ScheduleState::Disabled).await.unwrap();
    world.pass(Duration::from_secs(10 * 24 * 3600));
    assert!(world.fired().is_empty());
    update("cron(0 4 * * ? *)", ScheduleState::Enabled).await.unwrap();
    world.pass(Duration::ZERO);
    assert!(world.fired().is_empty(), "the nights of the pause are skipped");
    world.pass(Duration::from_secs(24 * 3600));
    assert_eq!(world.names(), ["oak"]);
    update("cron(0 5 ? * SUN *)", ScheduleState::Enabled).await.unwrap();
    world.pass(Duration::from_secs(14 * 24 * 3600));
    assert_eq!(world.fired().len(), 2);
    let got = world.client.get_schedule().name("oak").group_name("nights").send().await.unwrap();
    assert_eq!(got.schedule_expression(), Some("cron(0 5 ? * SUN *)"));
    world.client.delete_schedule().name("oak").group_name("nights").send().await.unwrap();
    world.pass(Duration::from_secs(14 * 24 * 3600));
    assert!(world.fired().is_empty());
}

#[tokio::test]
async fn a_schedule_respects_its_start_and_end_dates() {
    let world = world().await;
    let in_days = |days: i64| {
        let moment = world.now().checked_add((24 * days).hours()).unwrap();
        aws_sdk_scheduler::primitives::DateTime::from_secs(moment.as_second())
    };
    let schedule =
        world.schedule("summer", "cron(0 4 * * ? *)").start_date(in_days(10)).end_date(in_days(13));
    schedule.send().await.unwrap();
    world.pass(Duration::from_secs(10 * 24 * 3600));
    assert!(world.fired().is_empty());
    world.pass(YEAR);
    assert_eq!(world.fired().len(), 3);
}

#[tokio::test]
async fn lists_are_paged_and_deleting_a_group_deletes_its_schedules() {
    let world = world().await;
    world.client.create_schedule_group().name("others").send().await.unwrap();
    for n in 0..7 {
        let group = if n < 5 { "nights" } else { "others" };
        world.schedule(&format!("n{n}"), "rate(1 day)").group_name(group).send().await.unwrap();
    }
    let pages = world
        .client
        .list_schedules()
        .group_name("nights")
        .max_results(2)
        .into_paginator()
        .items()
        .send();
    let all: Result<Vec<_>, _> = pages.collect().await;
    assert_eq!(
        all.unwrap().iter().map(|one| one.name().unwrap().to_owned()).collect::<Vec<_>>(),
        ["n0", "n1", "n2", "n3", "n4"]
    );
    let named = world.client.list_schedules().name_prefix("n6").send().await.unwrap();
    assert_eq!(named.schedules()[0].group_name(), Some("others"));
    let groups = world.client.list_schedule_groups().send().await.unwrap();
    let groups: Vec<_> = groups.schedule_groups().iter().filter_map(|group| group.name()).collect();
    assert_eq!(groups, ["default", "nights", "others"]);
    world.client.delete_schedule_group().name("others").send().await.unwrap();
    assert_eq!(world.client.list_schedules().send().await.unwrap().schedules().len(), 5);
    assert!(world.client.get_schedule_group().name("others").send().await.is_err());
}

#[tokio::test]
async fn invalid_requests_are_rejected() {
    let world = world().await;
    let refused = async |schedule: CreateScheduleFluentBuilder| {
        let error = schedule.send().await.unwrap_err().into_service_error();
        error.code().unwrap_or_default().to_owned()
    };
    world.schedule("there", "rate(1 day)").client_token("once").send().await.unwrap();
    world.schedule("there", "rate(1 day)").client_token("once").send().await.unwrap();
    assert_eq!(refused(world.schedule("there", "rate(1 day)")).await, "ConflictException");
    assert_eq!(
        refused(world.schedule("new", "rate(1 day)").group_name("none")).await,
        "ResourceNotFoundException"
    );
    let queue = DeadLetterConfig::builder().arn("arn:aws:sns:us-east-1:000000000000:topic").build();
    let often = RetryPolicy::builder().maximum_retry_attempts(186).build();
    for schedule in [
        world.schedule("no name", "rate(1 day)"),
        world.schedule("new", "cron(0 2 * * *)"),
        world.schedule("new", "rate(1 day)").schedule_expression_timezone("Mars/Olympus"),
        world.schedule("new", "rate(1 day)").flexible_time_window(within(1441)),
        world.schedule("new", "rate(1 day)").target(target("pull").build().unwrap()),
        world
            .schedule("new", "rate(1 day)")
            .target(target(PULL).dead_letter_config(queue).build().unwrap()),
        world
            .schedule("new", "rate(1 day)")
            .target(target(PULL).retry_policy(often).build().unwrap()),
    ] {
        assert_eq!(refused(schedule).await, "ValidationException");
    }
}

#[tokio::test]
async fn schedules_survive_a_restart_and_missed_nights_are_skipped() {
    let world = world().await;
    world.schedule("oak", "cron(0 4 * * ? *)").send().await.unwrap();
    let past = Timestamp::now().checked_sub((24 * 10).hours()).unwrap();
    let World { running, folder, .. } = world;
    drop(running);
    // Ten days later.
    let file = folder.path().join("schedules.json");
    let mut state: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    state["schedules"][0]["due"] = json!(past);
    std::fs::write(&file, state.to_string()).unwrap();
    let world = in_folder(folder).await;
    world.pass(Duration::ZERO);
    assert!(world.fired().is_empty());
    world.pass(Duration::from_secs(24 * 3600));
    assert_eq!(world.names(), ["oak"]);
}

#[tokio::test]
async fn r_o4_district_schedules_can_be_created_replaced_read_and_removed() {
    let world = world().await;
    let group = ScheduleGroup::new(
        world.client.clone(),
        "nights",
        "arn:aws:iam::000000000000:role/schedule",
    );
    let first = NightlySchedule {
        name: "nightly-oak".into(),
        expression: "cron(15 4 * * ? *)".into(),
        time_zone: "America/New_York".into(),
        window_minutes: 30,
        enabled: true,
        function: PULL.into(),
        input: json!({ "district": "oak", "at": "<aws.scheduler.scheduled-time>" }).to_string(),
        role: "arn:aws:iam::000000000000:role/pull".into(),
        retries: 5,
        retry_seconds: 7200,
        failures: Some(QUEUE.into()),
    };
    let second = NightlySchedule {
        time_zone: "Pacific/Honolulu".into(),
        failures: None,
        window_minutes: 0,
        ..first.clone()
    };
    assert_eq!(group.schedule("nightly-oak").await.unwrap(), None);
    for schedule in [&first, &second, &second, &NightlySchedule { enabled: false, ..first.clone() }]
    {
        group.put_schedule(schedule).await.unwrap();
        assert_eq!(group.schedule("nightly-oak").await.unwrap().as_ref(), Some(schedule));
    }
    world.schedule("discovery", "rate(1 hour)").send().await.unwrap();
    assert_eq!(group.schedule_names().await.unwrap(), ["nightly-oak"]);
    for _ in 0..2 {
        group.remove_schedule("nightly-oak").await.unwrap();
    }
    assert!(group.schedule_names().await.unwrap().is_empty());
}
