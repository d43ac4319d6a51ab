//! Effective records: a record of the mirror with its local edits applied (R-M2).
//!
//! The mirror itself stays unchanged. Each function takes what one read of a record returns: the
//! record, its edits, and the *twins*, which are edits of other records that refer to this one.
//! Nothing is fetched here. To find out whether a class's primary teacher has signed in, the caller
//! passes that teacher's edits.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use roster::edit::{Edit, LocalEdit};
use roster::id::SourceId;
use roster::personal::Personal;
use roster::records::{Mirrored, Origin, Person, RecordKind, Status, kinds};

/// A member of a roster or one side of a relationship, and its origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The key of the person, or of the class, seen from a person.
    pub key: SourceId,
    /// The source, or a person here.
    pub origin: Origin,
}

/// A class with its local edits.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectiveClass<'a> {
    /// The class in the mirror. Its title is exactly the source's (R-M3).
    pub item: &'a Mirrored<kinds::Classes>,
    /// The custom name (R-M4).
    pub custom_name: Option<&'a Personal>,
    /// Teachers: the primary one first (R-T2), those added by hand last.
    pub teachers: Vec<Listed>,
    /// Students: the source's in the order of their keys, then those added by hand.
    pub students: Vec<Listed>,
    /// Guardians who joined with the code (R-G4).
    pub guardians: Vec<SourceId>,
    /// The join code.
    pub join_code: Option<&'a Personal>,
    /// The first day on which the class's pin no longer holds (R-P1).
    pub pinned_until: Option<Date>,
}

/// Edits, sorted by what they do.
#[derive(Default)]
struct Sorted<'a> {
    custom_name: Option<&'a Personal>,
    join_code: Option<&'a Personal>,
    /// Members added by hand, each with the edit that adds it.
    added: Vec<InClass<'a>>,
    /// Members removed by hand.
    removed: Vec<InClass<'a>>,
    given: Option<&'a Personal>,
    family: Option<&'a Personal>,
    email: Option<&'a Personal>,
    phone: Option<&'a Personal>,
    sms: Option<&'a Personal>,
    sign_in: Option<&'a Personal>,
    /// When the invitation was accepted, and whether the account is enabled.
    account: Option<(Option<Timestamp>, bool)>,
    signed_in: Option<Timestamp>,
    /// Guardian and child.
    children: Vec<(&'a SourceId, &'a SourceId)>,
    pinned_until: Option<Date>,
}

/// An edit of a class that refers to a person.
#[derive(Clone, Copy)]
struct InClass<'a> {
    class: &'a SourceId,
    role: RecordKind,
    person: &'a SourceId,
}

impl<'a> Sorted<'a> {
    fn of(edits: impl IntoIterator<Item = &'a LocalEdit>) -> Self {
        let mut sorted = Self::default();
        for LocalEdit { key, edit, .. } in edits {
            let in_class = |role, person| InClass { class: key, role, person };
            match edit {
                Edit::CustomName { name } => sorted.custom_name = Some(name),
                Edit::JoinCode { code } => sorted.join_code = Some(code),
                Edit::Member { role, person } => sorted.added.push(in_class(*role, person)),
                Edit::Left { role, person } => sorted.removed.push(in_class(*role, person)),
                Edit::Name { given, family } => {
                    (sorted.given, sorted.family) = (given.as_ref(), family.as_ref());
                }
                Edit::Contact { email, phone, sms } => {
                    (sorted.email, sorted.phone) = (email.as_ref(), phone.as_ref());
                    sorted.sms = sms.as_ref();
                }
                Edit::SignIn { email } => sorted.sign_in = Some(email),
                Edit::Account { accepted, enabled } => {
                    sorted.account = Some((*accepted, *enabled));
                }
                Edit::SignedIn { first } => sorted.signed_in = Some(*first),
                Edit::Child { student } => sorted.children.push((key, student)),
                Edit::Pin { until, .. } => sorted.pinned_until = Some(*until),
                // An enrollment's pin changes what runs do, and nothing that is shown.
                Edit::PinEnrollment { .. } => {}
            }
        }
        sorted
    }
}

/// Applies the edits of a class to it.
pub fn class<'a>(item: &'a Mirrored<kinds::Classes>, edits: &'a [LocalEdit]) -> EffectiveClass<'a> {
    let sorted = Sorted::of(edits);
    let guardians = members(item, &[], RecordKind::Guardian, &sorted);
    EffectiveClass {
        item,
        custom_name: sorted.custom_name,
        teachers: members(item, &item.state.teachers, RecordKind::Teacher, &sorted),
        students: members(item, &item.state.students, RecordKind::Student, &sorted),
        guardians: guardians.into_iter().map(|listed| listed.key).collect(),
        join_code: sorted.join_code,
        pinned_until: sorted.pinned_until,
    }
}

