//! Families: children, guardians, custody and contact data.

use crate::mix::Draw;
use crate::moment::{Moment, Seat};
use crate::names;
use crate::world::{Key, Kind, World};

/// Maximum number of guardians in a family.
const GUARDIANS: u64 = 8;

/// A guardian's relationship to the children, as a role of OneRoster 1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Parent,
    Guardian,
    Relative,
}

impl Relation {
    pub(crate) fn role(self) -> &'static str {
        match self {
            Self::Parent => "parent",
            Self::Guardian => "guardian",
            Self::Relative => "relative",
        }
    }
}

/// A family. Those of the first night have the lowest numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family {
    pub(crate) number: u64,
    /// How often the family's contact data has changed.
    pub(crate) contacts: u64,
}

/// The data of a guardian.
pub(crate) struct Guardian {
    pub(crate) key: Key,
    pub(crate) relation: Relation,
    pub(crate) given: String,
    pub(crate) family: String,
    pub(crate) email: String,
    pub(crate) phone: String,
    /// `A` or `B`: with shared custody the children live in two households.
    pub(crate) household: char,
}

impl World {
    /// The number of the family of a student of a later generation.
    pub(crate) fn later_family(&self, seat: u64, generation: u64) -> u64 {
        self.layout.families + seat + self.layout.seats * (generation - 1)
    }

    pub(crate) fn family_name(&self, family: u64) -> String {
        let number = self.draw(Draw::FamilyName, family, 0);
        if number.is_multiple_of(29) {
            return format!(
                "{}-{}",
                names::family(number >> 3 | 1),
                names::family(number >> 7 | 1)
            );
        }
        names::family(number)
    }

    pub(crate) fn guardian_count(&self, family: u64) -> u64 {
        if !self.guardians {
            return 0;
        }
        match self.draw(Draw::FamilyShape, family, 0) % 100 {
            0..15 => 1,
            15..65 => 2,
            65..95 => 3,
            _ => 4,
        }
    }

    pub(crate) fn guardian_key(family: u64, index: u64) -> Key {
        Key::new(Kind::Guardian, family * GUARDIANS + index, 0)
    }

    /// The guardian with this index in a family.
    ///
    /// In every twentieth family all guardians share one email address and one phone. Every
    /// twentieth has no contact data. Others share an email address, or have only an email address
    /// or only a phone.
    pub(crate) fn guardian(&self, family: Family, index: u64) -> Guardian {
        let number = self.draw(Draw::GuardianName, family.number, index);
        let shape = self.draw(Draw::FamilyShape, family.number, 1) % 100;
        let apart = shape < 30 && index == 1;
        let relation = match index {
            0 | 1 if shape >= 95 => Relation::Guardian,
            0 | 1 => Relation::Parent,
            2 if shape < 30 => Relation::Guardian,
            _ => Relation::Relative,
        };
        let given = names::given(number);
        let own_name = apart || index > 1;
        let name =
            if own_name { names::family(number >> 11) } else { self.family_name(family.number) };
        let contacts = if index == 0 { family.contacts } else { 0 };
        let (email, phone) = self.contacts(family.number, index, contacts, (&given, &name), number);
        Guardian {
            key: Self::guardian_key(family.number, index),
            relation,
            given,
            family: name,
            email,
            phone,
            household: if apart || (shape < 30 && index == 2) { 'B' } else { 'A' },
        }
    }

    fn contacts(
        &self,
        family: u64,
        index: u64,
        changes: u64,
        (given, name): (&str, &str),
        number: u64,
    ) -> (String, String) {
        const HOSTS: [&str; 4] =
            ["mail.example.net", "post.example.net", "inbox.example.org", "home.example.net"];
        // There are few phone numbers. The upper half is for families with no other contact data,
        // a different one for each family while they last.
        let half = names::PHONES / 2;
        let own_phone = || names::phone(number % half + changes, number >> 40);
        let home_phone =
            || names::phone(self.draw(Draw::FamilyShape, family, 2) % half + changes, family);
        let own_mail = || {
            let mut mail = String::new();
            names::mail_part(given, &mut mail);
            mail.push('.');
            names::mail_part(name, &mut mail);
            let host = HOSTS[usize::try_from(number >> 20 & 3).unwrap_or(0)];
            let change = if changes == 0 { String::new() } else { format!(".{changes}") };
            format!("{mail}{}{change}@{host}", family * GUARDIANS + index)
        };
        let family_mail = || {
            let mut mail = String::from("family.");
            names::mail_part(&self.family_name(family), &mut mail);
            let change = if changes == 0 { String::new() } else { format!(".{changes}") };
            format!("{mail}{family}{change}@home.example.net")
        };
        match (family % 20, index) {
            (13 | 14, _) => (own_mail(), String::new()),
            (15, 0) => (String::new(), names::phone(half + family / 20 % half, family)),
            (16, _) => (family_mail(), own_phone()),
            // All guardians share both, so a change of one guardian's data would end that.
            (17, _) => {
                let mut mail = String::from("family.");
                names::mail_part(&self.family_name(family), &mut mail);
                (
                    format!("{mail}{family}@home.example.net"),
                    names::phone(self.draw(Draw::FamilyShape, family, 2) % half, family),
                )
            }
            (18, _) => (String::new(), String::new()),
            (19, 1..) => (String::new(), String::new()),
            (_, 2..) if number.is_multiple_of(3) => (own_mail(), home_phone()),
            _ => (own_mail(), own_phone()),
        }
    }
}

impl Moment {
    /// The family of the student in this seat.
    pub(crate) fn family_of(&self, seat: u64, state: &Seat) -> Family {
        if state.generation > 0 {
            return Family {
                number: self.world.later_family(seat, state.generation),
                contacts: state.contacts,
            };
        }
        let number = self.world.layout.family_of(seat);
        Family { number, contacts: self.first_contacts(number) }
    }

    fn first_contacts(&self, family: u64) -> u64 {
        self.world.layout.children_of(family).map(|seat| self.seat(seat).first_contacts).sum()
    }

    /// The present children of a family of the first night.
    pub(crate) fn first_family(&self, number: u64) -> (Family, Vec<Key>) {
        let mut contacts = 0;
        let mut children = Vec::new();
        for seat in self.world.layout.children_of(number) {
            let state = self.seat(seat);
            contacts += state.first_contacts;
            if state.present && state.generation == 0 {
                children.push(self.student_key(seat, &state));
            }
        }
        (Family { number, contacts }, children)
    }
}
