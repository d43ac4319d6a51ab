//! users.csv: people, their contacts and their relatives (checks 35, 42, 51 to 54, 59).

use roster::contact;
use roster::finding::source as codes;
use roster::id::hash64;

use super::causes;
use super::classes::check_grades;
use super::collected::{Collected, GuardianWord, ImportOptions, User, person};
use super::diagnostics::{Abort, Diagnostics, NoSink, place, quoted};
use super::header::Col;
use super::ids::{Last, NONE, RecordStatus};
use super::layout::FileKind;
use super::phone::Phones;
use super::record_texts::{PersonTexts, StudentTexts};
use super::row::Row;
use super::table::Table;
use super::take::{Taken, note_id_case, take};
use super::values;

/// Roles of 1.1 rows.
const ROLES: [&str; 8] =
    ["administrator", "aide", "guardian", "parent", "proctor", "relative", "student", "teacher"];

/// The kind of person that has a role, and the word for a guardian.
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

/// The column that the district's settings map to a field. Columns of demographics are ignored if
/// demographics are not kept (R-M7).
pub(super) fn own_column(table: &Table, options: &ImportOptions<'_>, field: &'static str) -> Col {
    let kept = options.demographics || matches!(field, "student_number" | "state_id");
    match options.metadata(field).filter(|_| kept) {
        Some(name) => table.header.own(name, field),
        None => table.header.own("", field).nowhere(),
    }
}

/// What the rows of a file share.
struct Rows {
    columns: Columns,
    /// Whether users.csv has roles (1.1).
    has_roles: bool,
    orgs: OrgsCell,
    main_org: Last,
    contacts: Contacts,
}

/// The parsed orgs cell of the last row. Consecutive rows usually have the same orgs.
#[derive(Default, Clone)]
struct OrgsCell {
    text: String,
    range: (u32, u32),
    known: bool,
    /// Orgs that are not in the set.
    unknown: Vec<u32>,
}

/// The normalized contacts of a row: blank where the cell is blank or malformed. One text for all
/// rows, so that a row needs no allocation.
#[derive(Default)]
struct Contacts {
    text: String,
    email_end: usize,
    phone_end: usize,
}

impl Contacts {
    fn read(
        &mut self,
        row: &Row<'_>,
        columns: &Columns,
        phones: Phones,
        diagnostics: &mut Diagnostics<'_>,
    ) {
        self.text.clear();
        let email = row.trimmed(columns.email);
        if !email.is_empty() && !contact::write_email(email, &mut self.text) {
            row.note(diagnostics, &codes::EMAIL_MALFORMED, Some(columns.email), String::new);
        }
        self.email_end = self.text.len();
        let mut phone = |col: Col| {
            let text = row.trimmed(col);
            if !text.is_empty() && !phones.read(text, &mut self.text) {
                row.note(diagnostics, &codes::PHONE_MALFORMED, Some(col), String::new);
            }
            self.text.len()
        };
        self.phone_end = phone(columns.phone);
        phone(columns.sms);
    }

    fn email(&self) -> &str {
        &self.text[..self.email_end]
    }

    fn phone(&self) -> &str {
        &self.text[self.email_end..self.phone_end]
    }

    fn sms(&self) -> &str {
        &self.text[self.phone_end..]
    }
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
    let mut rows = Rows {
        columns,
        has_roles,
        orgs: OrgsCell::default(),
        main_org: Last::default(),
        contacts: Contacts::default(),
    };
    while table.advance(diagnostics)? {
        let row = table.row();
        match take(&mut roster.users, &row, package, diagnostics) {
            Taken::Record(slot) => rows.read_user(&row, slot, roster, options, diagnostics),
            Taken::Unnamed => roster.losses.people(),
            Taken::Bad(slot) => rows.read_bad(&row, slot, roster, options),
            Taken::Nothing => {}
        }
    }
    Ok(())
}

