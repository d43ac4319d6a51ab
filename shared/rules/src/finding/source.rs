//! Codes for what is wrong with what a source sent. The severities are those of the checks in the project's OneRoster notes.

use super::codes;

codes! {
    ZIP_UNREADABLE = "zip_unreadable", Stop, "the upload is not a zip that can be read", "Export the set again and upload the zip as it is.";
}
