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
use super::pulled::{Act, MORNING, Nightly, STUDENTS, status_text};

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
        "\n== A district at Clever ==\nThe district {NAME} has {STUDENTS} students. It connects \
         the application at Clever. Here Clever is a simulator, at {}. Clever's id of the district \
         is {source}.\n",
        stack.endpoints().clever,
    ))?;
    let printed = stack.notifications().len();
    let mut as_expected = webhook_event(stack, &act, &source, progress).await?;
    let printed = super::print_notifications(stack, printed)?;
    let night = |title, changes, expected| Nightly { title, changes, until: MORNING, expected };
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
    as_expected &=
        act.play_nights((|_| {}, "keeps the preset clever"), nights, printed, progress).await?;
    clever.share(&source, Sharing::All);
    as_expected &=
        act.reject("only one school was shared by mistake; all schools are shared again").await?;
    print(&format!(
        "\nThe third run was held, and nothing was written. The district corrects the mistake and \
         shares all its schools again. An operator rejects the held run \
         (POST …/runs/…/decision, R-H2).\nThis part took {:.1} s.\n",
        begun.elapsed().as_secs_f64(),
    ))?;
    Ok(as_expected)
}

/// R-O1: a webhook event only triggers a discovery; Clever's list of districts decides.
async fn webhook_event(
    stack: &Stack,
    act: &Act<'_>,
    source: &str,
    progress: &Progress,
) -> Result<bool, Fault> {
    let key = format!("{:032x}{:032x}", fastrand::u128(..), fastrand::u128(..));
    stack.put_secret(WEBHOOK_KEYS, &json!({ "current": key }).to_string());
    let event = json!({ "type": "district.shared", "district": source }).to_string();
    let step = progress.step("a webhook event");
    let forged = stack.send_webhook_event("a key that was never issued", &event).await?.status;
    let accepted = stack.send_webhook_event(&key, &event).await?.status;
    if let Some(due) = stack.next_schedule() {
        stack.run_until(due).await;
    }
    drop(step);
    let (status, runs) =
        (act.status().await?, stack.table().newest(&DistrictId::new(source), 1).await?);
    print(&format!(
        "\nA webhook event reports that the district shares data. Rollbook rejects the event if it \
         is signed with a wrong key (HTTP status {forged}), and accepts it if the signature is \
         right ({accepted}). A minute later, Rollbook finds the district in Clever's own list of \
         districts. It sets the district's status to {} and notifies the operators. No data is \
         pulled yet (R-O1).\n",
        status_text(status),
    ))?;
    Ok((forged, accepted) == (401, 202)
        && status == Some(DistrictStatus::Notified)
        && runs.is_empty())
}
