//! The steps of a pulled district that are the same for every source, from its settings to its
//! nights. `clever` and `classlink` contain the other steps.

use std::fmt::Write as _;
use std::time::Duration;

use axum::http::Method;
use jiff::Timestamp;
use jiff::civil::Time;
use mirror::ports::districts::Districts;
use mirror::ports::runs::{RunRecord, Runs};
use roster::id::DistrictId;
use roster::run::RunState;
use roster::settings::DistrictStatus;
use serde_json::{Value, json};
use stack::{Api, Claims, PULL, Stack};

use super::super::outcome::{Outcome, print};
use super::super::progress::Progress;
use super::super::{Fault, describe};
use super::reviewed;

/// Small districts, because nothing here depends on their size.
pub(super) const STUDENTS: u64 = 400;
/// Their time zone, which decides when their night begins.
const ZONE: &str = "America/New_York";
/// A time when the nightly pull is over and the first daytime pull of changes is not yet due.
pub(super) const MORNING: Time = Time::constant(6, 0, 0, 0);
/// Margin before such a time, on the clock that the demo moves, after which all expected events
/// have certainly happened.
const LEAST: Duration = Duration::from_secs(5 * 3600);

/// The district of the act, and the API clients of its users.
pub(super) struct Act<'a> {
    stack: &'a Stack,
    /// Display name of the source.
    at: &'static str,
    /// The district's id in Rollbook.
    district: DistrictId,
    operator: Api,
    leader: Api,
}

/// A night or a day: what changed at the source before it, and the expected outcome.
pub(super) struct Nightly<'n> {
    pub(super) title: &'static str,
    pub(super) changes: Box<dyn Fn() + 'n>,
    /// When the night or day is over, in the district's local time.
    pub(super) until: Time,
    pub(super) expected: RunState,
}

impl<'a> Act<'a> {
    pub(super) fn of(stack: &'a Stack, at: &'static str, district: &str) -> Result<Self, Fault> {
        let api = |role: &str| stack.api(&Claims::new(role, district).subject(role));
        let (operator, leader) = (api("operator")?, api("district_leader")?);
        Ok(Self { stack, at, district: DistrictId::new(district), operator, leader })
    }

    /// Continues from a district in the state `notified`. Returns false if an outcome differs from
    /// what the rules require. `printed` is the number of notifications already printed. `set`
    /// changes settings besides the time zone; `description` describes these changes.
    pub(super) async fn play_nights(
        &self,
        (set, description): (impl Fn(&mut Value), &str),
        nights: Vec<Nightly<'_>>,
        printed: usize,
        progress: &Progress,
    ) -> Result<bool, Fault> {
        let mut as_expected = self.configure(set, description).await?;
        let first = self.first_pull(progress).await?;
        let printed = super::print_notifications(self.stack, printed)?;
        as_expected &= self.review(&first, progress).await?;
        let mut outcomes = Vec::new();
        for night in nights {
            let run = self.night(&night, progress).await?;
            as_expected &= run.state == night.expected;
            outcomes.push((night, self.outcome(run).await?));
        }
        print(&self.summary(&outcomes))?;
        super::print_notifications(self.stack, printed)?;
        Ok(as_expected)
    }

    fn path(&self, below: &str) -> String {
        format!("/v1/districts/{}{below}", self.district)
    }

