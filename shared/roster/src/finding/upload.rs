//! Codes for what stops an upload before its data is looked at.

use super::codes;

codes! {
    DISTRICT_UNKNOWN = "district_unknown", Stop,
        "the upload is for a district that does not exist",
        "Check that the folder name is the district's id. An operator can create a district.";
    DISTRICT_SETTINGS = "district_settings", Stop,
        "the district's settings are not valid",
        "Ask an operator to correct the settings.";
    AS_OF_NOT_USABLE = "as_of_not_usable", Stop,
        "the date for which the upload is to be read cannot be right",
        "Upload the export again without an as-of date, or with the right one.";
    UPLOAD_GONE = "upload_gone", Stop,
        "the upload was deleted before it was read",
        "Upload the export again.";
    EARLIER_UPLOAD_GONE = "earlier_upload_gone", Stop,
        "an earlier upload that this export updates can no longer be read",
        "Send a bulk export.";
}
