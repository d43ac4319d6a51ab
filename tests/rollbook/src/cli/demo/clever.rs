//! A district at Clever, from its webhook event to its third night: the real webhook endpoint,
//! discovery, pull, plan and API against the simulator of Clever.

use std::time::Instant;

use districts::{District, Size};
use mirror::ports::runs::Runs;
use roster::id::DistrictId;
use roster::run::RunState;
use roster::settings::DistrictStatus;
use serde_json::json;
use simulators::clever::{List, Sharing, id};
use stack::{Stack, WEBHOOK_KEYS};

use super::super::Fault;
use super::super::outcome::print;
use super::super::progress::Progress;
use super::pulled::{Act, MORNING, Nightly, STUDENTS, named};

pub(super) const NAME: &str = "birch-falls";

/// Plays the act. Returns false if an outcome differs from what the rules require.
pub(super) async fn play(stack: &Stack, progress: &Progress) -> Result<bool, Fault> {
    let begun = Instant::now();
    let (source, clever) = (id("district", NAME), stack.clever());
    let act = Act::of(stack, "Clever", &source)?;
    let set = District::new(Size::students(STUDENTS))
        .seed(2027)
        .school_year(super::school_year(stack))
        .metadata(true)
        .churn(3.0);
    clever.connect(&source, &set.night(0));
    print(&format!(
        "\n== A district at Clever ==\n{NAME}, of {STUDENTS} students, connects the application at Clever (here: a simulator, at {}). \
         Clever knows it as {source}.\n",
        stack.endpoints().clever,
    ))?;
    let heard = stack.notifications().len();
    let mut as_it_should = notice(stack, &act, &source, progress).await?;
    let heard = super::tell_operators(stack, heard)?;
    let night = |title, changes, due| Nightly { title, changes, until: MORNING, due };
    let one_school = || {
        let one = clever.ids(&source, List::Schools).into_iter().take(1).collect();
        clever.share(&source, Sharing::Schools(one));
    };
    let nights = vec![
        night("nothing has changed", Box::new(|| {}), RunState::Unchanged),
        night(
            "some people and classes have changed",
            Box::new(|| _ = clever.sync(&source, &set.night(1))),
            RunState::Applied,
        ),
        night("by mistake only one school is shared", Box::new(one_school), RunState::Held),
    ];
    as_it_should &=
        act.play_on((|_| {}, "keeps the preset clever"), nights, heard, progress).await?;
    clever.share(&source, Sharing::All);
    as_it_should &=
        act.reject("only one school was shared by mistake; all schools are shared again").await?;
    print(&format!(
        "\nThe third run waits for a person, and nothing of it is written: whoever shared one school alone shares all of them again, and an operator rejects \
         it (POST …/runs/…/decision, R-H2).\nAll of that took {:.1} s.\n",
        begun.elapsed().as_secs_f64(),
    ))?;
    Ok(as_it_should)
}

/// R-O1: a webhook event is only a hint; Clever's own list decides.
async fn notice(
    stack: &Stack,
    act: &Act<'_>,
    source: &str,
    progress: &Progress,
) -> Result<bool, Fault> {
    let key = format!("{:032x}{:032x}", fastrand::u128(..), fastrand::u128(..));
    stack.put_secret(WEBHOOK_KEYS, &json!({ "current": key }).to_string());
    let notice = json!({ "type": "district.shared", "district": source }).to_string();
    let step = progress.step("a notice");
    let forged = stack.send_webhook_event("a key that was never issued", &notice).await?.status;
    let taken = stack.send_webhook_event(&key, &notice).await?.status;
    if let Some(due) = stack.next_schedule() {
        stack.run_until(due).await;
    }
    drop(step);
    let (status, runs) =
        (act.status().await?, stack.table().newest(&DistrictId::new(source), 1).await?);
    print(&format!(
        "\nA notice that the district shares data comes to the door of notices. One that is signed with another key is turned away ({forged}); the \
         signed one is taken ({taken}), and a minute later Clever is asked whether it is true. It is: the district is {}, operators are told, and \
         nothing is pulled yet (R-O1).\n",
        named(status),
    ))?;
    Ok((forged, taken) == (401, 202) && status == Some(DistrictStatus::Notified) && runs.is_empty())
}
