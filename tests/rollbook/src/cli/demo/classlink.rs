//! A district at ClassLink, whose data is OneRoster, from enabling the application to its nights,
//! with pulls of changes between them: the real discovery, pull, plan and API against the simulator
//! of ClassLink.

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
use super::pulled::{Act, MORNING, Nightly, STUDENTS, named};

const NAME: &str = "cedar-hollow";
/// Its number at ClassLink, and its id here.
const TENANT: u64 = 4711;
pub(super) const DISTRICT: &str = "classlink-4711";
/// By then what has changed by day was read once.
const NOON: Time = Time::constant(12, 0, 0, 0);

/// Plays the act; false: something came out otherwise than the rules say.
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
        "\n== A district at ClassLink ==\n{NAME}, of {STUDENTS} students, enables the application at ClassLink (here: a simulator, at {}), which says so to \
         nobody: every hour its list of applications is looked at.\n",
        stack.endpoints().oneroster,
    ))?;
    let heard = stack.notifications().len();
    let step = progress.step("discovery at ClassLink");
    stack.invoke(PULL, json!({ "look": "classlink" })).await;
    drop(step);
    let status = act.status().await?;
    print(&format!(
        "\nDiscovery finds it: the district {DISTRICT} is {}, and nothing is pulled yet (R-O1).\n",
        named(status)
    ))?;
    let mut as_it_should = status == Some(DistrictStatus::Notified);
    let heard = super::tell_operators(stack, heard)?;

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
            due: RunState::Unchanged,
        },
        Nightly {
            title: "by day: new people are added",
            changes: Box::new(|| sync(&all, "2")),
            until: NOON,
            due: RunState::Applied,
        },
        Nightly {
            title: "at night: people who left are removed",
            changes: Box::new(|| {}),
            until: MORNING,
            due: RunState::Applied,
        },
        Nightly {
            title: "by mistake 30 % of students are hidden",
            changes: Box::new(|| sync(&all.clone().without_students(30.0), "3")),
            until: MORNING,
            due: RunState::Held,
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
    let said = "maps its own metadata columns, and has changes read every six hours during the day";
    as_it_should &= act.play_on((set, said), nights, heard, progress).await?;
    print(&format!(
        "\nBy day nobody is taken away: that somebody is gone is known from a whole pull alone. The last run waits for a person, and nothing of it is \
         written.\nAll of that took {:.1} s.\n",
        begun.elapsed().as_secs_f64(),
    ))?;
    Ok(as_it_should)
}
