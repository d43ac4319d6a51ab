//! Codes for what a rule made of the data.

use super::codes;

codes! {
    STUDENT_NO_EMAIL = "student_no_email", Warn, "a student has no e-mail address", "Add the e-mail address in the student information system.";
}
