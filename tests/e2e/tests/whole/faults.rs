//! Faults: throttled tables, invocations that are too short, processes that die.

use std::time::Duration;

use districts::{District, Size};
use e2e::Application;
use roster::run::RunState;
use roster::settings::Settings;
use stack::{DynamoFaults, RECONCILE, StackConfig};

fn set(students: u64) -> District {
    District::new(Size::students(students)).seed(21)
}

#[tokio::test]
async fn a_throttled_table_gets_the_same_mirror() {
    let calm = Application::start().await;
    let throttled = Application::with(StackConfig {
        faults: Some(DynamoFaults { seed: 4, throttled: 0.02, unprocessed: 0.33 }),
        ..StackConfig::default()
    })
    .await;
    let mut mirrors = Vec::new();
    let mut writes = Vec::new();
    for application in [&calm, &throttled] {
        let district = application.district("brook", Settings::of_preset("clever")).await;
        let night = application.night(&district, &set(400).night(0)).await;
        assert_eq!(night.state(), RunState::Applied, "{:?}", application.failures());
        writes.push(night.report.item_writes);
        let mirror = application.mirror(&district).await;
        let keys: Vec<_> = mirror
            .iter()
            .map(|(key, record)| (key.clone(), record["state"].clone(), record["account"].clone()))
            .collect();
        mirrors.push(keys);
    }
    assert_eq!(mirrors[0], mirrors[1]);
    assert_eq!(writes[0], writes[1], "item writes were counted twice or not at all");
}

#[tokio::test]
async fn a_run_near_its_deadline_continues_in_new_invocations_with_the_same_result() {
    // The reserve leaves one second of each invocation, so every invocation stops after part of the
    // work.
    let mut config = StackConfig { timeout: Duration::from_secs(62), ..StackConfig::default() };
    config.environment.insert("STOP_BEFORE_SECONDS".into(), "61".into());
    config.faults = Some(DynamoFaults { seed: 1, throttled: 0.0, unprocessed: 0.5 });
    let (calm, short) = (Application::start().await, Application::with(config).await);
    let mut mirrors = Vec::new();
    for application in [&calm, &short] {
        let district = application.district("brook", Settings::of_preset("clever")).await;
        let night = application.night(&district, &set(2_000).night(0)).await;
        assert_eq!(night.state(), RunState::Applied, "{:?}", application.failures());
        let mirror = application.mirror(&district).await;
        mirrors.push(
            mirror
                .iter()
                .map(|(key, record)| (key.clone(), record["state"].clone()))
                .collect::<Vec<_>>(),
        );
    }
    assert!(short.stack.invocations(RECONCILE).len() > 1, "all work was done in one invocation");
    assert_eq!(mirrors[0], mirrors[1]);
}
