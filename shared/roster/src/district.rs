//! The life of a district, as states and the steps between them (R-O1 to R-O5). Who stores where a
//! district stands asks here whether a step is allowed.
//!
//! A district begins `notified`, where its source has told of it (R-O1), or `configured`, where an
//! operator makes it. Erasing it (R-O6) ends it from anywhere.

use crate::rule::Rule;
use crate::settings::DistrictStatus;

/// What happens to a district.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An operator changes its settings.
    Configure,
    /// Its sync is switched on, for the first time or again.
    SwitchOn,
    /// Its sync is switched off: the mirror stays, and people may edit everything.
    SwitchOff,
    /// A person approves the run that is reviewed.
    Approve,
    /// It is not synced for a while; nothing may be edited that could not be before.
    Pause,
    /// It is synced again, without a review.
    Resume,
    /// Its data is asked for: every night, or now.
    Pull,
}

impl Step {
    /// All steps.
    pub const ALL: [Step; 7] = [
        Step::Configure,
        Step::SwitchOn,
        Step::SwitchOff,
        Step::Approve,
        Step::Pause,
        Step::Resume,
        Step::Pull,
    ];
}

/// A step that the district's state does not allow. The text says what to do instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{instead}")]
pub struct NotAllowed {
    /// Where the district stands.
    pub from: DistrictStatus,
    /// What was asked.
    pub step: Step,
    /// The rule that forbids it.
    pub rule: Rule,
    /// Why not, and what to do instead.
    pub instead: &'static str,
}

const UNCONFIGURED: &str = "the district is not configured yet: save its settings first";
const NOT_ON: &str =
    "the district's sync was never switched on: switch it on, then review its first run";
const IN_REVIEW: &str =
    "the district's first run waits for review: approve or reject it, or switch the sync off";
const LIVE: &str = "the district is live: no review is open";
const PAUSED: &str = "the district is paused: resume it first";
const OFF: &str = "the district's sync is off: switch it on, then review the first run after that";

impl DistrictStatus {
    /// The state after a step, or why there is none. A step that leads where the district is
    /// already changes nothing.
    ///
    /// No way leads to `live` but through a review, and from `paused`, which was live: whoever
    /// pauses a district cannot spare it its review.
    pub fn after(self, step: Step) -> Result<DistrictStatus, NotAllowed> {
        use DistrictStatus::*;
        let refused = |rule, instead| Err(NotAllowed { from: self, step, rule, instead });
        match (self, step) {
            (Notified, Step::Configure) => Ok(Configured),
            (same, Step::Configure) => Ok(same),
            (Notified, _) => refused(Rule::O2, UNCONFIGURED),
            (Configured | Off, Step::SwitchOn) => Ok(InReview),
            (InReview | Live, Step::SwitchOn) => Ok(self),
            (Paused, Step::SwitchOn) => refused(Rule::O4, PAUSED),
            (_, Step::SwitchOff) => Ok(Off),
            (Configured, _) => refused(Rule::O2, NOT_ON),
            (Off, _) => refused(Rule::O5, OFF),
            (InReview, Step::Approve) | (Paused, Step::Resume) => Ok(Live),
            (InReview, Step::Pause | Step::Resume) => refused(Rule::O2, IN_REVIEW),
            (Live, Step::Approve) => refused(Rule::O2, LIVE),
            (Live | Paused, Step::Pause) => Ok(Paused),
            (Paused, Step::Approve | Step::Pull) => refused(Rule::O4, PAUSED),
            (InReview | Live, Step::Pull) | (Live, Step::Resume) => Ok(self),
        }
    }

    /// Returns true if data of the source is read and planned: the district is live or in review.
    pub fn takes_data(self) -> bool {
        self.after(Step::Pull).is_ok()
    }

