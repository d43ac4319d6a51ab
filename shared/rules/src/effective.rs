//! What people see: a record of the mirror with the local edits beside it laid over it.
//!
//! The mirror is left as it is; the edits say what is otherwise here (R-M2). Every function takes
//! what one read of a record gives: the record, the edits beside it, and the *twins*, edits beside
//! another record that are about this one. Nothing is looked up; who wants to know of a class
//! whether its primary teacher has signed in brings that teacher's edits along.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use roster::edit::{Edit, LocalEdit};
use roster::id::SourceId;
use roster::personal::Personal;
use roster::records::{Mirrored, Origin, Person, RecordKind, Status, kinds};

/// Somebody in a roster, or a relationship, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The key of the person, or of the class, seen from a person.
    pub key: SourceId,
    /// The source, or people here.
    pub origin: Origin,
}

/// A class as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectiveClass<'a> {
    /// The class in the mirror; its title is the source's, to the letter (R-M3).
    pub item: &'a Mirrored<kinds::Classes>,
    /// The name that it was given here (R-M4).
    pub custom_name: Option<&'a Personal>,
    /// Its teachers, the primary one first (R-T2), those added by hand last.
    pub teachers: Vec<Listed>,
    /// Its students: the source's in the order of their keys, then those added by hand.
    pub students: Vec<Listed>,
    /// Guardians who joined with the code (R-G4).
    pub guardians: Vec<SourceId>,
    /// The code to join with.
    pub join_code: Option<&'a Personal>,
    /// Until when no run takes it away (R-P1).
    pub pinned_until: Option<Date>,
}

/// Lays the edits beside a class over it.
pub fn class<'a>(item: &'a Mirrored<kinds::Classes>, edits: &'a [LocalEdit]) -> EffectiveClass<'a> {
    EffectiveClass {
        item,
        custom_name: edits.iter().find_map(|edit| match &edit.edit {
            Edit::CustomName { name } => Some(name),
            _ => None,
        }),
        teachers: members(item, &item.state.teachers, RecordKind::Teacher, edits),
        students: members(item, &item.state.students, RecordKind::Student, edits),
        guardians: members(item, &[], RecordKind::Guardian, edits)
            .into_iter()
            .map(|listed| listed.key)
            .collect(),
        join_code: edits.iter().find_map(|edit| match &edit.edit {
            Edit::JoinCode { code } => Some(code),
            _ => None,
        }),
        pinned_until: pinned_until(edits),
    }
}

/// The mirror's list, less who was taken out, and who was added.
fn members(
    item: &Mirrored<kinds::Classes>,
    list: &[SourceId],
    role: RecordKind,
    edits: &[LocalEdit],
) -> Vec<Listed> {
    let is_out = |key: &SourceId| {
        edits.iter().any(|edit| matches!(&edit.edit, Edit::Left { role: r, person } if *r == role && person == key))
    };
    let mut members: Vec<Listed> = list
        .iter()
        .filter(|key| !is_out(key))
        .map(|key| Listed { key: key.clone(), origin: item.origin })
        .collect();
    let mut added: Vec<&SourceId> = edits
        .iter()
        .filter_map(|edit| match &edit.edit {
            Edit::Member { role: r, person } if *r == role => Some(person),
            _ => None,
        })
        // Whom the source lists by now is the source's, though the edit is still there (R-S4,
        // R-T3).
        .filter(|key| !list.contains(key) && !is_out(key))
        .collect();
    added.sort_by(|a, b| a.table_order(b));
    members
        .extend(added.into_iter().map(|key| Listed { key: key.clone(), origin: Origin::Manual }));
    members
}

impl EffectiveClass<'_> {
    /// The name to show.
    pub fn name(&self) -> &str {
        self.custom_name.map_or(&self.item.state.details.title, Personal::reveal)
    }

    /// Whether it is a class of today: in the rosters and not inactive (R-C4).
    pub fn is_active(&self) -> bool {
        self.item.status == Status::Active && self.item.state.inactive.is_empty()
    }

    /// The teacher who comes first.
    pub fn primary(&self) -> Option<&SourceId> {
        self.teachers.first().map(|listed| &listed.key)
    }

    /// Whether somebody is in it.
    pub fn has(&self, role: RecordKind, person: &SourceId) -> bool {
        match role {
            RecordKind::Teacher => self.teachers.iter().any(|listed| listed.key == *person),
            RecordKind::Student => self.students.iter().any(|listed| listed.key == *person),
            RecordKind::Guardian => self.guardians.contains(person),
            _ => false,
        }
    }
}

