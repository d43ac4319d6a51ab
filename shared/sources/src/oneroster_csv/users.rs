//! users.csv: people, their contacts and what they say of each other (checks 35, 42, 51 to 54, 59).

use roster::finding::source as codes;
use roster::id::hash64;

use super::classes::check_grades;
use super::collected::{Collected, GuardianWord, ImportOptions, PERSON_TEXTS, User, person};
use super::diagnostics::{Abort, Diagnostics, place, quoted};
use super::header::Col;
use super::ids::{Last, NONE, RecordStatus};
use super::layout::FileKind;
use super::table::{Row, Table};
use super::take::{Taken, note_id_case, take};
use super::values;

/// Roles of 1.1 rows.
const ROLES: [&str; 8] =
    ["administrator", "aide", "guardian", "parent", "proctor", "relative", "student", "teacher"];

/// The kind of person that a role makes, and the word for a guardian.
pub(super) fn kind_of(role: &str) -> (u8, GuardianWord) {
    match role {
        "student" => (person::STUDENT, GuardianWord::default()),
        "teacher" => (person::TEACHER, GuardianWord::default()),
        "guardian" => (person::GUARDIAN, GuardianWord::Guardian),
        "parent" => (person::GUARDIAN, GuardianWord::Parent),
        "relative" => (person::GUARDIAN, GuardianWord::Relative),
        _ => (person::OTHER, GuardianWord::default()),
    }
}

struct Columns {
    enabled: Col,
    orgs: Col,
    role: Col,
    username: Col,
    user_ids: Col,
    given: Col,
    family: Col,
    middle: Col,
    preferred_given: Col,
    preferred_family: Col,
    identifier: Col,
    email: Col,
    sms: Col,
    phone: Col,
    agents: Col,
    grades: Col,
    main_org: Col,
    number: Col,
    state_id: Col,
    ell: Col,
    frl: Col,
    iep: Col,
}

impl Columns {
    fn of(table: &Table, options: &ImportOptions<'_>) -> Self {
        let own = |field: &'static str| own_column(table, options, field);
        Self {
            enabled: table.col("enabledUser"),
            orgs: table.col("orgSourcedIds"),
            role: table.col("role"),
            username: table.col("username"),
            user_ids: table.col("userIds"),
            given: table.col("givenName"),
            family: table.col("familyName"),
            middle: table.col("middleName"),
            preferred_given: table.col("preferredGivenName"),
            preferred_family: table.col("preferredFamilyName"),
            identifier: table.col("identifier"),
            email: table.col("email"),
            sms: table.col("sms"),
            phone: table.col("phone"),
            agents: table.col("agentSourcedIds"),
            grades: table.col("grades"),
            main_org: table.col("primaryOrgSourcedId"),
            number: own("student_number"),
            state_id: own("state_id"),
            ell: own("ell"),
            frl: own("frl"),
            iep: own("iep"),
        }
    }

    fn mapped(&self) -> impl Iterator<Item = &'static str> {
        [self.number, self.state_id, self.ell, self.frl, self.iep]
            .into_iter()
            .filter(|col| col.is_there())
            .map(|col| col.name)
    }
}

/// The column that the district maps to a field. Demographic ones are not even looked for where
/// demographics are not kept (R-M7).
pub(super) fn own_column(table: &Table, options: &ImportOptions<'_>, field: &'static str) -> Col {
    let kept = options.demographics || matches!(field, "student_number" | "state_id");
    match options.metadata(field).filter(|_| kept) {
        Some(name) => table.header.own(name, field),
        None => table.header.own("", field).nowhere(),
    }
}

/// What the cell of orgs of the last row came to; rows beside each other share it as a rule.
#[derive(Default, Clone)]
struct OrgsCell {
    text: String,
    range: (u32, u32),
    known: bool,
    unknown: usize,
}

