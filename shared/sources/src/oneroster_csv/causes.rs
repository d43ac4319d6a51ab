//! Recognizes causes that explain many findings (R-X3): an export that was saved in a spreadsheet,
//! enrollments that name people by another id, a role that OneRoster does not have, one address for
//! everyone.

use std::collections::HashSet;

use roster::finding::source as codes;
use roster::id::hash64;

use super::collected::Collected;
use super::diagnostics::{Diagnostics, Sign, place, quoted};
use super::layout::FileKind;
use super::record_texts::PersonTexts;

/// Minimum number of records that share a cause.
const MANY: u64 = 5;

/// Minimum number of people with an address for a finding about one that most of them share.
const MANY_ADDRESSES: u64 = 10;

/// The most different unknown roles that are counted.
const MOST_ROLES: usize = 100;

/// Counts a role that OneRoster does not have.
pub(super) fn count_role(roster: &mut Collected, kind: FileKind, role: &str) {
    if role.is_empty() {
        return;
    }
    let is_full = roster.unknown_roles.len() >= MOST_ROLES;
    let key = (kind.file(), role.to_owned());
    if !is_full || roster.unknown_roles.contains_key(&key) {
        *roster.unknown_roles.entry(key).or_default() += 1;
    }
}

/// Reports the causes that show once everything was read.
pub(super) fn note(roster: &Collected, diagnostics: &mut Diagnostics<'_>) {
    note_other_ids(roster, diagnostics);
    note_roles(roster, diagnostics);
    note_address(roster, diagnostics);
    note_spreadsheet(diagnostics);
}

/// Enrollments name people by another column than sourcedId.
fn note_other_ids(roster: &Collected, diagnostics: &mut Diagnostics<'_>) {
    let (users, enrollments) = (FileKind::Users.file(), FileKind::Enrollments.file());
    let missing: Vec<&str> = roster.missing.named_by(users, enrollments).collect();
    let known = roster.users.present().filter(|&user| roster.users.record(user).has_enrollment);
    let count = missing.len() as u64;
    if count < MANY || count <= known.count() as u64 {
        return;
    }
    let hash = |text: &str| hash64(&text.trim().to_lowercase());
    let wanted: HashSet<u64> = missing.iter().map(|id| hash(id)).collect();
    let without_zeros: HashSet<u64> =
        missing.iter().map(|id| hash(id.trim_start_matches('0'))).collect();
    let mut found: [(&str, HashSet<u64>); 3] =
        ["identifier", "username", "email"].map(|column| (column, HashSet::new()));
    let mut zeros = HashSet::new();
    for user in roster.users.present() {
        let texts = PersonTexts::read(&roster.texts, roster.users.record(user).texts);
        for ((_, found), text) in found.iter_mut().zip([texts.number, texts.username, texts.email])
        {
            let hash = hash(text);
            if !text.is_empty() && wanted.contains(&hash) {
                found.insert(hash);
            }
        }
        let id = hash(roster.users.id(user).trim_start_matches('0'));
        if without_zeros.contains(&id) {
            zeros.insert(id);
        }
    }
    let most = |set: &HashSet<u64>| set.len() as u64 * 10 >= count * 9;
    if most(&zeros) {
        diagnostics.sign(Sign::LostZeros);
    }
    let Some((column, _)) = found.iter().find(|(_, found)| most(found)) else { return };
    let list = diagnostics.list_name(users);
    diagnostics.note(&codes::ENROLLMENT_USER_IDS, |f| {
        let found = format!(
            "userSourcedId has values of the column {column} of {list} for {count} people, and \
             sourcedIds for {}",
            roster.users.present().filter(|&user| roster.users.record(user).has_enrollment).count()
        );
        f.with(found).at(place(enrollments, 0, Some("userSourcedId")))
    });
}

/// Roles that OneRoster does not have and that many rows name.
fn note_roles(roster: &Collected, diagnostics: &mut Diagnostics<'_>) {
    for ((file, role), count) in roster.unknown_roles.iter().filter(|(_, count)| **count >= MANY) {
        diagnostics.note(&codes::ROLE_UNKNOWN, |f| {
            let what = file.trim_end_matches(".csv");
            let role = quoted(role);
            let found = format!(
                "{count} {what} have the role {role}, which is not a OneRoster role, and were \
                 skipped"
            );
            f.with(found).at(place(file, 0, Some("role")))
        });
    }
}

/// One address that most people share.
fn note_address(roster: &Collected, diagnostics: &mut Diagnostics<'_>) {
    let Some(address) = roster.addresses.majority() else { return };
    let (mut all, mut same, mut first) = (0_u64, 0_u64, u32::MAX);
    for user in roster.users.present() {
        let texts = PersonTexts::read(&roster.texts, roster.users.record(user).texts);
        all += u64::from(!texts.email.is_empty());
        if hash64(texts.email) == address {
            same += 1;
            first = first.min(roster.users.seen(user).line);
        }
    }
    if all < MANY_ADDRESSES || same * 2 <= all {
        return;
    }
    diagnostics.note(&codes::EMAIL_FOR_MANY, |f| {
        let found = format!(
            "{same} of the {all} people with an e-mail address have the same one, on line {first} \
             and others"
        );
        f.with(found).at(place(FileKind::Users.file(), first, Some("email")))
    });
}

/// What a spreadsheet program changes when it saves a CSV file. One sign alone may have another
/// reason, except ids that no other program changes so.
fn note_spreadsheet(diagnostics: &mut Diagnostics<'_>) {
    let signs: Vec<&str> = [
        (Sign::Version, "manifest.version is 1 instead of 1.0"),
        (Sign::Capitals, "TRUE and FALSE are in capitals"),
        (Sign::Dates, "dates are written like 8/17/2026"),
        (Sign::Grades, "grades have no leading zero"),
        (Sign::Exponents, "ids are written like 1.2E+15"),
        (Sign::LostZeros, "ids in enrollments.csv differ from users.csv by leading zeros"),
    ]
    .into_iter()
    .filter(|(sign, _)| diagnostics.has_sign(*sign))
    .map(|(_, text)| text)
    .collect();
    let is_certain =
        [Sign::Exponents, Sign::LostZeros].iter().any(|sign| diagnostics.has_sign(*sign));
    if signs.len() < 2 && !is_certain {
        return;
    }
    diagnostics.note(&codes::SAVED_IN_SPREADSHEET, |f| {
        f.with(format!(
            "the export was opened and saved in a spreadsheet program: {}",
            signs.join("; ")
        ))
    });
}