/// Whether the features of a class's single-sign-on integration are ready: its primary teacher has
/// signed in with it (R-T6).
pub fn sso_ready(class: &EffectiveClass<'_>, edits_of_primary: &[LocalEdit]) -> bool {
    class.primary().is_some_and(|primary| {
        edits_of_primary
            .iter()
            .any(|edit| edit.key == *primary && matches!(edit.edit, Edit::SignedIn { .. }))
    })
}

/// Where an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// The invitation is not accepted: name and contacts follow the source (R-G5).
    Invited,
    /// Accepted.
    Active,
    /// Gone from the source (R-A2, R-A5).
    Archived,
}

/// What an account opens (R-A2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// The school.
    pub school: bool,
    /// Its active classes.
    pub classes: bool,
    /// Announcements of school and district.
    pub announcements: bool,
}

/// A person's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Invited, active or archived.
    pub state: AccountState,
    /// When the invitation was accepted.
    pub accepted: Option<Timestamp>,
    /// Whether it may be used at all (R-S6). What a school leader set counts; else what the source
    /// says.
    pub enabled: bool,
    /// The e-mail to sign in with: the temporary one, or the person's own if it is nobody else's
    /// (R-I4, R-I5).
    pub sign_in_email: Option<Personal>,
    /// When the person first signed in with single sign-on (R-T6).
    pub signed_in: Option<Timestamp>,
    /// What it opens.
    pub reach: Reach,
}

/// Any person of the mirror: what the three kinds have in common.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// In the rosters or archived.
    pub status: Status,
    /// Source or manual.
    pub origin: Origin,
    /// Names, contacts, schools.
    pub person: &'a Person,
    /// The e-mail is somebody else's too.
    pub email_shared: bool,
}

/// What a record of a kind of people has in common with those of the others.
macro_rules! who {
    ($($kind:ident),*) => { $(
        impl<'a> From<&'a Mirrored<kinds::$kind>> for Who<'a> {
            fn from(item: &'a Mirrored<kinds::$kind>) -> Self {
                Self { status: item.status, origin: item.origin, person: &item.state.person, email_shared: item.state.email_shared }
            }
        }
    )* };
}
who!(Students, Teachers, Guardians);

/// The person with what people changed here (R-S6, R-G5).
pub fn person(who: Who<'_>, edits: &[LocalEdit]) -> Person {
    let mut person = who.person.clone();
    let lay = |over: &Option<Personal>, under: &mut Option<Personal>| {
        if over.is_some() {
            under.clone_from(over);
        }
    };
    for edit in edits {
        match &edit.edit {
            Edit::Name { given, family } => {
                // A name that somebody goes by in the source would hide the one given here.
                if given.is_some() {
                    person.preferred_given = None;
                }
                if family.is_some() {
                    person.preferred_family = None;
                }
                lay(given, &mut person.given);
                lay(family, &mut person.family);
            }
            Edit::Contact { email, phone, sms } => {
                lay(email, &mut person.email);
                lay(phone, &mut person.phone);
                lay(sms, &mut person.sms);
            }
            _ => {}
        }
    }
    person
}

/// The account of a person. `children` are the states of a guardian's children; empty for others.
pub fn account(
    kind: RecordKind,
    who: Who<'_>,
    edits: &[LocalEdit],
    children: &[Status],
) -> Account {
    let (mut accepted, mut enabled, mut temporary, mut signed_in) =
        (None, !who.person.disabled, None, None);
    let mut own_email = None;
    for edit in edits {
        match &edit.edit {
            Edit::Account { accepted: when, enabled: may } => (accepted, enabled) = (*when, *may),
            Edit::SignIn { email } => temporary = Some(email),
            Edit::Contact { email: Some(email), .. } => own_email = Some(email),
            Edit::SignedIn { first } => signed_in = Some(*first),
            _ => {}
        }
    }
    let state = match (who.status, accepted) {
        (Status::Archived, _) => AccountState::Archived,
        (Status::Active, Some(_)) => AccountState::Active,
        (Status::Active, None) => AccountState::Invited,
    };
    // What says that an e-mail is shared was found out about the source's e-mail, not about one
    // that was given here.
    let of_source = who.person.email.as_ref().filter(|_| !who.email_shared);
    let sign_in_email = temporary.or(own_email).or(of_source).cloned();
    let reaches = who.status == Status::Active
        && enabled
        && !is_of_abandoned_family(kind, who.origin, children);
    let reach = Reach { school: reaches, classes: reaches, announcements: reaches };
    Account { state, accepted, enabled, sign_in_email, signed_in, reach }
}

