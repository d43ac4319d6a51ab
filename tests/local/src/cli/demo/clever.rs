//! A district at Clever, from the notice that it shares to its third night: the real door, look, pull, plan and API; Clever is the simulator.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use axum::http::Method;
use district::{District, Size};
use jiff::Timestamp;
use local::clever::{List, Sharing, id};
use local::{Api, Claims, NOTICE_KEYS, PULL, Stack};
use mirror::districts::Districts;
use mirror::runs::{RunRecord, Runs};
use rules::id::DistrictId;
use rules::run::RunState;
use rules::settings::DistrictStatus;
use serde_json::{Value, json};

use super::super::outcome::{Outcome, print};
use super::super::progress::Progress;
use super::super::{Fault, words};
use super::reviewed;

/// A small district: nothing depends on its size.
const STUDENTS: u64 = 400;
pub(super) const NAME: &str = "birch-falls";
/// Where it is: its nights are its own.
const ZONE: &str = "America/New_York";
/// How long a night may take, by the clock that is moved.
const NIGHT: Duration = Duration::from_secs(3 * 3600);

/// Plays the act; false: something came out otherwise than the rules say.
pub(super) async fn play(stack: &Stack, progress: &Progress) -> Result<bool, Fault> {
    let begun = Instant::now();
    let act = Act::cast(stack)?;
    print(&format!(
        "\n== A district at Clever ==\n{NAME}, of {STUDENTS} students, connects the application at Clever (here: a simulator, at {}). \
         Clever knows it as {}.\n",
        stack.endpoints().clever,
        act.district,
    ))?;
    let heard = stack.told().len();
    let mut as_it_should = act.notice(progress).await?;
    let heard = super::tell_operators(stack, heard)?;
    as_it_should &= act.configure().await?;
    let first = act.first_pull(progress).await?;
    let heard = super::tell_operators(stack, heard)?;
    as_it_should &= act.review(&first, progress).await?;
    let mut told = Vec::new();
    for night in act.nights() {
        let run = act.night(&night, progress).await?;
        as_it_should &= run.state == night.due;
        told.push((night, act.outcome(run).await?));
    }
    print(&summary(&told))?;
    super::tell_operators(stack, heard)?;
    print(&format!(
        "\nThe third run waits for a person, and nothing of it is written: whoever shared one school alone shares all of them again, and an operator rejects \
         it.\nAll of that took {:.1} s.\n",
        begun.elapsed().as_secs_f64(),
    ))?;
    Ok(as_it_should)
}

/// Who and what the act is about.
struct Act<'a> {
    stack: &'a Stack,
    /// Its id at Clever.
    source: String,
    /// Its id here.
    district: DistrictId,
    set: District,
    operator: Api,
    leader: Api,
}

/// A night: what has changed at Clever before it, and what must come of it.
struct Nightly {
    title: &'static str,
    changes: fn(&Act<'_>),
    due: RunState,
}

impl<'a> Act<'a> {
    fn cast(stack: &'a Stack) -> Result<Self, Fault> {
        let source = id("district", NAME);
        // Its school year is the one that is on now.
        let today = stack.clock().now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let ends_in = today.year() + i16::from(today.month() >= 7);
        let set = District::new(Size::students(STUDENTS)).seed(2027).school_year(ends_in).metadata(true).churn(3.0);
        stack.clever().connect(&source, &set.night(0));
        let api = |role: &str| stack.api(&Claims::new(role, &source).subject(role));
        let (operator, leader) = (api("operator")?, api("district_leader")?);
        Ok(Self { stack, district: DistrictId::new(&*source), source, set, operator, leader })
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
    ) -> Result<local::Reply, Fault> {
        let reply = self.operator.call(method.clone(), &self.path(below), headers, body).await?;
        if reply.is_ok() {
            return Ok(reply);
        }
        Err(Fault::Said(format!("{method} {below} was answered with {}: {}", reply.status, reply.text())))
    }

    async fn status(&self) -> Result<Option<DistrictStatus>, Fault> {
        Ok(self.stack.table().district(&self.district).await?.map(|district| district.status))
    }

