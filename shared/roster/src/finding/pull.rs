//! Codes for a source that is pulled from a server: what keeps a pull from becoming a snapshot, and
//! what is wrong with what the server sent.

use super::codes;

codes! {
    SOURCE_DOWN = "source_down", Stop, "the source's server did not answer, or failed, again and again", "Nothing was changed, and the next pull tries again; if it stays so, ask the source's support.";
    SOURCE_TOKEN = "source_token", Stop, "the source does not take the district's token any more", "Look at the source whether the district is still connected; if it is, look whether the secret in Secrets Manager is the right one.";
    SOURCE_NO_TOKEN = "source_no_token", Stop, "there is no token for the district", "Look at the source whether the district has connected the application, and at the name of the secret in the district's settings.";
    SOURCE_REFUSED = "source_refused", Stop, "the source refuses a list", "Look at the source which data the application may read; an operator can look at version and page_size in the district's settings.";
    SOURCE_PAGES = "source_pages", Stop, "the pages of a list do not lead to its end", "Nothing was changed, and the next pull tries again; if it stays so, tell the source's support.";
    SOURCE_OTHER_DISTRICT = "source_other_district", Stop, "the token is that of another district", "Ask an operator to correct the district's id or secret in the settings.";
    SOURCE_CHANGING = "source_changing", Stop, "the district's data at the source changed again and again while it was read", "Nothing was changed, and the next pull tries again; a later hour in the district's schedule may help.";
    SOURCE_PAUSED = "source_paused", Stop, "the district was paused or switched off while its data was read", "Nothing needs to be done; resume the district when its data is to come again.";
    CHANGES_TOO_LATE = "changes_too_late", Stop, "what has changed could not be read any more: the pull of everything that it was to be read over is gone, changes are not wanted any more, or a run waits for a person", "Nothing needs to be done: the next pull of everything has it all.";
    SOURCE_FROZEN = "source_frozen", Warn, "the district's own sync to the source is paused, or fails: what is shared is what it was when that last went well", "Nothing is wrong with what was read; ask the district to resume its sync at the source, or to mend it, if its data is to be of today.";
    DEMOGRAPHICS_NOT_SHARED = "demographics_not_shared", Warn, "the source gives no demographics; students come without", "Switch demographics on at the source if they are wanted; else set the policy demographics to ignore.";
    NOTHING_SHARED = "nothing_shared", Stop, "the district shares no school", "Ask the district to share its schools with the application.";
    RECORD_UNREADABLE = "record_unreadable", Drop, "a record of the source cannot be read; it is left as it is", "Look for damage in the record at the source.";
    RECORD_TWICE = "record_twice", Drop, "one id was sent twice with different contents; the record is left as it is", "Nothing needs to be done if it does not come again; else tell the source's support.";
    RECORD_OF_OTHER_DISTRICT = "record_of_other_district", Drop, "a record says that it belongs to another district; it is not taken", "Tell the source's support.";
    SCHOOL_NOT_SHARED = "school_not_shared", Drop, "a record belongs to schools that are not shared only; it is left as it is, and so are these schools", "Share the school, or take the record out of what is shared.";
    PEOPLE_NOT_SHARED = "people_not_shared", Info, "classes name people who are not shared; they have no seat here", "Share these people if they are to be in their classes here.";
    CHILDREN_NOT_SHARED = "children_not_shared", Info, "contacts name students who are not shared; these relationships are not taken", "Nothing needs to be done.";
    CONTACT_NOT_GUARDIAN = "contact_not_guardian", Info, "contacts are somebody to call in an emergency, or the student; that makes nobody a guardian", "Give the contact a relationship to the student in the student information system if it is a guardian.";
    RACE_UNKNOWN = "race_unknown", Info, "students have a race that is none of those known; it is left out", "Nothing needs to be done.";
}
