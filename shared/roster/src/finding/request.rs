//! Codes for problems with an undo or a restore (R-H4).

use super::codes;

codes! {
    UNDO_NOT_POSSIBLE = "undo_not_possible", Stop,
        "the run cannot be undone",
        "Check the list of runs. A run can be undone for 365 days after it was applied.";
    UNDO_REFUSED = "undo_refused", Stop,
        "records were changed after the run; nothing was undone",
        "Restore the snapshot of the previous run instead. You can review its plan before it is \
         applied.";
    UNDO_CHANGED_SINCE = "undo_changed_since", Stop,
        "a record was changed after the run",
        "Restore the snapshot of the previous run instead.";
    UNDO_EDIT_STAYS = "undo_edit_stays", Info,
        "the undone run had removed a local edit, and a newer edit has replaced it; the newer edit \
         stays",
        "Nothing to do.";
    RESTORE_NOT_POSSIBLE = "restore_not_possible", Stop,
        "the snapshot of the run cannot be restored",
        "Check the list of runs. A snapshot can be restored for 365 days, unless its run was \
         refused.";
}