    /// R-O1: a notice is a hint, Clever's own list counts.
    async fn notice(&self, progress: &Progress) -> Result<bool, Fault> {
        let key = format!("{:032x}{:032x}", fastrand::u128(..), fastrand::u128(..));
        self.stack.put_secret(NOTICE_KEYS, &json!({ "current": key }).to_string());
        let notice = json!({ "type": "district.shared", "district": self.source }).to_string();
        let step = progress.step("a notice");
        let forged = self.stack.knock("a key that nobody has given to anybody", &notice).await?.status;
        let taken = self.stack.knock(&key, &notice).await?.status;
        if let Some(due) = self.stack.next_schedule() {
            self.stack.live_until(due).await;
        }
        drop(step);
        let (status, runs) = (self.status().await?, self.stack.table().newest(&self.district, 1).await?);
        print(&format!(
            "\nA notice that the district shares data comes to the door of notices. One that is signed with another key is turned away ({forged}); the \
             signed one is taken ({taken}), and a minute later Clever is asked whether it is true. It is: the district is {}, operators are told, and \
             nothing is pulled yet (R-O1).\n",
            named(status),
        ))?;
        Ok((forged, taken) == (401, 202) && status == Some(DistrictStatus::Notified) && runs.is_empty())
    }

    /// R-O2: an operator says how its data is to be treated, and switches it on.
    async fn configure(&self) -> Result<bool, Fault> {
        let seen = self.send(Method::GET, "/settings", &[], None).await?;
        let (mut settings, version) = (seen.json(), seen.header("etag").unwrap_or_default().to_owned());
        settings["time_zone"] = json!(ZONE);
        self.send(Method::PUT, "/settings", &[("if-match", version.as_str())], Some(&settings)).await?;
        let configured = self.status().await?;
        self.send(Method::POST, "/sync", &[], Some(&json!({ "sync": "on", "reason": "the contract begins" }))).await?;
        let on = self.status().await?;
        print(&format!(
            "\nAn operator gives it its time zone, {ZONE}, and keeps the preset clever: it is {}. Then its sync is switched on: {}. Its first run will \
             wait for a person whatever it would do (R-O2).\n",
            named(configured),
            named(on),
        ))?;
        Ok((configured, on) == (Some(DistrictStatus::Configured), Some(DistrictStatus::InReview)))
    }

    /// R-O4: not tonight but now.
    async fn first_pull(&self, progress: &Progress) -> Result<RunRecord, Fault> {
        let step = progress.step("the first pull from Clever");
        let asked = self.send(Method::POST, "/runs", &[], Some(&json!({ "reason": "to look at it together" }))).await?.json();
        let until = self.stack.next_schedule().unwrap_or_else(|| self.stack.clock().now());
        self.stack.live_until(until).await;
        let seconds = step.seconds();
        drop(step);
        let run = self.newest().await?;
        print(&format!(
            "\nThe operator does not wait for the night and asks for a pull now (POST …/runs, R-O4). All pages of all of Clever's lists are read and \
             planned in {seconds:.1} s; the run {} is {}.\n",
            run.run,
            if run.state == RunState::Held { "held" } else { "not held, which is not as it should be" },
        ))?;
        if asked["run"] != run.run.as_str() {
            return Err(Fault::Said(format!("the pull became run {} and not {}, as was said", run.run, asked["run"])));
        }
        Ok(run)
    }