pub(super) fn read(
    table: &mut Table,
    package: u16,
    roster: &mut Collected,
    options: &ImportOptions<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Result<(), Abort> {
    let columns = Columns::of(table, options);
    roster.mapped.extend(columns.mapped());
    let has_roles = columns.role.is_there();
    if roster.users_have_roles.replace(has_roles).is_some_and(|before| before != has_roles) {
        diagnostics.note(&codes::LAYOUT_CHANGED, |f| f.at(place(FileKind::Users.file(), 1, None)));
        return Err(Abort::Refused);
    }
    if !has_roles && columns.orgs.is_there() {
        diagnostics.note(&codes::LAYOUT_UNKNOWN, |f| f.at(place(FileKind::Users.file(), 1, None)));
        return Err(Abort::Refused);
    }
    let mut orgs = OrgsCell::default();
    let mut org = Last::default();
    while table.advance(diagnostics)? {
        let row = table.row();
        let slot = match take(&mut roster.users, &row, package, diagnostics) {
            Taken::Record(slot) => slot,
            Taken::Unnamed => {
                roster.losses.people();
                continue;
            }
            Taken::Bad(slot) => {
                let kinds = if row.is_whole() && has_roles {
                    kind_of_cell(&row, &columns)
                } else {
                    person::ALL
                };
                let user = roster.users.record_mut(slot);
                user.kinds |= kinds;
                if row.is_whole() {
                    read_agents(&row, &columns, slot, roster);
                }
                continue;
            }
            Taken::Nothing => continue,
        };
        read_user(
            &row,
            &columns,
            slot,
            has_roles,
            (&mut orgs, &mut org),
            roster,
            options,
            diagnostics,
        );
    }
    Ok(())
}

/// The kinds that a bad row may be: all where its role cannot be read.
fn kind_of_cell(row: &Row<'_>, columns: &Columns) -> u8 {
    let role = row.trimmed(columns.role).to_ascii_lowercase();
    if ROLES.contains(&role.as_str()) { kind_of(&role).0 } else { person::ALL }
}

#[expect(
    clippy::too_many_arguments,
    reason = "a row is read in one place; splitting would only move the arguments into a struct"
)]
fn read_user(
    row: &Row<'_>,
    columns: &Columns,
    slot: u32,
    has_roles: bool,
    (orgs, last_org): (&mut OrgsCell, &mut Last),
    roster: &mut Collected,
    options: &ImportOptions<'_>,
    diagnostics: &mut Diagnostics<'_>,
) {
    let enabled = row.boolean(columns.enabled, columns.enabled.is_there(), false, diagnostics);
    // A server need not send one, and those that build it of the e-mail address send a blank one
    // where there is none.
    let username = if row.is_served() {
        Some(row.trimmed(columns.username))
    } else {
        row.required(columns.username, diagnostics)
    };
    let given = row.required(columns.given, diagnostics);
    let family = row.required(columns.family, diagnostics);
    let mut user = User { main_org: NONE, ..User::default() };
    let mut whole = username.is_some()
        && given.is_some()
        && family.is_some()
        && (enabled.is_some() || !columns.enabled.is_there());
    if has_roles {
        match row.word(columns.role, &ROLES, false, true, diagnostics) {
            Some(role) => {
                (user.kinds, user.guardian) = kind_of(role);
                if user.kinds == person::OTHER {
                    *roster
                        .not_rostered
                        .entry((FileKind::Users.file(), role.to_owned()))
                        .or_default() += 1;
                }
            }
            None => {
                user.kinds = person::ALL;
                whole = false;
            }
        }
        whole &= read_orgs(row, columns.orgs, orgs, roster, diagnostics);
        user.orgs = orgs.range;
    } else {
        let main = row.get(columns.main_org);
        if !main.trim().is_empty() {
            user.main_org = last_org.or_find(main, |id| roster.orgs.slot(id));
        }
    }
    user.disabled = enabled == Some(false);
    read_agents(row, columns, slot, roster);
    if !whole {
        // What it may be is kept: a record of each kind is left as it is (R-H3).
        user.kinds = if has_roles { user.kinds } else { person::ALL };
        roster.users.set(slot, RecordStatus::Dropped);
        *roster.users.record_mut(slot) = user;
        return;
    }
    if has_roles && user.kinds == person::STUDENT && options.demographics {
        check_grades(row, columns.grades, diagnostics);
    }
    let ids = row.trimmed(columns.user_ids);
    if !ids.is_empty() && !values::is_user_ids(ids) {
        row.note(diagnostics, &codes::USER_IDS, Some(columns.user_ids), String::new);
    }
    if let Some(username) = username.filter(|username| !username.is_empty()) {
        roster.usernames.push((hash64(&username.to_lowercase()), slot));
    }
    user.texts = roster.texts.here();
    for text in [given.unwrap_or_default(), family.unwrap_or_default(), row.trimmed(columns.middle)]
    {
        roster.texts.push(text);
    }
    roster.texts.push(row.trimmed(columns.preferred_given));
    roster.texts.push(row.trimmed(columns.preferred_family));
    let mut contact = String::new();
    read_email(row, columns.email, &mut contact, diagnostics);
    roster.texts.push(&contact);
    for col in [columns.phone, columns.sms] {
        contact.clear();
        let text = row.trimmed(col);
        if !text.is_empty() && !options.phones.read(text, &mut contact) {
            row.note(diagnostics, &codes::PHONE_MALFORMED, Some(col), String::new);
        }
        roster.texts.push(&contact);
    }
    roster.texts.push(username.unwrap_or_default());
    let number = Some(row.trimmed(columns.number))
        .filter(|number| !number.is_empty())
        .unwrap_or(row.trimmed(columns.identifier));
    roster.texts.push(number);
    roster.texts.push(row.trimmed(columns.state_id));
    // The sourcedId is the student information system's own.
    roster.texts.push("");
    // R-M7: where demographics are not kept, they do not even come this far.
    for col in [columns.grades, columns.ell, columns.frl, columns.iep] {
        roster.texts.push(if options.demographics { row.trimmed(col) } else { "" });
    }
    const { assert!(PERSON_TEXTS == 16) };
    *roster.users.record_mut(slot) = user;
}

