//! Codes for what a rule made of the data.

use super::codes;

codes! {
    STUDENT_NO_EMAIL = "student_no_email", Warn, "a student has no e-mail address; the account exists, but cannot sign in by e-mail", "Add the e-mail address in the student information system.";
    STUDENT_WAITS_FOR_EMAIL = "student_waits_for_email", Warn, "a student is not taken in yet, for there is no e-mail address", "Add the e-mail address in the student information system: the student appears in the next run.";
    STUDENT_WAITS_FOR_CLASS = "student_waits_for_class", Warn, "a student is not taken in yet, for there is no enrollment in an active class", "Enroll the student in a class that has a teacher and whose term is not over: the student appears in the next run.";
    STUDENT_LOST_EMAIL = "student_lost_email", Warn, "a student who is here has no e-mail address any more; the account stays", "Put the e-mail address back in the student information system.";
    STUDENT_LOST_CLASS = "student_lost_class", Info, "a student who is here is in no active class any more; the account stays", "Enroll the student in a class, or take the student out of the source if they have left.";
    TEACHER_IS_ADMINISTRATOR = "teacher_is_administrator", Info, "a teacher of the source is an administrator here; there is one account for both", "Nothing needs to be done.";
    ROLE_CONFLICT = "role_conflict", Warn, "an enrollment gives a person a role that the person does not have; the enrollment is left out", "Correct the role of the enrollment or of the person in the source. If the enrollment is right as a rule, set role_conflicts to enrollment.";
    CLASS_SAME_NAME = "class_same_name", Info, "a teacher has several classes of the same name", "Add a section or a period to the class's name in the student information system, so that the teacher can tell them apart.";
    CLASS_NO_TEACHER = "class_no_teacher", Warn, "a class has no teacher today; it is inactive", "Enroll a teacher in the class, or take the class out of what is shared.";
    CLASS_NO_STUDENT = "class_no_student", Info, "a class has no student today; it is inactive", "Enroll students in the class, or take the class out of what is shared.";
    CLASS_TERM_OVER = "class_term_over", Info, "all terms of a class are over; it is inactive", "Take the class out of what is shared once it is no longer needed, or correct the term's end.";
    CLASS_NO_TERM = "class_no_term", Warn, "a class has no term, or one that is not in the data; it is not taken to be over", "Give the class its term in the student information system.";
    CLASS_NO_PRIMARY = "class_no_primary", Warn, "no teacher of a class is marked as the primary one; the first listed is taken", "Mark the primary teacher in the student information system.";
    CLASS_MANY_PRIMARIES = "class_many_primaries", Warn, "several teachers of a class are marked as the primary one; the first listed is taken", "Mark one primary teacher in the student information system.";
    CLASS_TOO_MANY_CO_TEACHERS = "class_too_many_co_teachers", Warn, "a class has more co-teachers than the source can hold; all of them are taken", "Take the extra co-teachers out in the source (ATS/STARS: ask the DIIT office), then add them to the class here by hand.";
    CLASS_MADE_MANUAL = "class_made_manual", Info, "the source has a class again that was disconnected and is a manual class here; it is left as it is", "Go on with the manual class, or give the class in the source another id.";
    GUARDIAN_WAITS_FOR_CONTACT = "guardian_waits_for_contact", Warn, "a guardian is not taken in yet, for there is no e-mail address or phone number that is theirs alone", "Give the guardian an e-mail address or a phone number of their own in the student information system: the guardian appears in the next run.";
    GUARDIAN_LOST_CONTACT = "guardian_lost_contact", Warn, "a guardian who is here has no e-mail address or phone number that is theirs alone any more; the account stays", "Give the guardian an e-mail address or a phone number of their own in the student information system.";
    GUARDIANS_MERGED = "guardians_merged", Info, "several ids of the source are one guardian, by the same name and the same e-mail address or phone number", "Nothing needs to be done; in the student information system the records can be joined.";
    EMAIL_SHARED = "email_shared", Warn, "several people have the same e-mail address; it signs in none of them", "Give each of them an e-mail address of their own in the source. If they are one person in two roles, tell support.";
    IDENTITY_RELINKED = "identity_relinked", Info, "somebody has a new id in the source and keeps the account", "Nothing needs to be done; if these are two people, tell support.";
    IDENTITY_AMBIGUOUS = "identity_ambiguous", Warn, "somebody is new who could be one of several people who are gone; a new account is made", "If the person had an account before, ask support to link the new id to it.";
    SCHOOL_DANGLING = "school_dangling", Warn, "a school is missing from the source though classes or people still refer to it; it is left as it is", "Share the school again, or take its classes and people out of what is shared.";
    EDIT_ERASED = "edit_erased", Info, "what somebody changed here by hand is gone, for the source's data took its place", "To change it for good, change it in the student information system.";
    PIN_AT_WORK = "pin_at_work", Info, "support has pinned a record or an enrollment: no run removes it before the pin's date", "Nothing needs to be done; take the pin away if it is no longer needed.";
}