    async fn send(
        &self,
        method: Method,
        below: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<stack::Reply, Fault> {
        let reply = self.operator.call(method.clone(), &self.path(below), headers, body).await?;
        if reply.is_ok() {
            return Ok(reply);
        }
        Err(Fault::Message(format!("{method} {below} returned {}: {}", reply.status, reply.text())))
    }

    pub(super) async fn status(&self) -> Result<Option<DistrictStatus>, Fault> {
        Ok(self.stack.table().district(&self.district).await?.map(|district| district.status))
    }

    /// R-O2: an operator configures the district and starts the sync.
    async fn configure(&self, set: impl Fn(&mut Value), description: &str) -> Result<bool, Fault> {
        let seen = self.send(Method::GET, "/settings", &[], None).await?;
        let (mut settings, version) =
            (seen.json(), seen.header("etag").unwrap_or_default().to_owned());
        settings["time_zone"] = json!(ZONE);
        set(&mut settings);
        self.send(Method::PUT, "/settings", &[("if-match", version.as_str())], Some(&settings))
            .await?;
        let configured = self.status().await?;
        self.send(
            Method::POST,
            "/sync",
            &[],
            Some(&json!({ "sync": "on", "reason": "the contract begins" })),
        )
        .await?;
        let on = self.status().await?;
        print(&format!(
            "\nAn operator sets the time zone {ZONE} and {description}. The district's status is \
             now {}. Then the operator switches the sync on, and the status is {}. The first run \
             will be held for a review, whatever it contains (R-O2).\n",
            status_text(configured),
            status_text(on),
        ))?;
        Ok((configured, on) == (Some(DistrictStatus::Configured), Some(DistrictStatus::InReview)))
    }

    /// R-O4: run now instead of tonight.
    async fn first_pull(&self, progress: &Progress) -> Result<RunRecord, Fault> {
        let step = progress.step(&format!("the first pull from {}", self.at));
        let started = self
            .send(Method::POST, "/runs", &[], Some(&json!({ "reason": "to review it together" })))
            .await?
            .json();
        let until = self.stack.next_schedule().unwrap_or_else(|| self.stack.clock().now());
        self.stack.run_until(until).await;
        let seconds = step.seconds();
        drop(step);
        let run = self.newest().await?;
        print(&format!(
            "\nThe operator does not wait for the night and starts a pull now (POST …/runs, R-O4). \
             Rollbook read all data at {} and planned the changes in {seconds:.1} s. The run {} is \
             {}.\n",
            self.at,
            run.run,
            if run.state == RunState::Held { "held" } else { "not held, which is unexpected" },
        ))?;
        if started["run"] != run.run.as_str() {
            return Err(Fault::Message(format!(
                "the pull started run {} instead of {}",
                run.run, started["run"]
            )));
        }
        Ok(run)
    }

    /// R-O2: the district's administrator reads the review; an operator approves it.
    async fn review(&self, run: &RunRecord, progress: &Progress) -> Result<bool, Fault> {
        let below = format!("/runs/{}/review", run.run);
        let reply = self.leader.get(&self.path(&below)).await?;
        if !reply.is_ok() {
            return Err(Fault::Message(format!(
                "the review returned {}: {}",
                reply.status,
                reply.text()
            )));
        }
        let review = reply.json();
        print(&format!(
            "\nThe district's administrator and the operator read the review together \
             (GET …/runs/{}/review):\n\n{}",
            run.run,
            reviewed::describe(&review)
        ))?;
        let is_held = run.state == RunState::Held && review["waits"] == true;
        let step = progress.step("applying the first run");
        let after =
            self.decide(run, "approve", "reviewed with the district's administrator").await?;
        drop(step);
        let status = self.status().await?;
        // The deployed stack does this every hour.
        self.stack.invoke(PULL, json!({ "look": "all" })).await;
        let outcome = self.outcome(after).await?;
        let next = self.stack.next_schedule();
        print(&format!(
            "\nThe data is correct, so the operator approves the run. Its state is {}, {} items \
             were written, and the district's status is {}. From now on, Rollbook pulls the data \
             every night. Next pull: {}.\n",
            state(outcome.run.state),
            describe::thousands(outcome.report.item_writes),
            status_text(status),
            next.map_or_else(|| "not scheduled, which is unexpected".into(), local_time),
        ))?;
        Ok(is_held
            && outcome.run.state == RunState::Applied
            && status == Some(DistrictStatus::Live)
            && next.is_some())
    }

    /// R-H2: an operator rejects the held run. Returns false if its state is not `rejected`
    /// afterwards.
    pub(super) async fn reject(&self, reason: &str) -> Result<bool, Fault> {
        let run = self.newest().await?;
        Ok(self.decide(&run, "reject", reason).await?.state == RunState::Rejected)
    }

    /// Decides about a run as an operator, and returns the newest run after everything has settled.
    async fn decide(
        &self,
        run: &RunRecord,
        decision: &str,
        reason: &str,
    ) -> Result<RunRecord, Fault> {
        let plan = run.plan.as_ref().map(|plan| plan.hash.as_str());
        let body = json!({ "decision": decision, "plan": plan, "reason": reason });
        self.send(Method::POST, &format!("/runs/{}/decision", run.run), &[], Some(&body)).await?;
        self.stack.settled().await;
        self.newest().await
    }

    /// Plays one night or day: moves the clock, so that the schedules start their pulls.
    async fn night(&self, night: &Nightly<'_>, progress: &Progress) -> Result<RunRecord, Fault> {
        (night.changes)();
        let step = progress.step(&format!("a night at {}", self.at));
        self.stack.run_until(next(night.until, self.stack.clock().now() + LEAST)?).await;
        drop(step);
        self.newest().await
    }

    async fn newest(&self) -> Result<RunRecord, Fault> {
        let newest = self.stack.table().newest(&self.district, 1).await?.pop();
        newest.ok_or_else(|| {
            Fault::Message(format!(
                "{} has no run; the logs are below {}",
                self.district,
                self.stack.data().display()
            ))
        })
    }

    async fn outcome(&self, run: RunRecord) -> Result<Outcome, Fault> {
        Outcome::gather(self.stack, Some(run)).await
    }

    /// Describes the nights, one line each, with the first reason for a held one.
    fn summary(&self, nights: &[(Nightly<'_>, Outcome)]) -> String {
        let mut text = format!(
            "\n  {:<8}{:<40}{:<11}{:>8}{:>9}{:>9}\n",
            "",
            format!("at {}", self.at),
            "run",
            "added",
            "changed",
            "removed"
        );
        for (nth, (night, outcome)) in nights.iter().enumerate() {
            let people = ["student", "teacher"].map(|kind| outcome.counts(kind));
            let sum = |of: fn(&roster::change::Counts) -> u64| {
                describe::thousands(people.iter().map(of).sum())
            };
            let _ = writeln!(
                text,
                "  {:<8}{:<40}{:<11}{:>8}{:>9}{:>9}",
                nth + 1,
                night.title,
                state(outcome.run.state),
                sum(|counts| counts.added),
                sum(|counts| counts.changed),
                sum(|counts| counts.removed),
            );
            if let Some(hold) = outcome.report.holds.first() {
                let _ = writeln!(text, "  {:<8}held: {}", "", hold.what);
            }
            if outcome.run.state != night.expected {
                let _ = writeln!(
                    text,
                    "  {:<8}unexpected result; the expected state is {}",
                    "",
                    state(night.expected)
                );
            }
        }
        text.push_str("  (The numbers count students and teachers together.)\n");
        text
    }
}

/// A district's status in backquotes, or `unknown`.
pub(super) fn status_text(status: Option<DistrictStatus>) -> String {
    status.map_or_else(|| "unknown".into(), |status| format!("`{}`", word(&json!(status))))
}

fn state(state: RunState) -> String {
    word(&json!(state))
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or("?").to_owned()
}

/// A moment in the district's time zone.
fn local_time(at: Timestamp) -> String {
    let here = at.in_tz(ZONE).map(|at| at.strftime("%H:%M on %-d %B %Y").to_string());
    here.map_or_else(|_| at.to_string(), |here| format!("{here}, {ZONE}"))
}

/// The first moment, not before `earliest`, with this local time in the district.
fn next(time: Time, earliest: Timestamp) -> Result<Timestamp, Fault> {
    let here = earliest.in_tz(ZONE).map_err(|error| Fault::Message(error.to_string()))?;
    let days = [here.date(), here.date().saturating_add(jiff::Span::new().days(1))];
    let moments = days
        .into_iter()
        .filter_map(|day| Some(day.to_datetime(time).in_tz(ZONE).ok()?.timestamp()));
    moments
        .filter(|moment| *moment >= earliest)
        .min()
        .ok_or_else(|| Fault::Message(format!("there is no time {time} in {ZONE}")))
}