impl Rows {
    /// Records what a bad row says of its person: roles, relatives, and a guardian's contacts.
    fn read_bad(
        &mut self,
        row: &Row<'_>,
        slot: u32,
        roster: &mut Collected,
        options: &ImportOptions<'_>,
    ) {
        let is_whole = row.is_whole();
        let kinds = if is_whole && self.has_roles {
            possible_kinds(row, &self.columns)
        } else {
            person::ALL
        };
        roster.users.record_mut(slot).kinds |= kinds;
        if is_whole {
            read_agents(row, &self.columns, slot, roster);
            // Its findings would only repeat that the row is bad.
            let mut sink = NoSink;
            let unheard = &mut Diagnostics::new(&mut sink);
            let mut user = *roster.users.record(slot);
            self.keep_contacts(row, &mut user, roster, options, unheard);
            *roster.users.record_mut(slot) = user;
        }
    }

    /// Keeps the contacts of a guardian whose row is bad: they count as taken (R-G1).
    fn keep_contacts(
        &mut self,
        row: &Row<'_>,
        user: &mut User,
        roster: &mut Collected,
        options: &ImportOptions<'_>,
        diagnostics: &mut Diagnostics<'_>,
    ) {
        if user.kinds & person::GUARDIAN == 0 || user.has_texts {
            return;
        }
        self.contacts.read(row, &self.columns, options.phones, diagnostics);
        let contacts = PersonTexts {
            email: self.contacts.email(),
            phone: self.contacts.phone(),
            sms: self.contacts.sms(),
            ..PersonTexts::default()
        };
        user.texts = contacts.write(&StudentTexts::default(), &mut roster.texts);
        user.has_texts = true;
    }

    fn read_user(
        &mut self,
        row: &Row<'_>,
        slot: u32,
        roster: &mut Collected,
        options: &ImportOptions<'_>,
        diagnostics: &mut Diagnostics<'_>,
    ) {
        let columns = &self.columns;
        let enabled = row.boolean(columns.enabled, columns.enabled.is_there(), false, diagnostics);
        // Servers need not send a username. Some derive it from the e-mail address, and send a
        // blank one for a person without an address.
        let username = if row.is_served() {
            Some(row.trimmed(columns.username))
        } else {
            row.required(columns.username, diagnostics)
        };
        let given = row.required(columns.given, diagnostics);
        let family = row.required(columns.family, diagnostics);
        let mut user = User { main_org: NONE, ..User::default() };
        let is_role_known = self.read_role(row, &mut user, roster, diagnostics);
        let columns = &self.columns;
        user.disabled = enabled == Some(false);
        read_agents(row, columns, slot, roster);
        let is_enabled_known = enabled.is_some() || !columns.enabled.is_there();
        let (Some(username), Some(given), Some(family), true, true) =
            (username, given, family, is_role_known, is_enabled_known)
        else {
            // The roles it may have are kept: the record of each is left unchanged (R-H3).
            user.kinds = if self.has_roles { user.kinds } else { person::ALL };
            self.keep_contacts(row, &mut user, roster, options, diagnostics);
            roster.users.set(slot, RecordStatus::Dropped);
            *roster.users.record_mut(slot) = user;
            return;
        };
        if self.has_roles && user.kinds == person::STUDENT && options.demographics {
            check_grades(row, columns.grades, diagnostics);
        }
        let ids = row.trimmed(columns.user_ids);
        if !ids.is_empty() && !values::is_user_ids(ids) {
            row.note(diagnostics, &codes::USER_IDS, Some(columns.user_ids), String::new);
        }
        if !username.is_empty() {
            roster.usernames.push((hash64(&username.to_lowercase()), slot));
        }
        self.contacts.read(row, columns, options.phones, diagnostics);
        if !self.contacts.email().is_empty() {
            roster.addresses.count(hash64(self.contacts.email()));
        }
        user.texts = self.write_texts(row, [username, given, family], roster, options);
        user.has_texts = true;
        *roster.users.record_mut(slot) = user;
    }