/// Returns the mirror's list without the members removed by hand, and with those added by hand.
fn members(
    item: &Mirrored<kinds::Classes>,
    list: &[SourceId],
    role: RecordKind,
    sorted: &Sorted<'_>,
) -> Vec<Listed> {
    let is_removed = |key: &SourceId| {
        sorted.removed.iter().any(|removed| removed.role == role && removed.person == key)
    };
    let mut members: Vec<Listed> = list
        .iter()
        .filter(|key| !is_removed(key))
        .map(|key| Listed { key: key.clone(), origin: item.origin })
        .collect();
    // A member that the source lists is the source's, even while the edit still exists (R-S4,
    // R-T3).
    let mut added: Vec<&SourceId> = (sorted.added.iter().filter(|added| added.role == role))
        .map(|added| added.person)
        .filter(|key| !list.contains(key) && !is_removed(key))
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

    /// Whether the class is in the rosters and not inactive (R-C4).
    pub fn is_active(&self) -> bool {
        self.item.status == Status::Active && self.item.state.inactive.is_empty()
    }

    /// The key of the primary teacher.
    pub fn primary(&self) -> Option<&SourceId> {
        self.teachers.first().map(|listed| &listed.key)
    }

    /// Whether the person is in the class with this role.
    pub fn has(&self, role: RecordKind, person: &SourceId) -> bool {
        match role {
            RecordKind::Teacher => self.teachers.iter().any(|listed| listed.key == *person),
            RecordKind::Student => self.students.iter().any(|listed| listed.key == *person),
            RecordKind::Guardian => self.guardians.contains(person),
            RecordKind::School | RecordKind::Term | RecordKind::Course | RecordKind::Class => false,
        }
    }
}

/// Whether the class's single sign-on features are ready: its primary teacher has signed in with
/// single sign-on (R-T6).
pub fn sso_ready(class: &EffectiveClass<'_>, edits_of_primary: &[LocalEdit]) -> bool {
    class.primary().is_some_and(|primary| {
        let edits = edits_of_primary.iter().filter(|edit| edit.key == *primary);
        Sorted::of(edits).signed_in.is_some()
    })
}

/// The state of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// The invitation is not accepted: name and contacts follow the source (R-G5).
    Invited,
    /// The invitation is accepted.
    Active,
    /// The person is gone from the source (R-A2, R-A5).
    Archived,
}

/// What an account gives access to (R-A2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AccountScope {
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
    /// Whether the account is enabled (R-S6): a school leader's setting, or else the source's.
    pub enabled: bool,
    /// When the person first signed in with single sign-on (R-T6).
    pub signed_in: Option<Timestamp>,
    /// What it gives access to.
    pub reach: AccountScope,
}

/// The fields that students, teachers and guardians of the mirror have in common.
#[derive(Clone, Copy, Debug)]
pub struct PersonInMirror<'a> {
    /// In the rosters or archived.
    pub status: Status,
    /// Source or manual.
    pub origin: Origin,
    /// Names, contacts, schools.
    pub person: &'a Person,
    /// Another account has the same e-mail address (R-I5).
    pub email_shared: bool,
}

macro_rules! person_in_mirror {
    ($($kind:ident),*) => { $(
        impl<'a> From<&'a Mirrored<kinds::$kind>> for PersonInMirror<'a> {
            fn from(item: &'a Mirrored<kinds::$kind>) -> Self {
                let (status, origin) = (item.status, item.origin);
                let email_shared = item.state.email_shared;
                Self { status, origin, person: &item.state.person, email_shared }
            }
        }
    )* };
}
person_in_mirror!(Students, Teachers, Guardians);

/// Applies the edits of a person's name and contact data (R-S6, R-G5).
pub fn person(record: PersonInMirror<'_>, edits: &[LocalEdit]) -> Person {
    let edited = Sorted::of(edits);
    let mut person = record.person.clone();
    // A preferred name from the source would hide the name given here.
    if edited.given.is_some() {
        person.preferred_given = None;
    }
    if edited.family.is_some() {
        person.preferred_family = None;
    }
    for (field, value) in [
        (&mut person.given, edited.given),
        (&mut person.family, edited.family),
        (&mut person.email, edited.email),
        (&mut person.phone, edited.phone),
        (&mut person.sms, edited.sms),
    ] {
        if value.is_some() {
            *field = value.cloned();
        }
    }
    person
}

/// Returns a person's account. `children` are the states of a guardian's children; empty for other
/// kinds.
pub fn account(
    kind: RecordKind,
    record: PersonInMirror<'_>,
    edits: &[LocalEdit],
    children: &[Status],
) -> Account {
    let edited = Sorted::of(edits);
    let (accepted, enabled) = edited.account.unwrap_or((None, !record.person.disabled));
    let state = match (record.status, accepted) {
        (Status::Archived, _) => AccountState::Archived,
        (Status::Active, Some(_)) => AccountState::Active,
        (Status::Active, None) => AccountState::Invited,
    };
    let reaches = record.status == Status::Active
        && enabled
        && !is_of_abandoned_family(kind, record.origin, children);
    let reach = AccountScope { school: reaches, classes: reaches, announcements: reaches };
    Account { state, accepted, enabled, signed_in: edited.signed_in, reach }
}

