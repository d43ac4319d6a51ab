//! Synthetic school districts of any size, for any night, with any defect. The same seed gives the
//! same district.
//!
//! Every record of every night is a function of the seed. A million students are written in
//! constant memory, and night 3 does not depend on having written nights 1 and 2. The binary
//! `make-district` writes a night from the command line; the example `fleet` simulates a night of
//! all school districts of the United States.
//!
//! | module | contents |
//! | --- | --- |
//! | `night` | [`Night`]: a district's data on one night, and its [`Rows`] |
//! | `package` | writes a night as a zip or a folder |
//! | `tables` | [`Tables`]: a night whose records the caller makes |
//! | `text` | [`FileReader`]: the bytes of one file |
//! | `objects` | the records as OneRoster REST objects |
//! | `expected` | [`Expected`]: counts of records and changes |
//! | `defect` | [`Defect`]: the defects of real files |
//! | `rows` | [`File`]: the columns and rows of each file |
//! | `world`, `layout`, `moment` | settings and ids, schools and seats, the state of a night |
//! | `family`, `names`, `mix` | families, invented names, pseudo-random numbers |
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
//! let students = expected.students;
//! assert_eq!(students.in_source, 200 + students.added - students.removed);
//! # Ok(())
//! # }
//! ```
//!
//! All data is invented. Names come from word lists of this package, email addresses end in
//! `example.org` or `example.net`, and phone numbers are 555-0100 to 555-0199 of real area codes.
//! There are only some 20,000 such numbers, so in large districts guardians share phones by chance.
//! Up to 300,000 students, guardians whose only contact is a phone have their own number.

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
mod tables;
mod text;
mod world;

use std::sync::Arc;

use jiff::civil::{Date, date};

pub use defect::Defect;
pub use expected::{Counts, Expected};
pub use night::{Mode, Night, Rows};
pub use rows::File;
pub use tables::Tables;
pub use text::FileReader;

/// How large a district is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    students: u64,
}

impl Size {
    /// A district with this many students on the first night. For every 100 students it has 8
    /// teachers, 30 classes, 840 enrollments and 150 guardians.
    pub fn students(students: u64) -> Self {
        Self { students }
    }
}

/// The OneRoster version of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// 1.1: roles are a column of users.csv.
    #[default]
    V1_1,
    /// 1.2 (text of 1.2.1): roles are in roles.csv.
    V1_2,
}

/// The format of a district's ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdStyle {
    /// UUIDs for people and enrollments, short ids for the rest.
    #[default]
    Mixed,
    /// UUIDs for everything except sessions.
    Uuid,
    /// Numbers as in student information systems. An enrollment's id combines person and class.
    Numbers,
}

impl std::str::FromStr for IdStyle {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "mixed" => Ok(Self::Mixed),
            "uuid" => Ok(Self::Uuid),
            "numbers" => Ok(Self::Numbers),
            _ => Err("ids must be mixed, uuid or numbers".to_owned()),
        }
    }
}

/// The settings of a synthetic district.
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
    /// A district of this size. Defaults: OneRoster 1.1, guardians, 1 % churn, school year 2026-27,
    /// seed 1.
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

    /// Sets the seed. Another seed gives other names, schools and ids.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the version of the files.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Sets the format of the ids.
    #[must_use]
    pub fn ids(mut self, ids: IdStyle) -> Self {
        self.ids = ids;
        self
    }

    /// Sets whether the files contain guardians, and students refer to them.
    #[must_use]
    pub fn guardians(mut self, guardians: bool) -> Self {
        self.guardians = guardians;
        self
    }

    /// Adds the district's own columns to users.csv: `metadata.stateId`, `metadata.ell`,
    /// `metadata.frl`, `metadata.iep` and `metadata.household` (two per family with shared
    /// custody).
    #[must_use]
    pub fn metadata(mut self, metadata: bool) -> Self {
        self.metadata = metadata;
        self
    }

    /// Quotes every field, as many exporters do, instead of only those that need it.
    #[must_use]
    pub fn quote_all(mut self, quote_all: bool) -> Self {
        self.quote_all = quote_all;
        self
    }

    /// Ends lines with LF instead of CR LF.
    #[must_use]
    pub fn unix_lines(mut self) -> Self {
        self.line_end = "\n";
        self
    }

    /// Sets the percentage of students, teachers and classes that change between two nights (0 to
    /// 100).
    #[must_use]
    pub fn churn(mut self, percent: f64) -> Self {
        self.churn = percent;
        self
    }

    /// Sets the school year by the year in which it ends: 2027 is August 2026 to June 2027.
    #[must_use]
    pub fn school_year(mut self, ends_in: i16) -> Self {
        self.school_year = ends_in;
        self
    }

    /// The date of night 0: October 15 of the school year. Night `k` is `k` days later.
    pub fn first_night(&self) -> Date {
        date(self.school_year.clamp(1, 9_000) - 1, 10, 15)
    }

    /// The district's data on a night; 0 is the first. Each night differs from the one before by
    /// the churn.
    pub fn night(&self, night: u32) -> Night {
        Night::new(&Arc::new(world::World::new(self)), night)
    }

    /// A night with records that the caller made. The district only gives its settings: version,
    /// school year, line ends, quotes. `before`: the records of the night before, with which a
    /// delta is compared.
    pub fn night_of(&self, now: Arc<Tables>, before: Option<Arc<Tables>>) -> Night {
        let mut night = self.night(u32::from(before.is_some()));
        night.tables = Some(tables::Pair { now, before });
        night
    }
}
