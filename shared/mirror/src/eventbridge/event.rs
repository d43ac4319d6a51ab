//! The notifications to operators, and their texts.
//!
//! Every rule on the bus can receive an event: to send an e-mail, to open a ticket, or to page an
//! engineer. Therefore its source, its detail type and the field names of its detail must not
//! change. Only the sentences `what` and `next`, which are for people, may change. An event
//! contains districts, schools and runs, rules and codes, and counts. It contains no name or id of
//! a person, no token and no text that a source sent.

use std::collections::BTreeMap;

use jiff::Timestamp;
use roster::change::Counts;
use roster::finding::{Severity, all_codes};
use roster::id::{DistrictId, RunId, SourceId};
use roster::outcome::Hold;
use roster::report::FindingList;
use roster::rule::Rule;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

/// The maximum number of reasons for a hold that an event lists. Events have a maximum size, and a
/// district may have a thousand schools.
const MOST_GUARDS: usize = 20;

/// The type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A district has connected the application at a source, and shares a school (R-O1).
    DistrictShares,
    /// A district is no longer connected at the source.
    DistrictGone,
    /// A district that was disconnected is connected again.
    DistrictBack,
    /// A district's data could not be pulled.
    PullFailed,
    /// A district's upload was refused.
    UploadRefused,
    /// The first run of a district, or the first after its sync was switched on again, waits for an
    /// operator (R-O2, R-O5).
    ReviewWaits,
    /// A run would remove or change too much, and waits for an operator (R-H1).
    RunHeld,
}

impl Kind {
    /// All types.
    pub const ALL: [Self; 7] = [
        Self::DistrictShares,
        Self::DistrictGone,
        Self::DistrictBack,
        Self::PullFailed,
        Self::UploadRefused,
        Self::ReviewWaits,
        Self::RunHeld,
    ];

    /// The event's `detail-type`.
    pub fn detail_type(self) -> &'static str {
        match self {
            Self::DistrictShares => "District Shares",
            Self::DistrictGone => "District Gone",
            Self::DistrictBack => "District Back",
            Self::PullFailed => "Pull Failed",
            Self::UploadRefused => "Upload Refused",
            Self::ReviewWaits => "Review Waits",
            Self::RunHeld => "Run Held",
        }
    }

    /// The event's `source`: the function that sends it.
    pub fn source(self) -> &'static str {
        match self {
            Self::DistrictShares | Self::DistrictGone | Self::DistrictBack | Self::PullFailed => {
                "rollbook.nightly-pull"
            }
            Self::UploadRefused => "rollbook.oneroster-import",
            Self::ReviewWaits | Self::RunHeld => "rollbook.reconcile",
        }
    }
}

/// One reason for a hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Guard {
    /// The kind of record whose limit is exceeded: `student`, …, `enrollment`; `district` for a
    /// review.
    pub kind: String,
    /// The source id of the school; `None` for the whole district.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub school: Option<SourceId>,
    /// The planned change and the limit that it exceeds, as a sentence.
    pub what: String,
    /// The number of affected records.
    pub count: u64,
    /// The number of all records.
    pub of: u64,
}

/// The state of the run or the district.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A district that shares data and has no settings yet.
    Notified,
    /// A district that is no longer connected.
    Disconnected,
    /// A district that is connected again.
    Returned,
    /// A run that is retried automatically.
    Importing,
    /// A run that has ended without a snapshot.
    Refused,
    /// A run that waits for an operator.
    Held,
}

/// The event's `detail`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Detail {
    /// The id of the event. Delivery is at least once; repeated events have the same id.
    pub id: String,
    /// The district.
    pub district: DistrictId,
    /// The run; `None` for events without a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The state of the run or the district.
    pub status: Status,
    /// The rules that apply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// The reasons for a hold, up to a maximum.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<Guard>,
    /// The number of further reasons in the run's report.
    #[serde(skip_serializing_if = "is_zero")]
    pub guards_left_out: usize,
    /// The number of findings by code.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub findings: BTreeMap<String, u64>,
    /// For a held run: counts by kind, and `enrollment`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, Counts>,
    /// The time of the next attempt of the same run; `None` if there is no further attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tried_again: Option<Timestamp>,
    /// The sentence that says what has happened.
    pub what: String,
    /// One or two sentences that say what to do next.
    pub next: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// An event, as sent to the bus.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The type.
    pub kind: Kind,
    /// The time.
    pub at: Timestamp,
    /// The detail.
    pub detail: Detail,
}