    /// Returns true if an undo or a restore may change the mirror: the district is live or paused.
    /// While its sync is off, only local edits change the mirror (R-O5).
    pub fn is_reversible(self) -> bool {
        matches!(self, DistrictStatus::Live | DistrictStatus::Paused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DistrictStatus::{Configured, InReview, Live, Notified, Off, Paused};

    const EVERY: [DistrictStatus; 6] = [Notified, Configured, InReview, Live, Paused, Off];

    /// Goes from step to step.
    fn walk(from: DistrictStatus, steps: &[Step]) -> Result<DistrictStatus, NotAllowed> {
        steps.iter().try_fold(from, |at, step| at.after(*step))
    }

    /// From where a step leads where.
    fn leads(step: Step) -> Vec<(DistrictStatus, DistrictStatus)> {
        EVERY.into_iter().filter_map(|from| Some((from, from.after(step).ok()?))).collect()
    }

    #[test]
    fn r_o1_nothing_happens_to_a_district_that_nobody_has_configured() {
        for step in Step::ALL.into_iter().filter(|step| *step != Step::Configure) {
            let refused = Notified.after(step).unwrap_err();
            assert_eq!((refused.rule, refused.instead), (Rule::O2, UNCONFIGURED), "{step:?}");
        }
        assert!(!Notified.takes_data());
    }

    #[test]
    fn r_o2_a_district_is_configured_switched_on_reviewed_and_then_live() {
        assert_eq!(walk(Notified, &[Step::Configure]), Ok(Configured));
        assert_eq!(walk(Notified, &[Step::Configure, Step::SwitchOn]), Ok(InReview));
        assert_eq!(
            walk(Notified, &[Step::Configure, Step::SwitchOn, Step::Pull, Step::Approve]),
            Ok(Live)
        );
        assert_eq!(leads(Step::Approve), [(InReview, Live)], "nothing else is reviewed");
        assert_eq!(
            leads(Step::Configure),
            EVERY.map(|at| (at, if at == Notified { Configured } else { at }))
        );
    }

    #[test]
    fn r_o2_no_way_goes_round_the_review() {
        // Every walk of up to five steps that ends live has an approval behind the last time that
        // the sync was switched on.
        let mut walks = vec![(Notified, Vec::new()), (Configured, Vec::new())];
        for _ in 0..5 {
            let longer = walks.iter().flat_map(|(at, steps): &(DistrictStatus, Vec<Step>)| {
                Step::ALL.into_iter().filter_map(|step| {
                    let mut steps = steps.clone();
                    steps.push(step);
                    Some((at.after(step).ok()?, steps))
                })
            });
            walks = longer.collect();
            for (at, steps) in &walks {
                let last = |wanted: Step| steps.iter().rposition(|step| *step == wanted);
                let switched =
                    steps.iter().enumerate().scan(Configured, |before, (place, step)| {
                        let off = matches!(*before, Configured | Off) && *step == Step::SwitchOn;
                        *before = before.after(*step).unwrap_or(*before);
                        Some(off.then_some(place))
                    });
                let switched = switched.flatten().last();
                assert!(
                    !matches!(at, Live | Paused) || last(Step::Approve) > switched,
                    "{steps:?}"
                );
            }
        }
        assert!(walks.iter().any(|(at, _)| *at == Live));
    }

    #[test]
    fn r_o4_a_live_district_is_paused_and_resumed_and_only_a_synced_one_is_pulled() {
        assert_eq!(walk(Live, &[Step::Pause, Step::Resume]), Ok(Live), "without a review");
        assert_eq!(leads(Step::Pause), [(Live, Paused), (Paused, Paused)]);
        assert_eq!(leads(Step::Resume), [(Live, Live), (Paused, Live)]);
        assert_eq!(leads(Step::Pull), [(InReview, InReview), (Live, Live)]);
        let refused = |at: DistrictStatus, step| at.after(step).unwrap_err().instead;
        assert_eq!(refused(Paused, Step::Pull), PAUSED);
        assert_eq!(refused(InReview, Step::Pause), IN_REVIEW, "a pause would spare it the review");
        assert_eq!((refused(Off, Step::Resume), refused(Configured, Step::Resume)), (OFF, NOT_ON));
    }

    #[test]
    fn r_o5_a_sync_is_switched_off_from_wherever_it_was_on_and_on_again_into_a_review() {
        assert_eq!(
            leads(Step::SwitchOff),
            [(Configured, Off), (InReview, Off), (Live, Off), (Paused, Off), (Off, Off)]
        );
        assert_eq!(walk(Live, &[Step::SwitchOff, Step::SwitchOn]), Ok(InReview));
        assert_eq!(walk(Paused, &[Step::SwitchOff, Step::SwitchOn]), Ok(InReview));
        assert_eq!(
            leads(Step::SwitchOn),
            [(Configured, InReview), (InReview, InReview), (Live, Live), (Off, InReview)]
        );
        assert_eq!(Paused.after(Step::SwitchOn).unwrap_err().instead, PAUSED, "it is on");
    }
}
