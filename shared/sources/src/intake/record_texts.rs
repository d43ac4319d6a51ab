//! The texts of each kind of record in the arena [`Texts`].
//!
//! The arena stores texts one after the other, without names. This file is the only place that
//! knows their order: each struct writes its fields in the order of their declaration and reads
//! them back in the same order. Reading copies nothing.

use super::texts::{Reader, Texts};

/// A struct of texts, with private functions that write and read all of them in order.
macro_rules! texts {
    (
        $(#[$doc:meta])*
        struct $name:ident { $($(#[$field_doc:meta])* $field:ident,)+ }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) struct $name<'t> {
            $($(#[$field_doc])* pub(crate) $field: &'t str,)+
        }

        impl<'t> $name<'t> {
            #[inline]
            fn push(&self, texts: &mut Texts) {
                $(texts.push(self.$field);)+
            }

            #[inline]
            fn next(reader: &mut Reader<'t>) -> Self {
                // The fields of a struct expression are evaluated in the order written.
                Self { $($field: reader.text(),)+ }
            }
        }
    };
}

/// A struct of texts that is stored alone.
macro_rules! record_texts {
    ($(#[$doc:meta])* struct $name:ident { $($fields:tt)+ }) => {
        texts! { $(#[$doc])* struct $name { $($fields)+ } }

        impl<'t> $name<'t> {
            /// Writes the texts and returns their position.
            #[inline]
            pub(crate) fn write(&self, texts: &mut Texts) -> usize {
                let at = texts.here();
                self.push(texts);
                at
            }

            /// Reads the texts at a position that [`Self::write`] returned.
            #[inline]
            pub(crate) fn read(texts: &'t Texts, at: usize) -> Self {
                Self::next(&mut texts.from(at))
            }
        }
    };
}

record_texts! {
    /// The texts of an org.
    struct OrgTexts {
        name,
        identifier,
    }
}

record_texts! {
    /// The texts of an academic session.
    struct SessionTexts {
        title,
        /// The year in which the school year ends, four digits.
        school_year,
    }
}

record_texts! {
    /// The texts of a course. The last three are lists, see [`super::values::list`].
    struct CourseTexts {
        title,
        code,
        grades,
        subjects,
        subject_codes,
    }
}

record_texts! {
    /// The texts of a class. The last four are lists, see [`super::values::list`].
    struct ClassTexts {
        /// Unchanged, blanks included (R-M3).
        title,
        code,
        class_type,
        location,
        grades,
        subjects,
        subject_codes,
        periods,
    }
}

record_texts! {
    /// The texts of a row of demographics.csv, or of a server's record of them.
    struct DemographicTexts {
        sex,
        /// Takes effect where the person has no state id.
        state_id,
        /// Replaces the person's number.
        number,
        ell,
        frl,
        iep,
    }
}

texts! {
    /// The texts that every person has.
    struct PersonTexts {
        given,
        family,
        middle,
        preferred_given,
        preferred_family,
        email,
        phone,
        sms,
        username,
        number,
        state_id,
        sis_id,
    }
}

texts! {
    /// Further texts of a person, filled only for students and only where demographics are kept
    /// (R-M7). Stored directly after [`PersonTexts`].
    struct StudentTexts {
        /// A list, see [`super::values::list`].
        grades,
        ell,
        frl,
        iep,
    }
}

impl<'t> PersonTexts<'t> {
    /// Writes the texts of a person and returns their position.
    #[inline]
    pub(crate) fn write(&self, student: &StudentTexts<'_>, texts: &mut Texts) -> usize {
        let at = texts.here();
        self.push(texts);
        student.push(texts);
        at
    }

    /// Reads the texts that every person has, and skips the rest.
    #[inline]
    pub(crate) fn read(texts: &'t Texts, at: usize) -> Self {
        Self::next(&mut texts.from(at))
    }

    /// Reads all texts of a person.
    #[inline]
    pub(crate) fn read_with_student(texts: &'t Texts, at: usize) -> (Self, StudentTexts<'t>) {
        let mut reader = texts.from(at);
        (Self::next(&mut reader), StudentTexts::next(&mut reader))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_they_were_written() {
        let mut texts = Texts::default();
        let org = OrgTexts { name: "North", identifier: "" };
        let person = PersonTexts { given: "Mira", sis_id: "7", ..PersonTexts::default() };
        let student = StudentTexts { grades: "07", iep: "true", ..StudentTexts::default() };
        let org_at = org.write(&mut texts);
        let person_at = person.write(&student, &mut texts);
        let other_at = PersonTexts::default().write(&StudentTexts::default(), &mut texts);
        assert_eq!(OrgTexts::read(&texts, org_at), org);
        assert_eq!(PersonTexts::read(&texts, person_at), person);
        assert_eq!(PersonTexts::read_with_student(&texts, person_at), (person, student));
        assert_eq!(
            PersonTexts::read_with_student(&texts, other_at),
            (PersonTexts::default(), StudentTexts::default())
        );
    }
}
