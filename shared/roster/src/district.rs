//! The life of a district: its statuses and the steps between them (R-O1 to R-O5). Code that
//! changes a district's status checks here whether the step is allowed.
//!
//! A district begins as `notified`, if its source has reported it (R-O1), or as `configured`, if an
//! operator creates it. It can be erased (R-O6) in any status.

use crate::rule::Rule;
use crate::settings::DistrictStatus;

/// A step in the life of a district.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An operator changes the settings.
    Configure,
    /// The sync is switched on, for the first time or again.
    SwitchOn,
    /// The sync is switched off: the mirror stays, and everything can be edited by hand.
    SwitchOff,
    /// A person approves the run under review.
    Approve,
    /// Syncing stops temporarily; the rules for editing do not change.
    Pause,
    /// Syncing continues, without a review.
    Resume,
    /// Data is pulled, nightly or on request.
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

/// A step that the district's status does not allow. The text says what to do instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{instead}")]
pub struct NotAllowed {
    /// The status of the district.
    pub from: DistrictStatus,
    /// The requested step.
    pub step: Step,
    /// The rule that forbids the step.
    pub rule: Rule,
    /// Why the step is not allowed, and what to do instead.
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
    /// Returns the status after a step, or an error if the step is not allowed. A step to the
    /// current status changes nothing.
    ///
    /// A district becomes `live` only by a review or, after one, from `paused`. Pausing a district
    /// never skips its review.
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

    /// Whether data is pulled and planned: in the statuses `live` and `in_review`.
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

    /// Takes steps one after the other.
    fn walk(from: DistrictStatus, steps: &[Step]) -> Result<DistrictStatus, NotAllowed> {
        steps.iter().try_fold(from, |at, step| at.after(*step))
    }

    /// Returns all status pairs that a step connects.
    fn transitions(step: Step) -> Vec<(DistrictStatus, DistrictStatus)> {
        EVERY.into_iter().filter_map(|from| Some((from, from.after(step).ok()?))).collect()
    }

    #[test]
    fn r_o1_an_unconfigured_district_allows_no_other_step() {
        for step in Step::ALL.into_iter().filter(|step| *step != Step::Configure) {
            let refused = Notified.after(step).unwrap_err();
            assert_eq!((refused.rule, refused.instead), (Rule::O2, UNCONFIGURED), "{step:?}");
        }
        assert!(!Notified.takes_data());
    }

    #[test]
    fn r_o2_a_district_is_configured_switched_on_reviewed_then_live() {
        assert_eq!(walk(Notified, &[Step::Configure]), Ok(Configured));
        assert_eq!(walk(Notified, &[Step::Configure, Step::SwitchOn]), Ok(InReview));
        assert_eq!(
            walk(Notified, &[Step::Configure, Step::SwitchOn, Step::Pull, Step::Approve]),
            Ok(Live)
        );
        assert_eq!(transitions(Step::Approve), [(InReview, Live)], "only in_review has a review");
        assert_eq!(
            transitions(Step::Configure),
            EVERY.map(|at| (at, if at == Notified { Configured } else { at }))
        );
    }

    #[test]
    fn r_o2_no_sequence_of_steps_skips_the_review() {
        // Every walk of up to five steps that ends in `live` has an approval after the sync was
        // last switched on.
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
    fn r_o4_a_live_district_can_be_paused_and_only_a_synced_one_is_pulled() {
        assert_eq!(walk(Live, &[Step::Pause, Step::Resume]), Ok(Live), "without a review");
        assert_eq!(transitions(Step::Pause), [(Live, Paused), (Paused, Paused)]);
        assert_eq!(transitions(Step::Resume), [(Live, Live), (Paused, Live)]);
        assert_eq!(transitions(Step::Pull), [(InReview, InReview), (Live, Live)]);
        let refused = |at: DistrictStatus, step| at.after(step).unwrap_err().instead;
        assert_eq!(refused(Paused, Step::Pull), PAUSED);
        assert_eq!(refused(InReview, Step::Pause), IN_REVIEW, "a pause would skip the review");
        assert_eq!((refused(Off, Step::Resume), refused(Configured, Step::Resume)), (OFF, NOT_ON));
    }

    #[test]
    fn r_o5_a_sync_switched_off_and_on_again_is_reviewed() {
        assert_eq!(
            transitions(Step::SwitchOff),
            [(Configured, Off), (InReview, Off), (Live, Off), (Paused, Off), (Off, Off)]
        );
        assert_eq!(walk(Live, &[Step::SwitchOff, Step::SwitchOn]), Ok(InReview));
        assert_eq!(walk(Paused, &[Step::SwitchOff, Step::SwitchOn]), Ok(InReview));
        assert_eq!(
            transitions(Step::SwitchOn),
            [(Configured, InReview), (InReview, InReview), (Live, Live), (Off, InReview)]
        );
        assert_eq!(Paused.after(Step::SwitchOn).unwrap_err().instead, PAUSED, "it is on");
    }
}
