//! Codes for what is wrong with what a source sent. The severities are those of the checks in the
//! project's OneRoster notes.

use super::codes;

codes! {
    // The archive and its files (checks 1, 2, 9 to 11).
    ZIP_UNREADABLE = "zip_unreadable", Stop, "the upload is not a zip that can be read", "Export the set again and upload the zip as it is.";
    ZIP_ENCRYPTED = "zip_encrypted", Stop, "the zip is protected by a password", "Export the set without a password; the upload itself is encrypted.";
    ZIP_EMPTY = "zip_empty", Stop, "the zip holds no file", "Export the set again and look whether the export reports errors.";
    ZIP_TOO_LARGE = "zip_too_large", Stop, "the zip holds too many files or unpacks to too much", "Upload only the OneRoster files; ask support if the set is really that large.";
    ZIP_PATH = "zip_path", Stop, "a path inside the zip leads out of it", "Zip the files anew, without folders.";
    ZIP_DUPLICATE_MEMBER = "zip_duplicate_member", Stop, "the set holds one file twice", "Leave only one of them.";
    FILES_IN_FOLDER = "files_in_folder", Warn, "the files lie in a folder inside the zip", "Zip the files themselves, not their folder.";
    FILES_IN_SEVERAL_FOLDERS = "files_in_several_folders", Stop, "the files lie in several folders inside the zip", "Put all files at the top of the zip.";
    FILE_MISSING = "file_missing", Stop, "a file that a roster needs is missing", "Export the set again with this file.";
    FILE_UNKNOWN = "file_unknown", Info, "the set holds a file that is no OneRoster file", "Nothing to do: it is not read.";
    FILE_NOT_USED = "file_not_used", Info, "the set holds a OneRoster file that a roster does not need", "Nothing to do: it is not read.";
    FILE_NAME_CASE = "file_name_case", Warn, "a file's name has other capitals than the standard's", "Name the file as the standard does.";
    SDS_FILES = "sds_files", Stop, "these are Microsoft School Data Sync files, not OneRoster", "Choose OneRoster 1.1 or 1.2 in the export of the student information system.";

    // The manifest (checks 3 to 8).
    MANIFEST_MISSING = "manifest_missing", Stop, "the set has no manifest.csv", "Export it with its manifest; if the system can write OneRoster 1.0 only, set accept_1_0.";
    TAKEN_AS_1_0 = "taken_as_1_0", Warn, "the set has no manifest.csv and is read as OneRoster 1.0", "Ask the system's vendor for OneRoster 1.1 or 1.2.";
    MANIFEST_HEADER = "manifest_header", Stop, "manifest.csv does not begin with propertyName,value", "Export the set again; do not edit the manifest.";
    MANIFEST_PROPERTY = "manifest_property", Warn, "a property of manifest.csv is missing, unknown, repeated or has a wrong value", "Export the set again; do not edit the manifest.";
    MANIFEST_MODE = "manifest_mode", Stop, "manifest.csv does not tell whether a needed file is bulk or delta", "Correct the file's property in the manifest to bulk or delta.";
    MANIFEST_VERSION = "manifest_version", Warn, "manifest.version is not 1.0", "Export the set again; spreadsheets change 1.0 to 1.";
    ONEROSTER_VERSION = "oneroster_version", Warn, "oneroster.version is unknown or contradicts the files; the files count", "Correct the version in the manifest.";
    LAYOUT_UNKNOWN = "layout_unknown", Stop, "users.csv fits neither OneRoster 1.1 nor 1.2", "Export the set as OneRoster 1.1 (users.csv with role and orgSourcedIds) or 1.2 (with roles.csv).";
    LAYOUT_CHANGED = "layout_changed", Stop, "the delta set has another version than the set that it follows", "Send a bulk set.";
    FILE_LISTED_MISSING = "file_listed_missing", Warn, "manifest.csv lists a file that is not there", "Export the set again, complete.";
    FILE_NOT_LISTED = "file_not_listed", Warn, "a file is there that manifest.csv calls absent or does not list", "Export the set again, with a manifest that fits.";

    // Encoding and header (checks 12 to 18).
    NOT_UTF8 = "not_utf8", Stop, "the file is not UTF-8", "Export it as UTF-8, or set fallback_encoding (for example windows-1252).";
    FALLBACK_ENCODING = "fallback_encoding", Warn, "the file is not UTF-8 and is read in the district's fallback encoding", "Export it as UTF-8.";
    SETTING_INVALID = "setting_invalid", Stop, "a setting of the source has a value that it cannot have", "Ask an operator to correct the setting.";
    BYTE_ORDER_MARK = "byte_order_mark", Info, "the file begins with a byte order mark", "Nothing to do.";
    UTF16 = "utf16", Warn, "the file is UTF-16", "Export it as UTF-8.";
    HEADER_MISSING = "header_missing", Stop, "the file has no header row", "Export it with its header row.";
    COLUMN_MISSING = "column_missing", Stop, "a required column is missing", "Export the file with this column.";
    OPTIONAL_COLUMN_MISSING = "optional_column_missing", Warn, "an optional column is missing", "Export the file with all columns of the standard; a column may be empty.";
    HEADER_CASE = "header_case", Warn, "a column's name has other capitals than the standard's", "Write the header as the standard does.";
    HEADER_OLD_NAME = "header_old_name", Warn, "a column has its name of OneRoster 1.0", "Write the header as OneRoster 1.1 does.";
    COLUMN_ORDER = "column_order", Warn, "the columns are not in the order of the standard", "Export them in the order of the standard.";
    COLUMN_TWICE = "column_twice", Stop, "a column stands twice in the header", "Leave only one of them.";
    HEADER_EMPTY = "header_empty", Warn, "the header has empty cells", "Delete the empty columns.";
    EXTENSION_COLUMN = "extension_column", Info, "a column of its own is not named metadata.*, or not at the right", "Nothing to do: it is not read.";
    METADATA_COLUMN_MISSING = "metadata_column_missing", Warn, "a column that the settings map is in no file", "Export the column, or ask an operator to correct the setting metadata.";

    // Rows and cells (checks 19 to 24, 28 to 35).
    CELL_COUNT = "cell_count", Drop, "a row has another number of cells than the header", "Quote cells that hold commas, and export the file again.";
    CELLS_SHORT = "cells_short", Warn, "a row ends early; the cells that are missing are optional and count as blank", "Export every row with all its cells.";
    CELLS_EXTRA = "cells_extra", Warn, "a row has extra blank cells at its end", "Export every row with as many cells as the header.";
    BLANK_ROW = "blank_row", Warn, "a row has only blank cells and is passed over", "Delete the row.";
    QUOTE_UNCLOSED = "quote_unclosed", Stop, "a quoted cell does not end", "Close the quote, and double quotes inside a cell.";
    ROW_TOO_LONG = "row_too_long", Stop, "a row is longer than 4 MB: the file is no CSV file", "Export the file again.";
    QUOTE_STRAY = "quote_stray", Drop, "text follows a closing quote", "Double the quotes inside a cell.";
    QUOTE_INSIDE = "quote_inside", Warn, "a cell that is not quoted holds a quote; it is kept", "Quote the cell and double the quotes inside it.";
    LINE_BREAK = "line_break", Warn, "a cell holds a line break", "Take line breaks out of the data.";
    LINE_ENDS = "line_ends", Info, "lines end in a carriage return alone", "Nothing to do.";
    NUL_BYTE = "nul_byte", Drop, "a row holds NUL bytes", "Export the file again; look for damage in the record.";
    NO_ROWS = "no_rows", Stop, "the file has a header and no rows", "Export it with its rows; a file without rows must be left out and called absent.";
    STATUS_IN_BULK = "status_in_bulk", Warn, "the manifest says bulk, yet every row has a status: read as a delta, nothing that is missing counts as gone", "Leave status blank in bulk files, or set bulk_with_status.";
    STATUS_BLANK_IN_DELTA = "status_blank_in_delta", Warn, "the manifest says delta, yet rows have no status: they are taken as active, nothing that is missing counts as gone", "Fill in status in delta files, or call the file bulk.";
    STATUS_MIXED = "status_mixed", Stop, "some rows have a status and others have none", "Export the file as bulk (none) or as delta (all); or set tolerate_mixed_status.";
    STATUS_MIXED_TOLERATED = "status_mixed_tolerated", Warn, "some rows have a status and others have none; the file is read as the manifest says", "Export the file as bulk (none) or as delta (all).";
    STATUS_SPELLING = "status_spelling", Warn, "a status is inactive or has other capitals; it is read as the standard's word", "Write active or tobedeleted.";
    MODIFIED_UNPAIRED = "modified_unpaired", Warn, "rows have only one of status and dateLastModified", "Fill in both or none.";
    DATETIME_FORMAT = "datetime_format", Warn, "dateLastModified is not like 2026-08-31T12:00:00.000Z", "Export it in UTC with milliseconds.";
    VALUE_MISSING = "value_missing", Drop, "a required value is blank", "Fill it in.";
    REQUIRED_DATE = "required_date", Drop, "a required date cannot be read", "Write dates as YYYY-MM-DD, or set date_order.";
    DATE_FORMAT = "date_format", Warn, "a date cannot be read and counts as blank", "Write dates as YYYY-MM-DD, or set date_order.";
    DATE_BY_SETTING = "date_by_setting", Info, "dates are read in the district's date_order", "Write dates as YYYY-MM-DD.";
    BOOLEAN_CASE = "boolean_case", Info, "a boolean has other capitals", "Write true or false.";
    BOOLEAN_WORD = "boolean_word", Warn, "a boolean is yes, no, 1 or 0; it is taken", "Write true or false.";
    VALUE_UNKNOWN = "value_unknown", Drop, "a required value is none of those that the standard allows", "Correct it.";
    OPTIONAL_VALUE_UNKNOWN = "optional_value_unknown", Warn, "a value is none of those that the standard allows and counts as blank", "Correct it.";
    VALUE_CASE = "value_case", Warn, "a value has other capitals than the standard's; it is taken", "Write it as the standard does.";
    GRADE_UNKNOWN = "grade_unknown", Warn, "a grade is none of the standard's codes; it is kept as sent", "Use the codes IT PR PK TK KG 01 to 13 PS UG Other.";
    SUBJECT_CODES = "subject_codes", Warn, "subjects and subjectCodes differ in length", "Give one code for each subject, in the same order.";
    USER_IDS = "user_ids", Warn, "userIds is not a list of {type:id}; the value is left out", "Write it as {type:id}.";
    YEAR_FORMAT = "year_format", Warn, "schoolYear is not a year; the value is left out", "Write the year in which the school year ends, 2027.";

    // Ids and references (checks 25 to 27, 36, 38, 39).
    ID_CHARACTERS = "id_characters", Warn, "a sourcedId has characters that the standard does not allow, or is longer than 255; it is kept", "Use 0-9 a-z A-Z . - _ / @.";
    DUPLICATE_ROW = "duplicate_row", Warn, "a row stands twice in the file; it is taken once", "Export every record once.";
    DUPLICATE_ID = "duplicate_id", Drop, "several different rows have one sourcedId; none of them is taken", "Give every record a sourcedId of its own.";
    ID_CASE = "id_case", Warn, "two sourcedIds differ only in capitals; they are two records", "Check whether they are one record.";
    REFERENCE_MISSING = "reference_missing", Drop, "a required reference leads to a record that is not in the set", "Export the record that it refers to, or correct the reference.";
    OPTIONAL_REFERENCE_MISSING = "optional_reference_missing", Warn, "an optional reference leads to a record that is not in the set and counts as blank", "Export the record that it refers to, or correct the reference.";
    SCHOOL_NOT_SENT = "school_not_sent", Warn, "classes or people refer to a school that is not in orgs.csv; it is left as it is", "Export the school, or remove the references to it.";
    ORG_CYCLE = "org_cycle", Warn, "an org is above itself; the parent counts as blank", "Correct parentSourcedId.";
    ORG_HIERARCHY = "org_hierarchy", Info, "a school's parent is not a district", "Nothing to do.";
    ORG_NOT_SCHOOL = "org_not_school", Warn, "a class's school is an org of another type; it is taken as a school", "Give the org the type school.";
    SHARED_SCHOOL_UNKNOWN = "shared_school_unknown", Warn, "the setting shared_schools names a school that the source does not have", "Ask an operator to correct the setting.";
    COURSE_MISSING = "course_missing", Warn, "a class has no course", "Fill in courseSourcedId.";

    // Classes and enrollments (checks 40, 41, 44 to 49).
    SESSION_DATES = "session_dates", Warn, "an academic session begins after its end, leaves its parent's dates, or its schoolYear is not the year in which it ends", "Correct the session's dates.";
    CLASS_WITHOUT_TERM = "class_without_term", Warn, "a class names no academic session, or one that is not in the set", "Fill in termSourcedIds.";
    COURSE_WITHOUT_CLASS = "course_without_class", Info, "courses have no class", "Nothing to do.";
    STUDENTS_WITHOUT_CLASS = "students_without_class", Warn, "students have no enrollment", "Check whether these students are enrolled.";
    TEACHERS_WITHOUT_CLASS = "teachers_without_class", Info, "teachers have no enrollment", "Nothing to do.";
    ENROLLMENT_SCHOOL = "enrollment_school", Warn, "an enrollment names another school than its class; the class's counts", "Correct schoolSourcedId of the enrollment.";
    ENROLLMENT_ROLE = "enrollment_role", Warn, "an enrollment's role is none of the person's roles", "Correct the role of the enrollment or of the user.";
    ENROLLMENT_DATES = "enrollment_dates", Warn, "an enrollment ends before it begins, or leaves the dates of its class's sessions", "Correct the enrollment's dates.";
    ENROLLMENT_MERGED = "enrollment_merged", Warn, "a person has several enrollments of one role in a class; the one that is on counts", "End the others, or leave them out.";
    ENROLLMENTS_OF_DROPPED_CLASSES = "enrollments_of_dropped_classes", Warn, "enrollments belong to classes that are left out and are left out with them", "Correct the classes.";
    ROLE_NOT_ROSTERED = "role_not_rostered", Info, "people or enrollments have a role that makes no account or seat here", "Nothing to do: administrators, aides and proctors are made here by hand.";

    // People (checks 42, 51 to 55, 59).
    USER_WITHOUT_ROLE = "user_without_role", Drop, "a user has no role", "Give the user a role in roles.csv.";
    ROLES_PRIMARY = "roles_primary", Warn, "a user has only secondary roles, or two primary ones in an org", "Mark one role as primary.";
    PRIMARY_ORG = "primary_org", Warn, "primaryOrgSourcedId is an org in which the user has no role", "Give the user a role there, or correct primaryOrgSourcedId.";
    ROLES_NOT_CURRENT = "roles_not_current", Info, "users have no role that is in force today", "Nothing to do.";
    EMAIL_MALFORMED = "email_malformed", Warn, "an e-mail address cannot be right and counts as none", "Correct the address.";
    USERNAME_SHARED = "username_shared", Warn, "several users have one username", "Give every user a username of their own.";
    PHONE_MALFORMED = "phone_malformed", Info, "a phone number cannot be read and counts as none", "Write it with its country code, +1 312 555 0142.";
    AGENT_MISSING = "agent_missing", Warn, "agentSourcedIds names a user who is not in the set", "Export that user, or take the id out.";
    AGENT_ROLE = "agent_role", Warn, "agentSourcedIds does not join a student and a guardian; it makes no relationship", "Name guardians, parents and relatives of students only.";
    AGENT_ONE_WAY = "agent_one_way", Warn, "relationships are given in one direction only; they count in both", "Name the students in the guardians' rows too.";
    DEMOGRAPHICS_WITHOUT_USER = "demographics_without_user", Drop, "demographics of a user who is not in the set", "Export that user, or leave the row out.";
    PASSWORD_FILLED = "password_filled", Info, "passwords are filled in; they are never read", "Leave passwords out of the export.";
}
