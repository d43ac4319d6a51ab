//! Causes: findings that explain others (R-X3).

use super::{Code, source, sync};

/// Codes with the codes that they explain in the same run.
static CAUSES: [(&Code, &[&Code]); 9] = [
    (
        &source::SAVED_IN_SPREADSHEET,
        &[
            &source::MANIFEST_VERSION,
            &source::BOOLEAN_CASE,
            &source::DATE_ORDER_FOUND,
            &source::REQUIRED_DATE,
            &source::DATE_FORMAT,
            &source::GRADE_UNKNOWN,
            &source::ID_CHARACTERS,
        ],
    ),
    (
        &source::ENROLLMENT_USER_IDS,
        &[
            &source::PEOPLE_MISSING,
            &source::REFERENCE_MISSING,
            &source::STUDENTS_WITHOUT_CLASS,
            &source::TEACHERS_WITHOUT_CLASS,
        ],
    ),
    (
        &source::PEOPLE_MISSING,
        &[&source::REFERENCE_MISSING, &source::DEMOGRAPHICS_WITHOUT_USER, &source::AGENT_MISSING],
    ),
    (&source::ROLE_UNKNOWN, &[&source::VALUE_UNKNOWN]),
    (
        &source::COLUMN_RENAMED,
        &[&sync::STUDENT_NO_EMAIL, &sync::STUDENT_WAITS_FOR_EMAIL, &sync::STUDENT_LOST_EMAIL],
    ),
    (
        &sync::CLASS_TERM_OVER,
        &[&sync::STUDENT_WAITS_FOR_CLASS, &sync::STUDENT_LOST_CLASS, &sync::CLASS_NO_STUDENT],
    ),
    (&sync::CLASS_NO_TEACHER, &[&sync::STUDENT_WAITS_FOR_CLASS, &sync::STUDENT_LOST_CLASS]),
    (&source::EMAIL_FOR_MANY, &[&sync::EMAIL_SHARED]),
    (&source::SEPARATOR, &[&source::COLUMN_MISSING, &source::HEADER_MISSING]),
];

/// Returns the codes that a cause explains, or no codes if the code with this name is no cause.
pub fn explains(name: &str) -> &'static [&'static Code] {
    CAUSES.iter().find(|(cause, _)| cause.name == name).map_or(&[], |(_, explained)| explained)
}

/// Whether the code with this name is a cause. Reports list causes before what they explain.
pub fn is_cause(name: &str) -> bool {
    !explains(name).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_x3_no_cause_explains_itself_through_another() {
        for (cause, explained) in CAUSES {
            let deeper = explained.iter().flat_map(|code| explains(code.name));
            assert!(
                explained
                    .iter()
                    .copied()
                    .chain(deeper.copied())
                    .all(|code| code.name != cause.name),
                "{}",
                cause.name
            );
        }
        assert!(is_cause("people_missing") && !is_cause("reference_missing"));
    }
}