impl Event {
    /// Returns an event without texts. `apart` distinguishes events of the same type for one run or
    /// district. It must be the same when an event is repeated.
    fn new(
        kind: Kind,
        at: Timestamp,
        district: &DistrictId,
        run: Option<&RunId>,
        apart: &str,
        status: Status,
    ) -> Self {
        let run_text = run.map_or("", |run| run.as_str());
        let identity = [kind.detail_type(), district.as_str(), run_text, apart].join("\u{1f}");
        let detail = Detail {
            id: format!("{:032x}", xxh3_128(identity.as_bytes())),
            district: district.clone(),
            run: run.cloned(),
            status,
            rules: Vec::new(),
            guards: Vec::new(),
            guards_left_out: 0,
            findings: BTreeMap::new(),
            counts: BTreeMap::new(),
            tried_again: None,
            what: String::new(),
            next: String::new(),
        };
        Self { kind, at, detail }
    }

    fn saying(mut self, what: impl Into<String>, next: impl Into<String>) -> Self {
        (self.detail.what, self.detail.next) = (what.into(), next.into());
        self
    }

    /// A district shares data at a source for the first time; nothing is pulled yet.
    pub fn district_shares(at: Timestamp, district: &DistrictId) -> Self {
        let mut event = Self::new(Kind::DistrictShares, at, district, None, "", Status::Notified)
            .saying(
                format!(
                    "District {district} shares data for the first time. \
                     Nothing has been pulled yet."
                ),
                "Configure its preset, time zone and schools, then switch its sync on. \
                 Its first run waits for your review.",
            );
        event.detail.rules = vec![Rule::O1, Rule::O2];
        event
    }

    /// A district has been missing at the source since `missed`.
    pub fn district_gone(at: Timestamp, district: &DistrictId, missed: Timestamp) -> Self {
        let mut event = Self::new(
            Kind::DistrictGone,
            at,
            district,
            None,
            &missed.to_string(),
            Status::Disconnected,
        )
        .saying(
            format!(
                "District {district} is no longer connected to its source. \
                 Its data was not changed."
            ),
            "Ask the district whether it has left. If it has, switch its sync off. \
             Rollbook keeps its data until you erase the district.",
        );
        event.detail.rules = vec![Rule::O5];
        event
    }

    /// A district that has been missing since `missed` is connected again.
    pub fn district_back(at: Timestamp, district: &DistrictId, missed: Timestamp) -> Self {
        Self::new(Kind::DistrictBack, at, district, None, &missed.to_string(), Status::Returned)
            .saying(
                format!("District {district} is connected to its source again."),
                "Nothing to do: its nightly pulls continue if its sync is on.",
            )
    }

    /// A pull ended without a snapshot.
    pub fn pull_failed(
        at: Timestamp,
        district: &DistrictId,
        run: &RunId,
        findings: &FindingList,
    ) -> Self {
        let event = Self::new(Kind::PullFailed, at, district, Some(run), "", Status::Refused);
        event.refused(findings, "The pull", "the next nightly pull tries again")
    }

    /// The source did not respond, or failed. The pull is retried automatically.
    pub fn pull_is_tried_again(
        at: Timestamp,
        district: &DistrictId,
        run: &RunId,
        again: Timestamp,
    ) -> Self {
        let mut event =
            Self::new(Kind::PullFailed, at, district, Some(run), "again", Status::Importing)
                .saying(
                    format!(
                        "The pull {run} of district {district} was postponed because the source's \
                         server does not respond or reports an error."
                    ),
                    format!(
                        "Nothing to do: the pull is retried at {again:.0}, and a few more times if \
                         necessary. If all attempts fail, it is refused."
                    ),
                );
        event.detail.tried_again = Some(again);
        event.detail.rules = vec![Rule::H3];
        event
    }