    /// Reads the role and the orgs of a row (1.1), or its main org (1.2). Returns false if the
    /// record cannot be used.
    fn read_role(
        &mut self,
        row: &Row<'_>,
        user: &mut User,
        roster: &mut Collected,
        diagnostics: &mut Diagnostics<'_>,
    ) -> bool {
        if !self.has_roles {
            let main = row.get(self.columns.main_org);
            if !main.trim().is_empty() {
                user.main_org = self.main_org.or_find(main, |id| roster.orgs.slot(id));
            }
            return true;
        }
        let role = row.word(self.columns.role, &ROLES, false, true, diagnostics);
        match role {
            Some(role) => {
                (user.kinds, user.guardian) = kind_of(role);
                if user.kinds == person::OTHER {
                    let key = (FileKind::Users.file(), role.to_owned());
                    *roster.not_rostered.entry(key).or_default() += 1;
                }
            }
            None => {
                causes::count_role(roster, FileKind::Users, row.trimmed(self.columns.role));
                user.kinds = person::ALL;
            }
        }
        let has_orgs = read_orgs(row, self.columns.orgs, &mut self.orgs, roster, diagnostics);
        user.orgs = self.orgs.range;
        role.is_some() && has_orgs
    }

    /// Writes the person's texts and returns their position.
    fn write_texts(
        &self,
        row: &Row<'_>,
        [username, given, family]: [&str; 3],
        roster: &mut Collected,
        options: &ImportOptions<'_>,
    ) -> usize {
        let columns = &self.columns;
        let number = row.trimmed(columns.number);
        let person = PersonTexts {
            given,
            family,
            middle: row.trimmed(columns.middle),
            preferred_given: row.trimmed(columns.preferred_given),
            preferred_family: row.trimmed(columns.preferred_family),
            email: self.contacts.email(),
            phone: self.contacts.phone(),
            sms: self.contacts.sms(),
            username,
            number: if number.is_empty() { row.trimmed(columns.identifier) } else { number },
            state_id: row.trimmed(columns.state_id),
            // OneRoster's sourcedId is already the id in the student information system.
            sis_id: "",
        };
        // R-M7: demographics that are not kept are not even read.
        let student = if options.demographics {
            StudentTexts {
                grades: row.trimmed(columns.grades),
                ell: row.trimmed(columns.ell),
                frl: row.trimmed(columns.frl),
                iep: row.trimmed(columns.iep),
            }
        } else {
            StudentTexts::default()
        };
        person.write(&student, &mut roster.texts)
    }
}

/// The kinds that a bad row may be: all if its role cannot be read.
fn possible_kinds(row: &Row<'_>, columns: &Columns) -> u8 {
    let role = row.trimmed(columns.role).to_ascii_lowercase();
    if ROLES.contains(&role.as_str()) { kind_of(&role).0 } else { person::ALL }
}

/// Reads the orgs of a 1.1 row. Returns false if the record cannot be used.
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
            unknown: Vec::new(),
        };
        for id in values::list(text) {
            let slot = roster.orgs.slot(id);
            roster.orgs.record_mut(slot).wanted = true;
            if !roster.orgs.resolves(slot) {
                cell.unknown.push(slot);
            } else if !roster.org_lists[cell.range.0 as usize..].contains(&slot) {
                roster.org_lists.push(slot);
            }
        }
        cell.range.1 = roster.org_lists.len() as u32 - cell.range.0;
        cell.known = cell.range.1 > 0;
    }
    if !cell.unknown.is_empty() {
        // A person with another org keeps that.
        let code =
            if cell.known { &codes::OPTIONAL_REFERENCE_MISSING } else { &codes::REFERENCE_MISSING };
        for &slot in &cell.unknown {
            let id = roster.orgs.id(slot);
            row.note_missing(&mut roster.missing, FileKind::Orgs, id, (col, code), diagnostics);
        }
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

/// Runs the checks that need all users.
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

/// Reports the number of people and enrollments whose role gets no account or enrollment.
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
