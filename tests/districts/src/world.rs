//! What all nights of a district share: its settings, its layout, and the format of its ids.

use std::fmt::Write as _;

use jiff::civil::Date;

use crate::layout::Layout;
use crate::mix::{Draw, Shuffle, mix};
use crate::{IdStyle, Version};

/// The kinds of records that have their own id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Kind {
    School = 1,
    Course,
    Class,
    Student,
    Teacher,
    Administrator,
    Guardian,
}

/// Identifies a record across nights: its kind, its slot, and the number of earlier records in that
/// slot. Ids are derived from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl Key {
    pub(crate) fn new(kind: Kind, slot: u64, generation: u64) -> Self {
        Self((kind as u64) << 60 | (generation & 0xfffff) << 40 | (slot & 0xff_ffff_ffff))
    }

    fn slot(self) -> u64 {
        self.0 & 0xff_ffff_ffff
    }

    fn generation(self) -> u64 {
        self.0 >> 40 & 0xfffff
    }

    fn kind(self) -> u64 {
        self.0 >> 60
    }
}

/// What all nights of a district share.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) version: Version,
    pub(crate) ids: IdStyle,
    pub(crate) guardians: bool,
    pub(crate) metadata: bool,
    pub(crate) quote_all: bool,
    pub(crate) line_end: &'static str,
    /// Share of records that change in a night, per million.
    pub(crate) churn: u64,
    /// Year in which the school year ends.
    pub(crate) school_year: i16,
    pub(crate) first_night: Date,
    pub(crate) name: String,
    pub(crate) slug: String,
    pub(crate) layout: Layout,
    numbers: Shuffle,
}

impl World {
    pub(crate) fn new(settings: &crate::District) -> Self {
        let layout = Layout::new(settings.students, settings.seed);
        let (name, slug) = crate::names::district(settings.seed);
        Self {
            seed: settings.seed,
            version: settings.version,
            ids: settings.ids,
            guardians: settings.guardians,
            metadata: settings.metadata,
            quote_all: settings.quote_all,
            line_end: settings.line_end,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a clamped percentage"
            )]
            churn: (settings.churn.clamp(0.0, 100.0) * 10_000.0).round() as u64,
            school_year: settings.school_year,
            first_night: settings.first_night(),
            name,
            slug,
            numbers: Shuffle::new(layout.seats, settings.seed, Draw::NumberOrder, 0),
            layout,
        }
    }

    pub(crate) fn draw(&self, draw: Draw, a: u64, b: u64) -> u64 {
        mix(self.seed, draw, a, b)
    }

    /// How many of `count` records change in a night.
    pub(crate) fn touched(&self, count: u64) -> u64 {
        (count * self.churn + 500_000) / 1_000_000
    }

    /// A student's number in the district's system, with at least seven digits. Never reused.
    pub(crate) fn student_number(&self, seat: u64, generation: u64) -> u64 {
        1_000_000 + self.numbers.place(seat) + generation * self.layout.seats
    }

    /// Writes the id of a school, class, course or person.
    pub(crate) fn id(&self, out: &mut String, key: Key) {
        let person = key.kind() >= Kind::Student as u64;
        match self.ids {
            IdStyle::Uuid => self.uuid(out, key.0, 0),
            IdStyle::Mixed if person => self.uuid(out, key.0, 0),
            IdStyle::Mixed | IdStyle::Numbers => self.number(out, key),
        }
    }

    /// Writes the id of the enrollment of a person in a class.
    pub(crate) fn enrollment_id(&self, out: &mut String, person: Key, class: Key) {
        match self.ids {
            IdStyle::Uuid | IdStyle::Mixed => self.uuid(out, person.0, class.0),
            IdStyle::Numbers => {
                self.id(out, person);
                out.push('_');
                self.id(out, class);
            }
        }
    }

    fn number(&self, out: &mut String, key: Key) {
        let (slot, generation) = (key.slot(), key.generation());
        // Writing to a string cannot fail.
        let _ = match key.kind() {
            1 => write!(out, "S{:04}", slot + 1),
            2 => write!(
                out,
                "CRS-{}-{}",
                crate::layout::GRADES[usize::try_from(slot / 16).unwrap_or(0) % 13],
                slot % 16
            ),
            3 => write!(out, "{}", 300_000 + slot + generation * self.layout.class_slots),
            4 => write!(out, "{}", self.student_number(slot, generation)),
            5 => write!(out, "T{}", 10_000 + slot + generation * self.layout.teachers),
            6 => write!(out, "A{:04}", slot + 1),
            _ => write!(out, "G{}", 100_000 + slot),
        };
    }

    /// An id that looks like a random UUID and is a function of the record.
    fn uuid(&self, out: &mut String, a: u64, b: u64) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let high = mix(self.seed, Draw::Id, a, b) & !0xf000 | 0x4000;
        let low = mix(self.seed, Draw::Id, b ^ 0x5bd1_e995, !a) & !(3 << 62) | 2 << 62;
        for (number, value) in [high, low].into_iter().enumerate() {
            for nibble in 0..16u32 {
                let dash =
                    if number == 0 { matches!(nibble, 8 | 12) } else { matches!(nibble, 0 | 4) };
                if dash {
                    out.push('-');
                }
                out.push(char::from(HEX[(value >> (60 - 4 * nibble) & 15) as usize]));
            }
        }
    }
}