    /// An upload was refused.
    pub fn upload_refused(
        at: Timestamp,
        district: &DistrictId,
        run: &RunId,
        findings: &FindingList,
    ) -> Self {
        let event = Self::new(Kind::UploadRefused, at, district, Some(run), "", Status::Refused);
        event.refused(findings, "The upload", "the next upload starts a new run")
    }

    /// Describes the findings that stopped a run.
    fn refused(mut self, findings: &FindingList, what: &str, then: &str) -> Self {
        let stops: Vec<&str> = findings
            .totals
            .iter()
            .filter(|(_, total)| total.severity == Severity::Stop)
            .map(|(code, _)| code.as_str())
            .collect();
        let stops: Vec<_> = all_codes().filter(|code| stops.contains(&code.name)).collect();
        let meaning: Vec<&str> = stops.iter().map(|code| code.meaning).collect();
        let advice: Vec<&str> = stops.iter().map(|code| code.advice).collect();
        let run = self.detail.run.as_ref().map_or("", |run| run.as_str());
        let said = format!(
            "{what} {run} of district {} was refused: {}. Nothing was changed; {then}.",
            self.detail.district,
            meaning.join("; ")
        );
        self.detail.findings =
            findings.totals.iter().map(|(code, total)| (code.clone(), total.count)).collect();
        self.detail.rules = vec![Rule::H3];
        self.saying(said, advice.join(" "))
    }

    /// A run is held. `review`: its district is in review, so every plan is held. `plan`
    /// distinguishes several plans of the run.
    pub fn run_waits(
        at: Timestamp,
        (district, run): (&DistrictId, &RunId),
        review: bool,
        (holds, counts): (&[Hold], &BTreeMap<String, Counts>),
        plan: &str,
    ) -> Self {
        let kind = if review { Kind::ReviewWaits } else { Kind::RunHeld };
        let mut event = Self::new(kind, at, district, Some(run), plan, Status::Held);
        let guard = |hold: &Hold| Guard {
            kind: hold.kind.clone(),
            school: hold.school.clone(),
            what: hold.what.clone(),
            count: hold.count,
            of: hold.of,
        };
        event.detail.guards = holds.iter().take(MOST_GUARDS).map(guard).collect();
        event.detail.guards_left_out = holds.len().saturating_sub(MOST_GUARDS);
        event.detail.counts = counts.clone();
        event.detail.rules = if review { vec![Rule::O2, Rule::O5] } else { vec![Rule::H1] };
        let first = holds.first().map_or("", |hold| hold.what.as_str());
        let more = match holds.len().saturating_sub(1) {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let what = if review { "waits for review" } else { "is held" };
        event.saying(
            format!("Run {run} of district {district} {what}: {first}{more}. Nothing was written."),
            "Read the run's report, then approve the run, approve only its additions, or reject \
             it.",
        )
    }
}

#[cfg(test)]
mod tests {
    use roster::finding::{Finding, pull};

    use super::*;

    fn ids() -> (DistrictId, RunId) {
        (DistrictId::new("oak"), RunId::new("01HZ"))
    }

    fn hold(count: u64) -> Hold {
        Hold {
            guard: roster::outcome::Guard::Removed,
            class: None,
            kind: "student".into(),
            school: None,
            what: format!("{count} of 90 student records would be removed"),
            count,
            of: 90,
        }
    }

    fn waits(review: bool, plan: &str) -> Event {
        let ((district, run), counts) = (
            ids(),
            BTreeMap::from([("student".into(), Counts { removed: 30, ..Counts::default() })]),
        );
        Event::run_waits(
            Timestamp::UNIX_EPOCH,
            (&district, &run),
            review,
            (&[hold(30)], &counts),
            plan,
        )
    }

    #[test]
    fn a_repeated_event_has_the_same_id_and_other_events_have_other_ids() {
        let later = Timestamp::from_second(60).unwrap();
        let again = Event { at: later, ..waits(false, "1") };
        assert_eq!(waits(false, "1").detail, again.detail);
        let (oak, run) = ids();
        let others = [
            waits(false, "2"),
            waits(true, "1"),
            Event::district_shares(later, &oak),
            Event::district_gone(later, &oak, Timestamp::UNIX_EPOCH),
            Event::district_gone(later, &oak, later),
            Event::district_back(later, &oak, Timestamp::UNIX_EPOCH),
            Event::pull_is_tried_again(later, &oak, &run, later),
            Event::pull_failed(later, &oak, &run, &FindingList::default()),
            Event::upload_refused(later, &oak, &run, &FindingList::default()),
            Event::district_shares(later, &DistrictId::new("elm")),
        ];
        let ids: std::collections::BTreeSet<String> =
            others.iter().chain([&again]).map(|event| event.detail.id.clone()).collect();
        assert_eq!(ids.len(), others.len() + 1);
    }