    /// R-O2: the district's administrator sees what would come; an operator approves it.
    async fn review(&self, run: &RunRecord, progress: &Progress) -> Result<bool, Fault> {
        let below = format!("/runs/{}/review", run.run);
        let reply = self.leader.get(&self.path(&below)).await?;
        if !reply.is_ok() {
            return Err(Fault::Said(format!("the review was answered with {}: {}", reply.status, reply.text())));
        }
        let review = reply.json();
        print(&format!(
            "\nThe district's administrator and the operator look at it together (GET …/runs/{}/review):\n\n{}",
            run.run,
            reviewed::in_words(&review)
        ))?;
        let is_held = run.state == RunState::Held && review["waits"] == true;
        let step = progress.step("writing the first run");
        let decision = json!({ "decision": "approve", "reason": "seen with the district's administrator" });
        self.send(Method::POST, &format!("/runs/{}/decision", run.run), &[], Some(&decision)).await?;
        self.stack.settled().await;
        drop(step);
        let (status, after) = (self.status().await?, self.newest().await?);
        // As the hourly look of the deployed stack does.
        self.stack.invoke(PULL, json!({ "look": "clever" })).await;
        let outcome = self.outcome(after).await?;
        let next = self.stack.next_schedule();
        print(&format!(
            "\nIt is right, so the operator approves it: the run is {}, {} items are written, and the district is {}. From now on it has its nights: the \
             next at {}.\n",
            state(outcome.run.state),
            words::thousands(outcome.report.item_writes),
            named(status),
            next.map_or_else(|| "no time at all, which is not as it should be".into(), local_time),
        ))?;
        Ok(is_held && outcome.run.state == RunState::Applied && status == Some(DistrictStatus::Live) && next.is_some())
    }

    fn nights(&self) -> [Nightly; 3] {
        [
            Nightly { title: "nothing has changed", changes: |_| {}, due: RunState::Unchanged },
            Nightly {
                title: "some people and classes have changed",
                changes: |act| _ = act.stack.clever().sync(&act.source, &act.set.night(1)),
                due: RunState::Applied,
            },
            Nightly {
                title: "by mistake one school alone is shared",
                changes: |act| {
                    let one = act.stack.clever().ids(&act.source, List::Schools).into_iter().take(1).collect();
                    act.stack.clever().share(&act.source, Sharing::Schools(one));
                },
                due: RunState::Held,
            },
        ]
    }

    /// One night: what its schedule orders at its time.
    async fn night(&self, night: &Nightly, progress: &Progress) -> Result<RunRecord, Fault> {
        (night.changes)(self);
        let step = progress.step("a night at Clever");
        let due = self.stack.next_schedule().ok_or_else(|| Fault::Said("the district has no nightly schedule".into()))?;
        self.stack.live_until(due + NIGHT).await;
        drop(step);
        self.newest().await
    }

    async fn newest(&self) -> Result<RunRecord, Fault> {
        let newest = self.stack.table().newest(&self.district, 1).await?.pop();
        newest.ok_or_else(|| Fault::Said(format!("{NAME} has no run; the logs are below {}", self.stack.data().display())))
    }

    async fn outcome(&self, run: RunRecord) -> Result<Outcome, Fault> {
        Outcome::gather(self.stack, Some(run)).await
    }
}

/// A district's status as it is stored.
fn named(status: Option<DistrictStatus>) -> String {
    status.map_or_else(|| "unknown".into(), |status| format!("`{}`", word(&json!(status))))
}

fn state(state: RunState) -> String {
    word(&json!(state))
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or("?").to_owned()
}

/// A moment where the district is.
fn local_time(at: Timestamp) -> String {
    let here = at.in_tz(ZONE).map(|at| at.strftime("%H:%M on %-d %B %Y").to_string());
    here.map_or_else(|_| at.to_string(), |here| format!("{here}, {ZONE}"))
}

/// The nights, a line each; of one that is held, why.
fn summary(nights: &[(Nightly, Outcome)]) -> String {
    let mut text = format!("\n  {:<8}{:<40}{:<11}{:>8}{:>9}{:>9}\n", "night", "at Clever", "run", "added", "changed", "removed");
    for (nth, (night, outcome)) in nights.iter().enumerate() {
        let people = ["student", "teacher"].map(|kind| outcome.counts(kind));
        let sum = |of: fn(&rules::plan::Counts) -> u64| words::thousands(people.iter().map(of).sum());
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
        if outcome.run.state != night.due {
            let _ = writeln!(text, "  {:<8}this should not have happened: it was to be {}", "", state(night.due));
        }
    }
    text.push_str("  (students and teachers together)\n");
    text
}
