//! Codes for what is wrong with what a source sent. The severities are those of the checks in the
//! project's OneRoster notes.

use super::codes;

codes! {
    // The archive and its files (checks 1, 2, 9 to 11).
    ZIP_UNREADABLE = "zip_unreadable", Stop,
        "the uploaded file cannot be opened as a zip file",
        "Export again and upload the zip file without changing it.";
    ZIP_ENCRYPTED = "zip_encrypted", Stop,
        "the zip file is protected by a password",
        "Export without a password. The upload itself is encrypted.";
    ZIP_COMPRESSION = "zip_compression", Stop,
        "the zip file uses a compression method that is not supported",
        "Create the zip file with the usual method (Deflate), as Windows and macOS do.";
    CONTAINER_NESTED = "container_nested", Stop,
        "the upload contains another archive or a workbook instead of the OneRoster files",
        "Put the CSV files themselves into one zip file, as the student information system exports \
         them.";
    NO_ONEROSTER_FILES = "no_oneroster_files", Stop,
        "the upload contains no OneRoster file",
        "Export OneRoster CSV files (manifest.csv, orgs.csv, users.csv and others) and upload them.";
    ZIP_EMPTY = "zip_empty", Stop,
        "the zip file contains no files",
        "Export again and check whether the export reports errors.";
    ZIP_TOO_LARGE = "zip_too_large", Stop,
        "the zip file contains too many files or is too large when unpacked",
        "Upload only the OneRoster files. If the export really is this large, contact support.";
    ZIP_PATH = "zip_path", Stop,
        "a file in the zip has a path that leads out of the zip",
        "Create the zip file again, without folders.";
    ZIP_DUPLICATE_MEMBER = "zip_duplicate_member", Stop,
        "the export contains the same file twice",
        "Keep only one of the two files.";
    FILES_IN_FOLDER = "files_in_folder", Warn,
        "the files are in a folder inside the zip",
        "Zip the files themselves, not their folder.";
    FILES_IN_SEVERAL_FOLDERS = "files_in_several_folders", Stop,
        "the files are in several folders inside the zip",
        "Put all files at the top level of the zip.";
    FILE_MISSING = "file_missing", Stop,
        "a required file is missing",
        "Export again and include this file.";
    FILE_UNKNOWN = "file_unknown", Info,
        "the export contains a file that is not a OneRoster file",
        "The file is ignored. If it is a OneRoster file, correct its name.";
    FILE_NOT_USED = "file_not_used", Info,
        "the export contains a OneRoster file that a roster does not need",
        "Nothing to do: the file is ignored.";
    FILE_NAME_CASE = "file_name_case", Warn,
        "a file name has the wrong capitalization",
        "Use the file name exactly as OneRoster spells it.";
    CLEVER_FILES = "clever_files", Stop,
        "these are CSV files for Clever, not OneRoster files",
        "Choose OneRoster 1.1 or 1.2 as the export format, or ask an operator to connect Clever.";
    SDS_FILES = "sds_files", Stop,
        "these are Microsoft School Data Sync files, not OneRoster files",
        "Choose OneRoster 1.1 or 1.2 as the export format in the student information system.";

    // The manifest (checks 3 to 8).
    MANIFEST_MISSING = "manifest_missing", Stop,
        "the export has no manifest.csv",
        "Export again with manifest.csv. If the system can export only OneRoster 1.0, turn on the \
         setting accept_1_0.";
    TAKEN_AS_1_0 = "taken_as_1_0", Warn,
        "the export has no manifest.csv and was read as OneRoster 1.0",
        "Ask the vendor of the student information system for OneRoster 1.1 or 1.2.";
    MANIFEST_HEADER = "manifest_header", Stop,
        "manifest.csv does not start with propertyName,value",
        "Export again. Do not edit manifest.csv.";
    MANIFEST_PROPERTY = "manifest_property", Warn,
        "a property in manifest.csv is missing, unknown, repeated or not valid",
        "Export again. Do not edit manifest.csv.";
    MANIFEST_MODE = "manifest_mode", Stop,
        "manifest.csv does not say whether a required file is bulk or delta",
        "Set the file's property in manifest.csv to bulk or delta.";
    MANIFEST_VERSION = "manifest_version", Warn,
        "manifest.version is not 1.0",
        "Export again. Do not save manifest.csv in a spreadsheet: it changes 1.0 to 1.";
    ONEROSTER_VERSION = "oneroster_version", Warn,
        "oneroster.version is unknown or does not match the files; the version of the files was \
         used",
        "Correct oneroster.version in manifest.csv.";
    LAYOUT_UNKNOWN = "layout_unknown", Stop,
        "users.csv matches neither OneRoster 1.1 nor 1.2",
        "Export as OneRoster 1.1 (users.csv with role and orgSourcedIds) or 1.2 (with roles.csv).";
    LAYOUT_CHANGED = "layout_changed", Stop,
        "the delta export has a different OneRoster version than the export that it updates",
        "Send a bulk export.";
    FILE_LISTED_MISSING = "file_listed_missing", Warn,
        "manifest.csv lists a file that is not in the export",
        "Export again with all files.";
    FILE_NOT_LISTED = "file_not_listed", Warn,
        "the export contains a file that manifest.csv marks as absent or does not list",
        "Export again with a manifest.csv that matches the files.";

    // Encoding and header (checks 12 to 18).
    NOT_UTF8 = "not_utf8", Stop,
        "the file is not encoded as UTF-8",
        "Export as UTF-8, or set fallback_encoding (for example windows-1252).";
    FALLBACK_ENCODING = "fallback_encoding", Warn,
        "the file is not encoded as UTF-8 and was read in the district's fallback encoding",
        "Export as UTF-8.";
    SETTING_INVALID = "setting_invalid", Stop,
        "a setting of the source has a value that is not valid",
        "Ask an operator to correct the setting.";
    BYTE_ORDER_MARK = "byte_order_mark", Info,
        "the file starts with a byte order mark",
        "Nothing to do.";
    UTF16 = "utf16", Warn,
        "the file is encoded as UTF-16",
        "Export as UTF-8.";
    HEADER_MISSING = "header_missing", Stop,
        "the file has no header row",
        "Export again with a header row.";
    SEPARATOR = "separator", Stop,
        "the cells of the file are not separated by commas",
        "Export with commas as separators. If the file was saved in a spreadsheet, send the file \
         as it was exported.";
    COLUMN_MISSING = "column_missing", Stop,
        "a required column is missing",
        "Export the file with this column.";
    OPTIONAL_COLUMN_MISSING = "optional_column_missing", Warn,
        "an optional column is missing",
        "Export all OneRoster columns. An optional column may be empty.";
    COLUMN_RENAMED = "column_renamed", Warn,
        "an optional column is missing, and an extra column may be meant by it",
        "Name the column exactly as OneRoster spells it; until then its values are ignored.";
    HEADER_CASE = "header_case", Warn,
        "a column name has the wrong capitalization",
        "Use the column name exactly as OneRoster spells it.";
    HEADER_OLD_NAME = "header_old_name", Warn,
        "a column has its OneRoster 1.0 name",
        "Use the OneRoster 1.1 name.";
    COLUMN_ORDER = "column_order", Warn,
        "the columns are not in the OneRoster order",
        "Export the columns in the OneRoster order.";
    COLUMN_TWICE = "column_twice", Stop,
        "a column appears twice in the header",
        "Keep only one of the two columns.";
    HEADER_EMPTY = "header_empty", Warn,
        "the header has empty cells",
        "Delete the empty columns.";
    EXTENSION_COLUMN = "extension_column", Info,
        "an extra column is not named metadata.*, or is not to the right of the OneRoster columns",
        "Nothing to do: the column is ignored.";
    METADATA_COLUMN_MISSING = "metadata_column_missing", Warn,
        "no file has a column that the settings use",
        "Export the column, or ask an operator to correct the setting metadata.";

    // Causes of many findings.
    SAVED_IN_SPREADSHEET = "saved_in_spreadsheet", Warn,
        "the export was opened and saved in a spreadsheet program",
        "Send the files exactly as they were exported. A spreadsheet program changes dates and \
         numbers and removes leading zeros from ids.";
    ENROLLMENT_USER_IDS = "enrollment_user_ids", Stop,
        "enrollments.csv names most people by another column of users.csv than sourcedId",
        "Export userSourcedId of enrollments.csv with the sourcedId of users.csv.";
    ROLE_UNKNOWN = "role_unknown", Warn,
        "many rows have a role that is not a OneRoster role, and were skipped",
        "Map the role to student, teacher or another OneRoster role in the settings of the export.";
    EMAIL_FOR_MANY = "email_for_many", Warn,
        "most people have the same e-mail address",
        "Leave the e-mail address of a person without one blank. An address that several people \
         share cannot be used to sign in.";

    // Rows and cells (checks 19 to 24, 28 to 35).
    CELL_COUNT = "cell_count", Drop,
        "a row has a different number of cells than the header",
        "Put cells that contain commas in quotes, and export again.";
    CELLS_SHORT = "cells_short", Warn,
        "a row has too few cells; the missing cells are optional and were read as blank",
        "Export every row with all its cells.";
    CELLS_EXTRA = "cells_extra", Warn,
        "a row has extra blank cells at its end",
        "Export every row with as many cells as the header.";
    BLANK_ROW = "blank_row", Warn,
        "a row has only blank cells and was skipped",
        "Delete the row.";
    FILE_CUT_OFF = "file_cut_off", Stop,
        "the file was cut off: it ends in the middle of a row, or is shorter than the zip says",
        "Records at the end of the file are missing. Export again, wait until the export has \
         ended, and send the complete file.";
    QUOTE_UNCLOSED = "quote_unclosed", Stop,
        "a quoted cell has no closing quote",
        "Add the closing quote, and double every quote inside a quoted cell.";
    ROW_TOO_LONG = "row_too_long", Stop,
        "a row is longer than 4 MB, so this is not a CSV file",
        "Export the file again.";
    QUOTE_STRAY = "quote_stray", Drop,
        "a row has text after a closing quote",
        "Double every quote inside a quoted cell.";
    QUOTE_INSIDE = "quote_inside", Warn,
        "an unquoted cell contains a quote; the quote was kept",
        "Put the cell in quotes, and double the quotes inside it.";
    LINE_BREAK = "line_break", Warn,
        "a cell contains a line break",
        "Remove line breaks from the data.";
    LINE_ENDS = "line_ends", Info,
        "lines end with a carriage return only",
        "Nothing to do.";
    NUL_BYTE = "nul_byte", Drop,
        "a row contains NUL bytes",
        "Export again, and check the record for damage.";
    NO_ROWS = "no_rows", Stop,
        "the file has a header but no rows",
        "Export the file with its rows. If there are none, leave the file out and mark it as \
         absent in manifest.csv.";
    STATUS_IN_BULK = "status_in_bulk", Warn,
        "the manifest says bulk, but every row has a status; the file was read as delta, so \
         missing records are not removed",
        "Leave status blank in bulk files, or set bulk_with_status.";
    STATUS_BLANK_IN_DELTA = "status_blank_in_delta", Warn,
        "the manifest says delta, but rows have no status; these rows were read as active, and \
         missing records are not removed",
        "Fill in status in delta files, or mark the file as bulk.";
    STATUS_MIXED = "status_mixed", Stop,
        "some rows have a status and some do not",
        "Export the file as bulk (no row has a status) or as delta (every row has one), or set \
         tolerate_mixed_status.";
    STATUS_MIXED_TOLERATED = "status_mixed_tolerated", Warn,
        "some rows have a status and some do not; the file was read as the manifest says",
        "Export the file as bulk (no row has a status) or as delta (every row has one).";
    STATUS_SPELLING = "status_spelling", Warn,
        "a status is inactive or has the wrong capitalization; it was read as active or \
         tobedeleted",
        "Use active or tobedeleted.";
    MODIFIED_UNPAIRED = "modified_unpaired", Warn,
        "rows have only one of status and dateLastModified",
        "Fill in both or neither.";
    DATETIME_FORMAT = "datetime_format", Warn,
        "dateLastModified does not look like 2026-08-31T12:00:00.000Z",
        "Export it in UTC with milliseconds.";
    VALUE_MISSING = "value_missing", Drop,
        "a required value is blank",
        "Fill in the value.";
    REQUIRED_DATE = "required_date", Drop,
        "a required date cannot be read",
        "Write dates as YYYY-MM-DD, or set date_order.";
    DATE_FORMAT = "date_format", Warn,
        "a date cannot be read and was treated as blank",
        "Write dates as YYYY-MM-DD, or set date_order.";
    DATE_BY_SETTING = "date_by_setting", Info,
        "dates were read in the order of the setting date_order",
        "Write dates as YYYY-MM-DD.";
    DATE_ORDER_FOUND = "date_order_found", Warn,
        "dates are not written as YYYY-MM-DD; all dates of the file fit only one order of day and \
         month and were read in that order",
        "Write dates as YYYY-MM-DD, or set date_order.";
    BOOLEAN_CASE = "boolean_case", Info,
        "a true or false value has the wrong capitalization",
        "Write true or false.";
    BOOLEAN_WORD = "boolean_word", Warn,
        "a true or false value is yes, no, 1 or 0; it was accepted",
        "Write true or false.";
    VALUE_UNKNOWN = "value_unknown", Drop,
        "a required value is not one that OneRoster allows",
        "Correct the value.";
    OPTIONAL_VALUE_UNKNOWN = "optional_value_unknown", Warn,
        "a value is not one that OneRoster allows and was treated as blank",
        "Correct the value.";
    VALUE_CASE = "value_case", Warn,
        "a value has the wrong capitalization; it was accepted",
        "Use the value exactly as OneRoster spells it.";
    GRADE_UNKNOWN = "grade_unknown", Warn,
        "a grade is not a OneRoster grade code; it was kept unchanged",
        "Use the codes IT PR PK TK KG 01 to 13 PS UG Other.";
    SUBJECT_CODES = "subject_codes", Warn,
        "the number of subjects and the number of subjectCodes differ",
        "Give one code for each subject, in the same order.";
    USER_IDS = "user_ids", Warn,
        "userIds is not a list of {type:id} and was ignored",
        "Write it as {type:id}.";
    YEAR_FORMAT = "year_format", Warn,
        "schoolYear is not a year and was ignored",
        "Write the year in which the school year ends, for example 2027.";

    // Ids and references (checks 25 to 27, 36, 38, 39).
    ID_CHARACTERS = "id_characters", Warn,
        "a sourcedId is longer than 255 characters or has characters that OneRoster does not \
         allow; it was kept",
        "Use only 0-9 a-z A-Z . - _ / @.";
    DUPLICATE_ROW = "duplicate_row", Warn,
        "a row appears twice in the file; it was read once",
        "Export every record once.";
    DUPLICATE_ID = "duplicate_id", Drop,
        "several different rows have the same sourcedId; all of them were skipped",
        "Give every record its own sourcedId.";
    ID_CASE = "id_case", Warn,
        "two sourcedIds differ only in capitalization; they are two records",
        "Check whether they are the same record.";
    PEOPLE_MISSING = "people_missing", Warn,
        "people are missing from users.csv although other records name them; they stay unchanged",
        "Check the filters of the export and whether users.csv is complete, and export again.";
    REFERENCE_MISSING = "reference_missing", Drop,
        "a required reference names a record that is not in the export",
        "Export the missing record, or correct the reference.";
    OPTIONAL_REFERENCE_MISSING = "optional_reference_missing", Warn,
        "an optional reference names a record that is not in the export; it was treated as blank",
        "Export the missing record, or correct the reference.";
    SCHOOL_NOT_SENT = "school_not_sent", Warn,
        "classes or people refer to a school that is not in orgs.csv; the school stays unchanged",
        "Export the school, or remove the references to it.";
    ORG_CYCLE = "org_cycle", Warn,
        "an org is its own parent, directly or through other orgs; its parent was treated as blank",
        "Correct parentSourcedId.";
    ORG_HIERARCHY = "org_hierarchy", Info,
        "the parent of a school is not a district",
        "Nothing to do.";
    ORG_NOT_SCHOOL = "org_not_school", Warn,
        "a class belongs to an org that is not a school; the org was read as a school",
        "Set the type of the org to school.";
    SHARED_SCHOOL_UNKNOWN = "shared_school_unknown", Warn,
        "the setting shared_schools names a school that the source does not have",
        "Ask an operator to correct the setting.";
    COURSE_MISSING = "course_missing", Warn,
        "a class has no course",
        "Fill in courseSourcedId.";

    // Classes and enrollments (checks 40, 41, 44 to 49).
    SESSION_DATES = "session_dates", Warn,
        "an academic session ends before it begins, is outside its parent's dates, or has a \
         schoolYear in which it does not end",
        "Correct the dates and the schoolYear of the session.";
    CLASS_WITHOUT_TERM = "class_without_term", Warn,
        "a class names no academic session",
        "Fill in termSourcedIds.";
    COURSE_WITHOUT_CLASS = "course_without_class", Info,
        "courses have no class",
        "Check whether classes are missing from the export.";
    STUDENTS_WITHOUT_CLASS = "students_without_class", Warn,
        "students have no enrollment",
        "Check whether these students are enrolled.";
    TEACHERS_WITHOUT_CLASS = "teachers_without_class", Info,
        "teachers have no enrollment",
        "If these teachers teach here, enroll them in their classes.";
    ENROLLMENT_SCHOOL = "enrollment_school", Warn,
        "an enrollment names a different school than its class; the school of the class was used",
        "Correct schoolSourcedId of the enrollment.";
    ENROLLMENT_ROLE = "enrollment_role", Warn,
        "the role of an enrollment is not one of the person's roles",
        "Correct the role of the enrollment or of the user.";
    ENROLLMENT_DATES = "enrollment_dates", Warn,
        "an enrollment ends before it begins, or is outside the dates of its class's sessions",
        "Correct the dates of the enrollment.";
    ENROLLMENT_MERGED = "enrollment_merged", Warn,
        "a person has several enrollments with the same role in a class at the same time; the \
         current one was used",
        "End the other enrollments, or leave them out.";
    ENROLLMENTS_OF_DROPPED_CLASSES = "enrollments_of_dropped_classes", Warn,
        "enrollments belong to classes that were skipped. They are used only for classes that are \
         already in the mirror",
        "Correct the classes.";
    ROLE_NOT_ROSTERED = "role_not_rostered", Info,
        "people or enrollments have a role that gets no account or enrollment here",
        "Correct the role if one of them is a student, a teacher or a guardian. Others are added here by \
         hand.";

    // People (checks 42, 51 to 55, 59).
    USER_WITHOUT_ROLE = "user_without_role", Drop,
        "a user has no role",
        "Give the user a role in roles.csv.";
    ROLES_PRIMARY = "roles_primary", Warn,
        "a user has only secondary roles, or two primary roles in one org",
        "Mark one role as primary.";
    PRIMARY_ORG = "primary_org", Warn,
        "primaryOrgSourcedId names an org in which the user has no role",
        "Give the user a role there, or correct primaryOrgSourcedId.";
    ROLES_NOT_CURRENT = "roles_not_current", Info,
        "users have no role that is valid today",
        "If these users are still active, correct the dates of their roles.";
    EMAIL_MALFORMED = "email_malformed", Warn,
        "an e-mail address is not valid and was ignored",
        "Correct the address.";
    USERNAME_SHARED = "username_shared", Warn,
        "several users have the same username",
        "Give every user a different username.";
    PHONE_MALFORMED = "phone_malformed", Info,
        "a phone number is not valid and was ignored",
        "Write it with its country code, for example +1 312 555 0142.";
    AGENT_MISSING = "agent_missing", Warn,
        "agentSourcedIds names a user who is not in the export",
        "Export the user, or remove the id.";
    AGENT_ROLE = "agent_role", Warn,
        "agentSourcedIds does not connect a student and a guardian; it was ignored",
        "Name only guardians, parents and relatives of students.";
    AGENT_ONE_WAY = "agent_one_way", Warn,
        "relationships are given in one direction only; they were accepted in both",
        "Name the students in the guardians' rows too.";
    DEMOGRAPHICS_WITHOUT_USER = "demographics_without_user", Drop,
        "demographics belong to a user who is not in the export",
        "Export the user, or leave the row out.";
    PASSWORD_FILLED = "password_filled", Info,
        "the export contains passwords; they are never read",
        "Leave passwords out of the export.";
}
