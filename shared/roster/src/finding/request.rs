//! Codes for what a person asked for and what is in its way (R-H4).

use super::codes;

codes! {
    UNDO_NOT_POSSIBLE = "undo_not_possible", Stop, "a run cannot be undone", "Look into the list of runs: a run can be undone for 365 days after it was applied.";
    UNDO_REFUSED = "undo_refused", Stop, "records were changed after the run that was to be undone; nothing was undone", "Restore the snapshot of the run before it instead: that has a plan of its own, which can be looked at before it is applied.";
    UNDO_CHANGED_SINCE = "undo_changed_since", Stop, "a record was changed after the run that was to be undone", "Restore the snapshot of the run before it instead.";
    UNDO_EDIT_STAYS = "undo_edit_stays", Info, "somebody has made a newer local edit in the place of one that the undone run had erased; the newer one stays", "Nothing needs to be done.";
    RESTORE_NOT_POSSIBLE = "restore_not_possible", Stop, "the snapshot of a run cannot be restored", "Look into the list of runs: a snapshot can be restored for 365 days, if its run was not refused.";
}
