//! Codes for what is wrong with what a source sent. The severities are those of the checks in the project's OneRoster notes.

use super::codes;

codes! {
    ZIP_UNREADABLE = "zip_unreadable", Stop, "the upload is not a zip that can be read", "Export the set again and upload the zip as it is.";
    ZIP_ENCRYPTED = "zip_encrypted", Stop, "the zip is protected by a password", "Export the set without a password; the upload itself is encrypted.";
    ZIP_EMPTY = "zip_empty", Stop, "the zip holds no file", "Export the set again and look whether the export reports errors.";
    ZIP_TOO_LARGE = "zip_too_large", Stop, "the zip holds too many files or unpacks to too much", "Upload only the OneRoster files; ask support if the set is really that large.";
    ZIP_PATH = "zip_path", Stop, "a path inside the zip leads out of it", "Zip the files anew, without folders.";
    ZIP_DUPLICATE_MEMBER = "zip_duplicate_member", Stop, "the set holds one file twice", "Leave only one of them.";
}
