//! Notifications that cannot be delivered must not change anything else.

use std::time::{Duration, Instant};

use districts::{Defect, District, Size};
use e2e::Application;
use roster::run::RunState;
use roster::settings::Settings;
use stack::{BusFault, IMPORT, RECONCILE};

#[tokio::test]
async fn a_failing_bus_blocks_no_run_and_the_notifications_are_logged() {
    let application = Application::start().await;
    let district = application.district("brook", Settings::of_preset("clever")).await;
    let set = District::new(Size::students(60)).seed(5);
    assert_eq!(application.night(&district, &set.night(0)).await.state(), RunState::Applied);
    let before = application.mirror(&district).await;

    // The bus first does not respond, then responds with errors.
    application.stack.set_bus_fault(BusFault::NoAnswer);
    let begun = Instant::now();
    let refused = application.night(&district, &set.night(0).with(Defect::TruncatedZip)).await;
    assert_eq!(refused.state(), RunState::Refused);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    application.stack.set_bus_fault(BusFault::ServerError);
    let held = application.night(&district, &set.night(0).without_students(30.0)).await;
    assert_eq!((held.state(), application.mirror(&district).await), (RunState::Held, before));
    assert_eq!(application.notifications(), []);
    assert!(application.failures().is_empty(), "{:?}", application.failures());
    for (function, run) in [(IMPORT, &refused.run.run), (RECONCILE, &held.run.run)] {
        let log = application.stack.log(function);
        let is_logged = |line: &str| {
            line.contains("operators could not be notified") && line.contains(run.as_str())
        };
        assert!(log.lines().any(is_logged), "{function}: {log}");
        let counted = |line: &str| {
            line.contains(r#""NotTold":1.0"#)
                && line.contains("CloudWatchMetrics")
                && line.contains(run.as_str())
        };
        assert!(log.lines().any(counted), "{function}: the metric for the alarm is missing");
    }
}
