//! Codes for pulls from a source's server: why a pull did not become a snapshot, and problems in
//! what the server sent.

use super::codes;

codes! {
    SOURCE_DOWN = "source_down", Stop,
        "the source's server did not answer, or failed repeatedly",
        "Nothing was changed, and the next pull tries again. If this continues, contact the \
         source's support.";
    SOURCE_TOKEN = "source_token", Stop,
        "the source no longer accepts the district's token",
        "Check at the source that the district is still connected. If it is, check the secret in \
         Secrets Manager.";
    SOURCE_NO_TOKEN = "source_no_token", Stop,
        "the district has no token",
        "Check at the source that the district has connected the application, and check the name \
         of the secret in the district's settings.";
    SOURCE_REFUSED = "source_refused", Stop,
        "the source refused to send a list",
        "Check at the source which data the application may read. An operator can check version \
         and page_size in the district's settings.";
    SOURCE_PAGES = "source_pages", Stop,
        "the source sent pages of a list that do not fit together",
        "Nothing was changed, and the next pull tries again. If this continues, contact the \
         source's support.";
    SOURCE_OTHER_DISTRICT = "source_other_district", Stop,
        "the token belongs to another district",
        "Ask an operator to correct the district's id or secret in the settings.";
    SOURCE_CHANGING = "source_changing", Stop,
        "the district's data at the source kept changing while it was read",
        "Nothing was changed, and the next pull tries again. A later hour in the district's \
         schedule may help.";
    SOURCE_PAUSED = "source_paused", Stop,
        "the district was paused or switched off while its data was read",
        "Nothing to do. Resume the district to sync it again.";
    CHANGES_TOO_LATE = "changes_too_late", Stop,
        "the incremental pull was skipped: its full pull has expired, incremental pulls are off, \
         or a run is held",
        "Nothing to do: the next full pull reads everything.";
    SOURCE_FROZEN = "source_frozen", Warn,
        "the district's own sync to the source is paused or fails; the data is from its last good \
         sync",
        "The data was read correctly. To get current data, ask the district to resume or repair \
         its sync at the source.";
    DEMOGRAPHICS_NOT_SHARED = "demographics_not_shared", Warn,
        "the source shares no demographics; students were read without them",
        "Turn on demographics at the source, or set the policy demographics to ignore.";
    NOTHING_SHARED = "nothing_shared", Stop,
        "the district shares no school",
        "Ask the district to share its schools with the application.";
    RECORD_UNREADABLE = "record_unreadable", Drop,
        "a record from the source cannot be read; it stays unchanged",
        "Check the record at the source for damage.";
    RECORD_TWICE = "record_twice", Drop,
        "the source sent one id twice with different contents; the record stays unchanged",
        "Nothing to do if it happens once. If it happens again, contact the source's support.";
    RECORD_OF_OTHER_DISTRICT = "record_of_other_district", Drop,
        "a record belongs to another district; it was skipped",
        "Contact the source's support.";
    SCHOOL_NOT_SHARED = "school_not_shared", Drop,
        "a record belongs only to schools that are not shared; the record and these schools stay \
         unchanged",
        "Share the school, or stop sharing the record.";
    PEOPLE_NOT_SHARED = "people_not_shared", Info,
        "classes name people who are not shared; these people were not added to the classes",
        "Share these people to add them to their classes.";
    CHILDREN_NOT_SHARED = "children_not_shared", Info,
        "contacts name students who are not shared; these relationships were ignored",
        "Share these students if they belong to the application.";
    CONTACT_NOT_GUARDIAN = "contact_not_guardian", Info,
        "contacts are emergency contacts, or the students themselves; they are not guardians",
        "If a contact is a guardian, enter the relationship to the student in the student \
         information system.";
    RACE_UNKNOWN = "race_unknown", Info,
        "students have a race value that is not known here; it was ignored",
        "Nothing to do.";
}