/// An e-mail address that a person would sign in with, if it is no other person's too (R-I5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInAddress<'a> {
    /// The address: the temporary one (R-I4), or else that of the person's contacts.
    pub email: &'a Personal,
    /// The last run found that another person has the same address in the source.
    pub is_shared: bool,
}

/// Returns the e-mail address that a person would sign in with. `None` if there is none.
pub fn sign_in_address<'a>(
    record: PersonInMirror<'a>,
    edits: &'a [LocalEdit],
) -> Option<SignInAddress<'a>> {
    let edited = Sorted::of(edits);
    // `email_shared` is about the source's e-mail, not about one that was set here.
    let here = edited.sign_in.or(edited.email);
    let here = here.map(|email| SignInAddress { email, is_shared: false });
    let of_source = record.person.email.as_ref();
    here.or(of_source.map(|email| SignInAddress { email, is_shared: record.email_shared }))
}

/// Whether a guardian was created here and all of their children have left (R-A1). A guardian from
/// the source is archived instead, or its family is not abandoned.
fn is_of_abandoned_family(kind: RecordKind, origin: Origin, children: &[Status]) -> bool {
    kind == RecordKind::Guardian
        && origin == Origin::Manual
        && !children.is_empty()
        && children.iter().all(|status| *status == Status::Archived)
}

/// Returns the keys of a person's classes: those of `list`, without the classes from which the
/// person was removed by hand, and with those to which the person was added by hand. `twins` are
/// the edits of classes that refer to this person.
pub fn classes_of(role: RecordKind, list: &[SourceId], twins: &[LocalEdit]) -> Vec<Listed> {
    let sorted = Sorted::of(twins.iter().filter(|edit| edit.kind == RecordKind::Class));
    let of_role = |edits: Vec<InClass<'_>>| -> Vec<SourceId> {
        edits.into_iter().filter(|edit| edit.role == role).map(|edit| edit.class.clone()).collect()
    };
    let (added, removed) = (of_role(sorted.added), of_role(sorted.removed));
    let of_source = (list.iter().filter(|key| !removed.contains(key)))
        .map(|key| Listed { key: key.clone(), origin: Origin::Source });
    let by_hand = added
        .into_iter()
        .filter(|key| !list.contains(key) && !removed.contains(key))
        .map(|key| Listed { key, origin: Origin::Manual });
    of_source.chain(by_hand).collect()
}

/// Returns the keys of a student's guardians: the mirror's `list`, and those linked by hand. Those
/// links are edits of the guardians, so they are among the student's `twins` (R-G4).
pub fn guardians_of(list: &[SourceId], twins: &[LocalEdit]) -> Vec<Listed> {
    let sorted = Sorted::of(twins.iter().filter(|edit| edit.kind == RecordKind::Guardian));
    both(list, sorted.children.into_iter().map(|(guardian, _)| guardian))
}

/// Returns the keys of a guardian's children: the mirror's `list`, and those linked by hand (R-G4).
pub fn children_of(list: &[SourceId], edits: &[LocalEdit]) -> Vec<Listed> {
    both(list, Sorted::of(edits).children.into_iter().map(|(_, child)| child))
}

fn both<'a>(list: &[SourceId], by_hand: impl Iterator<Item = &'a SourceId>) -> Vec<Listed> {
    let of_source = list.iter().map(|key| Listed { key: key.clone(), origin: Origin::Source });
    let by_hand = by_hand
        .filter(|key| !list.contains(key))
        .map(|key| Listed { key: key.clone(), origin: Origin::Manual });
    of_source.chain(by_hand).collect()
}

/// Returns the first day on which the record's pin no longer holds, or `None` if it has no pin
/// (R-P1).
pub fn pinned_until(edits: &[LocalEdit]) -> Option<Date> {
    Sorted::of(edits).pinned_until
}

/// Returns the name for display and search: the preferred given name, or else the given name, and
/// the family name likewise.
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

/// Whether a text matches the person's name exactly, except for case and the number of spaces
/// (R-S5). Both the preferred and the registered name match.
pub fn is_named(person: &Person, text: &str) -> bool {
    let wanted = folded(text);
    if wanted.is_empty() {
        return false;
    }
    let registered = Person { preferred_given: None, preferred_family: None, ..person.clone() };
    wanted == folded(&full_name(person)) || wanted == folded(&full_name(&registered))
}

/// Returns a name in the form in which names are compared: lower case, single spaces.
pub fn folded(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}
