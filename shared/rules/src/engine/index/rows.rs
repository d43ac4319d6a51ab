//! The guardians of one run in a few bytes each, to compare all of them with each other.

use crate::engine::hashes::{self, IdSet};
use roster::id::{SourceId, hash64};
use roster::records::Person;

/// What the mirror has under the id of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    /// Nothing.
    Nothing,
    /// An active guardian.
    Active,
    /// An archived guardian.
    Archived,
    /// The id is in a link; see the claimed records.
    Linked,
    /// The row is not a snapshot record but a mirror record that stays unchanged.
    Stays,
}

/// A guardian of the source, or one of the mirror that stays unchanged.
pub(super) struct Row {
    /// The e-mail address, hashed; 0 if there is none.
    pub(super) email: u64,
    /// Where the id begins in the text of all ids.
    start: u32,
    /// Whether the guardian has a contact that no other guardian has (R-G1).
    pub(super) unique: bool,
    /// What the mirror has under the id.
    pub(super) own: Own,
}

/// All guardians.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    ids: String,
    /// Contact, name and row; the name is 0 if there is none.
    contacts: Vec<(u64, u32, u32)>,
}

impl Rows {
    /// Adds a guardian and returns the row.
    pub(super) fn add(&mut self, id: &SourceId, person: &Person, own: Own) -> u32 {
        let row = self.rows.len() as u32;
        let start = self.ids.len() as u32;
        self.ids.push_str(id.as_str());
        let name = hashes::full_name(person).map_or(0, |name| (name as u32).max(1));
        let contacts = hashes::contacts(person);
        self.contacts.extend(contacts.map(|contact| (hash64(contact.reveal()), name, row)));
        self.rows.push(Row {
            email: hashes::email(person).unwrap_or(0),
            start,
            unique: false,
            own,
        });
        row
    }

    /// Adds a guardian without the name: the contacts are taken, but no other row is the same
    /// guardian.
    pub(super) fn add_nameless(&mut self, key: &SourceId, person: &Person) {
        let nameless = Person {
            email: person.email.clone(),
            phone: person.phone.clone(),
            sms: person.sms.clone(),
            ..Person::default()
        };
        self.add(key, &nameless, Own::Stays);
    }

    /// Returns the id of a row.
    pub(super) fn id(&self, row: u32) -> SourceId {
        let row = row as usize;
        let end = self.rows.get(row + 1).map_or(self.ids.len(), |next| next.start as usize);
        SourceId::from(&self.ids[self.rows[row].start as usize..end])
    }

    /// Joins the rows with the same name and a contact in common, transitively (R-G2). Returns each
    /// row's group (the number of one of its rows), and the contacts of more than one group, with
    /// `others`: contacts of guardians who have no row here.
    pub(super) fn join(&mut self, others: &IdSet) -> (Vec<u32>, IdSet) {
        self.contacts.sort_unstable();
        self.contacts.dedup();
        let mut parent: Vec<u32> = (0..self.rows.len() as u32).collect();
        for two in self.contacts.windows(2) {
            let ((contact, name, a), (other_contact, other_name, b)) = (two[0], two[1]);
            if contact == other_contact && name == other_name && name != 0 {
                let (a, b) = (root(&mut parent, a), root(&mut parent, b));
                parent[a.max(b) as usize] = a.min(b);
            }
        }
        for row in 0..parent.len() as u32 {
            parent[row as usize] = root(&mut parent, row);
        }
        let mut taken = others.clone();
        for two in self.contacts.windows(2) {
            if two[0].0 == two[1].0 && parent[two[0].2 as usize] != parent[two[1].2 as usize] {
                taken.insert(two[0].0);
            }
        }
        for (contact, _, row) in &self.contacts {
            self.rows[*row as usize].unique |= !taken.contains(contact);
        }
        self.contacts = Vec::new();
        (parent, taken)
    }
}

fn root(parent: &mut [u32], mut row: u32) -> u32 {
    while parent[row as usize] != row {
        parent[row as usize] = parent[parent[row as usize] as usize];
        row = parent[row as usize];
    }
    row
}