fn read_email(row: &Row<'_>, col: Col, into: &mut String, diagnostics: &mut Diagnostics<'_>) {
    let text = row.trimmed(col);
    if !text.is_empty() && !values::email(text, into) {
        row.note(diagnostics, &codes::EMAIL_MALFORMED, Some(col), String::new);
    }
}

/// The orgs of a 1.1 row; false where the row cannot be taken.
fn read_orgs(
    row: &Row<'_>,
    col: Col,
    cell: &mut OrgsCell,
    roster: &mut Collected,
    diagnostics: &mut Diagnostics<'_>,
) -> bool {
    let text = row.get(col);
    if cell.text != text || text.is_empty() {
        *cell = OrgsCell {
            text: text.to_owned(),
            range: (roster.org_lists.len() as u32, 0),
            known: false,
            unknown: 0,
        };
        for id in values::list(text) {
            let slot = roster.orgs.slot(id);
            roster.orgs.record_mut(slot).wanted = true;
            if !roster.orgs.resolves(slot) {
                cell.unknown += 1;
            } else if !roster.org_lists[cell.range.0 as usize..].contains(&slot) {
                roster.org_lists.push(slot);
            }
        }
        cell.range.1 = roster.org_lists.len() as u32 - cell.range.0;
        cell.known = cell.range.1 > 0;
    }
    if cell.unknown > 0 {
        let code =
            if cell.known { &codes::OPTIONAL_REFERENCE_MISSING } else { &codes::REFERENCE_MISSING };
        row.note(diagnostics, code, Some(col), || {
            let what = if cell.known { "; the others were used" } else { "" };
            format!("{} of the orgs in {} are not in the export{what}", cell.unknown, col.name)
        });
    } else if !cell.known {
        row.note(diagnostics, &codes::VALUE_MISSING, Some(col), || {
            format!("{} is blank", col.name)
        });
    }
    cell.known
}

fn read_agents(row: &Row<'_>, columns: &Columns, slot: u32, roster: &mut Collected) {
    for id in values::list(row.get(columns.agents)) {
        let agent = roster.users.slot(id);
        roster.agents.push((slot, agent));
    }
}

/// What can be said once all users are read.
pub(super) fn finish(roster: &mut Collected, diagnostics: &mut Diagnostics<'_>) {
    note_id_case(&roster.users, FileKind::Users, diagnostics);
    roster.users.settle();
    let mut names = std::mem::take(&mut roster.usernames);
    names.retain(|&(_, slot)| roster.users.is_present(slot));
    names.sort_unstable();
    for group in names.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
        let lines: Vec<String> = group
            .iter()
            .take(10)
            .map(|&(_, slot)| roster.users.seen(slot).line.to_string())
            .collect();
        super::collected::note_record(
            &roster.users,
            group[0].1,
            FileKind::Users,
            diagnostics,
            &codes::USERNAME_SHARED,
            Some("username"),
            || format!("{} users have the same username (lines {})", group.len(), lines.join(", ")),
        );
    }
}

/// Diagnostics people and enrollments whose role makes no account or seat.
pub(super) fn note_not_rostered(roster: &Collected, diagnostics: &mut Diagnostics<'_>) {
    let of_kind = |kind: FileKind| {
        roster.not_rostered.iter().filter(move |((file, _), _)| *file == kind.file())
    };
    for (kind, ((_, role), count)) in
        FileKind::ALL.into_iter().flat_map(|kind| of_kind(kind).map(move |found| (kind, found)))
    {
        diagnostics.note(&codes::ROLE_NOT_ROSTERED, |f| {
            let what = match kind {
                FileKind::Enrollments => "enrollments with the role",
                FileKind::Roles => "rows with the role",
                _ => "users with the role",
            };
            let found =
                format!("{count} {what} {} get no account or enrollment here", quoted(role));
            f.with(found).at(place(kind.file(), 0, Some("role")))
        });
    }
}