/// A guardian whom the source does not have (else the record would be archived, or the family is
/// not abandoned) and whose children have all left (R-A1).
fn is_of_abandoned_family(kind: RecordKind, origin: Origin, children: &[Status]) -> bool {
    kind == RecordKind::Guardian
        && origin == Origin::Manual
        && !children.is_empty()
        && children.iter().all(|status| *status == Status::Archived)
}

/// The keys of a person's classes: the mirror's `list` less those left by hand, and those joined by
/// hand. `twins` are the edits beside classes that are about this person.
pub fn classes_of(role: RecordKind, list: &[SourceId], twins: &[LocalEdit]) -> Vec<Listed> {
    let of_role = |edit: &LocalEdit| matches!(&edit.edit, Edit::Member { role: r, .. } | Edit::Left { role: r, .. } if *r == role);
    let twins: Vec<&LocalEdit> =
        twins.iter().filter(|edit| edit.kind == RecordKind::Class && of_role(edit)).collect();
    let is_out = |key: &SourceId| {
        twins.iter().any(|edit| edit.key == *key && matches!(edit.edit, Edit::Left { .. }))
    };
    let mut classes: Vec<Listed> = list
        .iter()
        .filter(|key| !is_out(key))
        .map(|key| Listed { key: key.clone(), origin: Origin::Source })
        .collect();
    let joined = twins.iter().filter(|edit| matches!(edit.edit, Edit::Member { .. }));
    for edit in joined {
        if !list.contains(&edit.key) && !is_out(&edit.key) {
            classes.push(Listed { key: edit.key.clone(), origin: Origin::Manual });
        }
    }
    classes
}

/// The keys of a student's guardians: the mirror's, and those linked by hand, who tell of it by
/// their twins beside the student (R-G4).
pub fn guardians_of(list: &[SourceId], twins: &[LocalEdit]) -> Vec<Listed> {
    let by_hand = twins.iter().filter(|edit| {
        edit.kind == RecordKind::Guardian && matches!(edit.edit, Edit::Child { .. })
    });
    both(list, by_hand.map(|edit| &edit.key))
}

/// The keys of a guardian's children: the mirror's, and those linked by hand (R-G4).
pub fn children_of(list: &[SourceId], edits: &[LocalEdit]) -> Vec<Listed> {
    let by_hand = edits.iter().filter_map(|edit| match &edit.edit {
        Edit::Child { student } => Some(student),
        _ => None,
    });
    both(list, by_hand)
}

fn both<'a>(list: &[SourceId], by_hand: impl Iterator<Item = &'a SourceId>) -> Vec<Listed> {
    let of_source = list.iter().map(|key| Listed { key: key.clone(), origin: Origin::Source });
    let by_hand = by_hand
        .filter(|key| !list.contains(key))
        .map(|key| Listed { key: key.clone(), origin: Origin::Manual });
    of_source.chain(by_hand).collect()
}

/// Until when no run takes the record away (R-P1).
pub fn pinned_until(edits: &[LocalEdit]) -> Option<Date> {
    edits.iter().find_map(|edit| match edit.edit {
        Edit::Pin { until, .. } => Some(until),
        _ => None,
    })
}

/// The name under which a person is found and shown: the one they go by, or else the given one, and
/// the family name.
pub fn full_name(person: &Person) -> String {
    let given = person.preferred_given.as_ref().or(person.given.as_ref());
    let family = person.preferred_family.as_ref().or(person.family.as_ref());
    let parts = [given, family]
        .into_iter()
        .flatten()
        .map(|part| part.reveal().trim())
        .filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

/// Whether a text names the person exactly: case and the number of spaces do not count, everything
/// else does (R-S5). Both the names that the person goes by and those in the register count.
pub fn is_named(person: &Person, text: &str) -> bool {
    let wanted = folded(text);
    if wanted.is_empty() {
        return false;
    }
    let registered = Person { preferred_given: None, preferred_family: None, ..person.clone() };
    wanted == folded(&full_name(person)) || wanted == folded(&full_name(&registered))
}

/// A name as it is compared: lower case, single spaces.
pub fn folded(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}
