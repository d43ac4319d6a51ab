//! Codes for what stops an upload before its data is looked at.

use super::codes;

codes! {
    DISTRICT_UNKNOWN = "district_unknown", Stop, "the upload is for a district that does not exist", "Look whether the folder's name is the district's id; an operator makes new districts.";
    DISTRICT_SETTINGS = "district_settings", Stop, "the district's settings cannot be used", "Ask an operator to correct the settings.";
    UPLOAD_GONE = "upload_gone", Stop, "the upload was deleted before it was read", "Upload the set again.";
    EARLIER_UPLOAD_GONE = "earlier_upload_gone", Stop, "an earlier upload that this set only adds to can no longer be read", "Send a bulk set.";
}
