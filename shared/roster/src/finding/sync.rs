//! Codes for the effects of the sync rules.

use super::codes;

codes! {
    STUDENT_NO_EMAIL = "student_no_email", Warn,
        "a student has no e-mail address; the account exists but cannot sign in by e-mail",
        "Add the e-mail address in the student information system.";
    STUDENT_WAITS_FOR_EMAIL = "student_waits_for_email", Warn,
        "student not added: no e-mail address",
        "Add the e-mail address in the student information system. The next run adds the student.";
    STUDENT_WAITS_FOR_CLASS = "student_waits_for_class", Warn,
        "student not added: no enrollment in an active class",
        "Enroll the student in a class that has a teacher and a term that is not over. The next \
         run adds the student.";
    STUDENT_LOST_EMAIL = "student_lost_email", Warn,
        "an existing student has no e-mail address; the account stays",
        "Add the e-mail address in the student information system.";
    STUDENT_LOST_CLASS = "student_lost_class", Info,
        "an existing student is in no active class; the account stays",
        "Enroll the student in a class. If the student has left, remove the student from the \
         source.";
    TEACHER_IS_ADMINISTRATOR = "teacher_is_administrator", Info,
        "support linked a teacher in the source to an administrator here; one account is used for \
         both",
        "Nothing to do. If these are two people, ask support to remove the link.";
    ADMINISTRATOR_EMAIL = "administrator_email", Warn,
        "a teacher in the source has the e-mail address of an administrator here; the teacher has \
         an account of their own and cannot sign in with this address",
        "Give the teacher a different e-mail address in the source. If teacher and administrator \
         are one person, ask support to link the two.";
    ADMINISTRATOR_SEPARATED = "administrator_separated", Warn,
        "a teacher in the source used an administrator's account, and support has not linked the \
         two; the teacher has an account of their own now",
        "If teacher and administrator are one person, ask support to link the two. Otherwise there \
         is nothing to do.";
    ROLE_CONFLICT = "role_conflict", Warn,
        "an enrollment gives a person a role that the person does not have; the enrollment was \
         skipped",
        "Correct the role of the enrollment or of the person in the source. If the enrollments are \
         usually right, set role_conflicts to enrollment.";
    CLASS_SAME_NAME = "class_same_name", Info,
        "a teacher has several classes with the same name",
        "Add a section or a period to the class name in the student information system, so that \
         the teacher can tell the classes apart.";
    CLASS_NO_TEACHER = "class_no_teacher", Warn,
        "a class has no teacher today and is inactive",
        "Enroll a teacher in the class, or stop sharing the class.";
    CLASS_NO_STUDENT = "class_no_student", Info,
        "a class has no student today and is inactive",
        "Enroll students in the class, or stop sharing the class.";
    CLASS_TERM_OVER = "class_term_over", Info,
        "all terms of a class are over; the class is inactive",
        "Stop sharing the class when it is no longer needed, or correct the end of the term.";
    CLASS_NO_TERM = "class_no_term", Warn,
        "a class has no term, or a term that is not in the data; the class is treated as not over",
        "Give the class its term in the student information system.";
    CLASS_NO_PRIMARY = "class_no_primary", Warn,
        "no teacher of a class is marked as primary; the first teacher listed was used",
        "Mark the primary teacher in the student information system.";
    CLASS_MANY_PRIMARIES = "class_many_primaries", Warn,
        "several teachers of a class are marked as primary; the first one listed was used",
        "Mark one primary teacher in the student information system.";
    CLASS_TOO_MANY_CO_TEACHERS = "class_too_many_co_teachers", Warn,
        "a class has more co-teachers than the source supports; all of them were added",
        "Remove the extra co-teachers in the source (ATS/STARS: ask the DIIT office), then add \
         them to the class here by hand.";
    CLASS_MADE_MANUAL = "class_made_manual", Info,
        "a class that was disconnected and is a manual class here is in the source again; the \
         manual class stays unchanged",
        "Continue with the manual class, or give the class in the source another id.";
    GUARDIAN_WAITS_FOR_CONTACT = "guardian_waits_for_contact", Warn,
        "guardian not added: no e-mail address or phone number of their own",
        "Enter an e-mail address or a phone number that no other guardian uses in the student \
         information system. The next run adds the guardian.";
    GUARDIAN_LOST_CONTACT = "guardian_lost_contact", Warn,
        "an existing guardian has no e-mail address or phone number of their own; the account \
         stays",
        "Enter an e-mail address or a phone number that no other guardian uses in the student \
         information system.";
    GUARDIANS_MERGED = "guardians_merged", Info,
        "several ids in the source are one guardian, with the same name and the same e-mail \
         address or phone number",
        "Nothing to do. You can merge the records in the student information system.";
    EMAIL_SHARED = "email_shared", Warn,
        "several people have the same e-mail address; none of them can sign in with it",
        "Give each person a different e-mail address in the source. If it is one person with two \
         roles, contact support.";
    IDENTITY_RELINKED = "identity_relinked", Info,
        "a person has a new id in the source and keeps the account",
        "Nothing to do. If these are two people, contact support.";
    IDENTITY_AMBIGUOUS = "identity_ambiguous", Warn,
        "a new person matches several archived accounts; a new account was created",
        "If the person had an account before, ask support to link the new id to it.";
    SCHOOL_DANGLING = "school_dangling", Warn,
        "a school is missing from the source, but classes or people refer to it; the school stays \
         unchanged",
        "Share the school again, or stop sharing its classes and people.";
    EDIT_ERASED = "edit_erased", Info,
        "a change made here by hand was replaced by the source's data",
        "To make the change permanent, make it in the student information system.";
    ACTIVE_PIN = "pin_at_work", Info,
        "support has pinned a record or an enrollment; no run removes it before the pin's date",
        "Nothing to do. Remove the pin when it is no longer needed.";
}
