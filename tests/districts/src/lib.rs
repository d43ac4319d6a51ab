//! Synthetic school districts: any size, any night, any defect, the same for the same seed.
//!
//! A district is never held in memory. Every record of every night is a function of the seed, so a
//! million students are written row after row in constant memory, and a test may ask for night 3
//! without having made nights 1 and 2.
//!
//! ```
//! use districts::{Defect, District, Size};
//!
//! # fn main() -> std::io::Result<()> {
//! let district = District::new(Size::students(200)).seed(7);
//! let mut first = std::io::Cursor::new(Vec::new());
//! district.night(0).write_zip(&mut first)?;
//! let mut second = std::io::Cursor::new(Vec::new());
//! district.night(1).delta().with(Defect::Bom).write_zip(&mut second)?;
//! let expected = district.night(1).expected();
//! assert_eq!(expected.students.in_source, 200 + expected.students.added - expected.students.removed);
//! # Ok(())
//! # }
//! ```
//!
//! Everything is invented: names come from word lists of this package, mail addresses lie under
//! `example.org` and `example.net`, phones are 555-0100 to 555-0199 of real area codes. There are
//! only some 20,000 such numbers, so in large districts guardians share phones by chance; those
//! whose phone is their only contact have one of their own in districts up to 300,000 students.

mod defect;
mod expected;
mod family;
mod layout;
mod mix;
mod moment;
mod names;
mod night;
mod objects;
mod package;
mod rows;
mod text;
mod world;

use std::sync::Arc;

use jiff::civil::{Date, date};

pub use defect::Defect;
pub use expected::{Counts, Expected};
pub use night::{Mode, Night, Rows};
pub use rows::File;
pub use text::FileReader;

/// How large a district is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    students: u64,
}

impl Size {
    /// So many students on the first night; all else in proportion: 8 teachers, 30 classes, 840
    /// enrolments and 150 guardians for every 100 students.
    pub fn students(students: u64) -> Self {
        Self { students }
    }
}

/// Version of OneRoster that the files claim and follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// 1.1: the role is a column of users.csv.
    #[default]
    V1_1,
    /// 1.2 (text level 1.2.1): roles.csv.
    V1_2,
}

/// What the ids of a district look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdStyle {
    /// UUIDs for people and enrolments, short ones for all else.
    #[default]
    Mixed,
    /// UUIDs for everything but sessions.
    Uuid,
    /// Numbers as student information systems have them; an enrolment's is put together from person
    /// and class.
    Numbers,
}

impl std::str::FromStr for IdStyle {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "mixed" => Ok(Self::Mixed),
            "uuid" => Ok(Self::Uuid),
            "numbers" => Ok(Self::Numbers),
            _ => Err("ids are mixed, uuid or numbers".to_owned()),
        }
    }
}

/// A district, before one of its nights is looked at.
#[derive(Clone, Debug)]
pub struct District {
    students: u64,
    seed: u64,
    version: Version,
    ids: IdStyle,
    guardians: bool,
    metadata: bool,
    quote_all: bool,
    line_end: &'static str,
    churn: f64,
    school_year: i16,
}

impl District {
    /// A district of this size: OneRoster 1.1, with guardians, 1 % churn, school year 2026-27, seed
    /// 1.
    pub fn new(size: Size) -> Self {
        Self {
            students: size.students,
            seed: 1,
            version: Version::default(),
            ids: IdStyle::default(),
            guardians: true,
            metadata: false,
            quote_all: false,
            line_end: "\r\n",
            churn: 1.0,
            school_year: 2027,
        }
    }

    /// Another district: other names, other schools, other ids.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The version of the files.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// The look of the ids.
    #[must_use]
    pub fn ids(mut self, ids: IdStyle) -> Self {
        self.ids = ids;
        self
    }

    /// Whether guardians are shared, and students refer to them.
    #[must_use]
    pub fn guardians(mut self, guardians: bool) -> Self {
        self.guardians = guardians;
        self
    }

    /// Adds columns to users.csv as districts do by agreement: `metadata.stateId`, `metadata.ell`,
    /// `metadata.frl`, `metadata.iep` and `metadata.household` (with shared custody a family has
    /// two).
    #[must_use]
    pub fn metadata(mut self, metadata: bool) -> Self {
        self.metadata = metadata;
        self
    }

    /// Quotes every field, as many exporters do; otherwise only those that need it.
    #[must_use]
    pub fn quote_all(mut self, quote_all: bool) -> Self {
        self.quote_all = quote_all;
        self
    }

    /// Ends lines with a line feed alone instead of CR LF.
    #[must_use]
    pub fn unix_lines(mut self) -> Self {
        self.line_end = "\n";
        self
    }

    /// Percent of the students, teachers and classes that something happens to between two nights
    /// (0 to 100).
    #[must_use]
    pub fn churn(mut self, percent: f64) -> Self {
        self.churn = percent;
        self
    }

    /// The school year, by the year in which it ends: 2027 lasts from August 2026 to June 2027.
    #[must_use]
    pub fn school_year(mut self, ends_in: i16) -> Self {
        self.school_year = ends_in;
        self
    }

    /// The day of night 0: 15 October of the school year. Night `k` is `k` days later.
    pub fn first_night(&self) -> Date {
        date(self.school_year.clamp(1, 9_000) - 1, 10, 15)
    }

    /// The district as its source has it on a night; 0 is the first. Each later night differs from
    /// the one before by the churn.
    pub fn night(&self, night: u32) -> Night {
        Night::new(&Arc::new(world::World::new(self)), night)
    }
}