    #[test]
    fn sources_types_and_field_names_do_not_change() {
        let types: Vec<String> = Kind::ALL
            .iter()
            .map(|kind| format!("{}: {}", kind.source(), kind.detail_type()))
            .collect();
        assert_eq!(
            types,
            [
                "rollbook.nightly-pull: District Shares",
                "rollbook.nightly-pull: District Gone",
                "rollbook.nightly-pull: District Back",
                "rollbook.nightly-pull: Pull Failed",
                "rollbook.oneroster-import: Upload Refused",
                "rollbook.reconcile: Review Waits",
                "rollbook.reconcile: Run Held",
            ]
        );
        let detail = serde_json::to_value(waits(false, "1").detail).unwrap();
        let mut names: Vec<&str> = detail.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["counts", "district", "guards", "id", "next", "rules", "run", "status", "what"]
        );
        assert_eq!(
            (&detail["status"], &detail["rules"]),
            (&"held".into(), &serde_json::json!(["R-H1"]))
        );
        assert_eq!(detail["guards"][0]["count"], 30);
    }

    #[test]
    fn a_refusal_has_meaning_and_advice_but_no_text_from_the_source() {
        let (oak, run) = ids();
        let mut findings = FindingList::default();
        findings.push(Finding::new(&pull::SOURCE_REFUSED).with("404: Ada Quill is not here"));
        findings.push(Finding::new(&pull::RACE_UNKNOWN));
        let event = Event::pull_failed(Timestamp::UNIX_EPOCH, &oak, &run, &findings);
        assert!(
            event.detail.what.contains(pull::SOURCE_REFUSED.meaning)
                && !event.detail.what.contains("race")
        );
        assert_eq!(event.detail.next, pull::SOURCE_REFUSED.advice);
        assert_eq!(event.detail.findings["race_unknown"], 1);
        assert!(!serde_json::to_string(&event.detail).unwrap().contains("Ada"));
    }

    #[test]
    fn sentences_have_no_characters_that_break_an_input_transformer() {
        // An input transformer of an EventBridge rule does not escape text.
        let (oak, run) = ids();
        let refused = all_codes().map(|code| {
            let mut findings = FindingList::default();
            findings.push(Finding::new(code).with_severity(Severity::Stop));
            Event::upload_refused(Timestamp::UNIX_EPOCH, &oak, &run, &findings)
        });
        let others = [
            waits(false, "1"),
            waits(true, "1"),
            Event::district_shares(Timestamp::UNIX_EPOCH, &oak),
            Event::district_gone(Timestamp::UNIX_EPOCH, &oak, Timestamp::UNIX_EPOCH),
            Event::district_back(Timestamp::UNIX_EPOCH, &oak, Timestamp::UNIX_EPOCH),
            Event::pull_is_tried_again(Timestamp::UNIX_EPOCH, &oak, &run, Timestamp::UNIX_EPOCH),
        ];
        for Event { detail, .. } in refused.chain(others) {
            for text in [&detail.what, &detail.next] {
                assert!(
                    text.ends_with('.') && !text.contains(['"', '\\', '<', '>', '\n']),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn an_event_lists_only_the_first_of_many_reasons() {
        let (district, run) = ids();
        let holds: Vec<Hold> = (0..1000).map(hold).collect();
        let event = Event::run_waits(
            Timestamp::UNIX_EPOCH,
            (&district, &run),
            false,
            (&holds, &BTreeMap::new()),
            "1",
        );
        assert_eq!((event.detail.guards.len(), event.detail.guards_left_out), (20, 980));
        assert!(event.detail.what.contains("(and 999 more)"), "{}", event.detail.what);
        // EventBridge rejects events over 256 KB.
        assert!(serde_json::to_string(&event.detail).unwrap().len() < 16 * 1024);
    }
}
