//! A district at ClassLink, which sends OneRoster data: from enabling the application to its
//! nights, with pulls of changes during the day. The real discovery, pull, plan and API run against
//! the simulator of ClassLink.

use std::time::Instant;

use districts::{District, Night, Size};
use jiff::civil::Time;
use roster::run::RunState;
use roster::settings::DistrictStatus;
use serde_json::{Value, json};
use stack::{PULL, Stack};

use super::super::Fault;
use super::super::outcome::print;
use super::super::progress::Progress;
use super::pulled::{Act, MORNING, Nightly, STUDENTS, status_text};

const NAME: &str = "cedar-hollow";
/// The district's tenant id at ClassLink.
const TENANT: u64 = 4711;
/// The district's id in Rollbook.
pub(super) const DISTRICT: &str = "classlink-4711";
/// A time when the first daytime pull of changes is over.
const NOON: Time = Time::constant(12, 0, 0, 0);

/// Plays the act. Returns false if an outcome differs from what the rules require.
pub(super) async fn play(stack: &Stack, progress: &Progress) -> Result<bool, Fault> {
    let begun = Instant::now();
    let servers = stack.oneroster();
    let act = Act::of(stack, "ClassLink", DISTRICT)?;
    let set = District::new(Size::students(STUDENTS))
        .seed(2028)
        .school_year(super::school_year(stack))
        .metadata(true)
        .churn(3.0);
    let application = servers.add_application(TENANT, &set.night(0), true);
    print(&format!(
        "\n== A district at ClassLink ==\nThe district {NAME} has {STUDENTS} students. It enables \
         the application at ClassLink. Here ClassLink is a simulator, at {}. ClassLink sends no \
         webhook events, so Rollbook reads ClassLink's list of applications every hour.\n",
        stack.endpoints().oneroster,
    ))?;
    let printed = stack.notifications().len();
    let step = progress.step("discovery at ClassLink");
    stack.invoke(PULL, json!({ "look": "classlink" })).await;
    drop(step);
    let status = act.status().await?;
    print(&format!(
        "\nRollbook finds the district in the list. Its id is {DISTRICT} and its status is {}. No \
         data is pulled yet (R-O1).\n",
        status_text(status)
    ))?;
    let mut as_expected = status == Some(DistrictStatus::Notified);
    let printed = super::print_notifications(stack, printed)?;

    let all = set.night(1);
    let sync = |night: &Night, revision: &str| {
        servers.sync(&application, night, stack.clock().now());
        servers.behave(&application, |ways| ways.revision = Some(revision.to_owned()));
    };
    let nights = vec![
        Nightly {
            title: "nothing has changed",
            changes: Box::new(|| {}),
            until: MORNING,
            expected: RunState::Unchanged,
        },
        Nightly {
            title: "by day: new people are added",
            changes: Box::new(|| sync(&all, "2")),
            until: NOON,
            expected: RunState::Applied,
        },
        Nightly {
            title: "at night: people who left are removed",
            changes: Box::new(|| {}),
            until: MORNING,
            expected: RunState::Applied,
        },
        Nightly {
            title: "by mistake 30 % of students are hidden",
            changes: Box::new(|| sync(&all.clone().without_students(30.0), "3")),
            until: MORNING,
            expected: RunState::Held,
        },
    ];
    let set = |settings: &mut Value| {
        let columns = ["ell", "frl", "iep"]
            .map(|field| (field.to_owned(), json!(format!("metadata.{field}"))));
        settings["source"]["metadata"] = columns
            .into_iter()
            .chain([("state_id".to_owned(), json!("metadata.stateId"))])
            .collect();
        settings["source"]["classlink"]["changes_every_hours"] = json!(6);
    };
    let description = "maps the district's own metadata columns. During the day, Rollbook will \
                       pull changes every six hours";
    as_expected &= act.play_nights((set, description), nights, printed, progress).await?;
    print(&format!(
        "\nA pull of changes never removes a record, because only a complete pull shows that a \
         record is missing. The last run was held, and nothing was written.\nThis part took {:.1} \
         s.\n",
        begun.elapsed().as_secs_f64(),
    ))?;
    Ok(as_expected)
}
