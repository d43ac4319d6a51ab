//! roles.csv: the roles of people in orgs (1.2; checks 26, 31, 36 and 42).

use roster::finding::source as codes;

use super::causes;
use super::collected::{Collected, Role, note_record, person};
use super::diagnostics::{Abort, Diagnostics, id_of, place};
use super::header::Col;
use super::ids::{Last, NONE, RecordStatus};
use super::layout::FileKind;
use super::repeats::{Claims, repeated};
use super::row::Row;
use super::table::Table;
use super::users::kind_of;

const ROLES: [&str; 12] = [
    "aide",
    "counselor",
    "districtAdministrator",
    "guardian",
    "parent",
    "principal",
    "proctor",
    "relative",
    "siteAdministrator",
    "student",
    "systemAdministrator",
    "teacher",
];

struct Columns {
    user: Col,
    role_type: Col,
    role: Col,
    begin: Col,
    end: Col,
    org: Col,
}

pub(super) fn read(
    table: &mut Table,
    claims: &mut Claims,
    roster: &mut Collected,
    today: jiff::civil::Date,
    diagnostics: &mut Diagnostics<'_>,
) -> Result<(), Abort> {
    let [user, role_type, role, begin, end, org] =
        ["userSourcedId", "roleType", "role", "beginDate", "endDate", "orgSourcedId"]
            .map(|name| table.col(name));
    let columns = Columns { user, role_type, role, begin, end, org };
    let mut last_org = Last::default();
    while table.advance(diagnostics)? {
        let row = table.row();
        let Some(id) = row.own_id() else {
            if !row.is_bad() {
                row.required(row.id_col(), diagnostics);
            }
            lose(&row, &columns, roster);
            continue;
        };
        let Some(hash) = claims.take(id) else { continue };
        if row.is_removal() {
            continue;
        }
        let (read, ordered) = if row.is_bad() {
            (None, false)
        } else {
            read_role(&row, &columns, &mut last_org, roster, today, diagnostics)
        };
        match read {
            Some(Read::Role(role)) => {
                roster.roles.push(role);
                roster.role_ids.push(hash);
            }
            Some(Read::NoUser) => {}
            None => lose(&row, &columns, roster),
        }
        table.note_date_order(ordered, diagnostics);
    }
    Ok(())
}

enum Read {
    Role(Role),
    /// The row's user is not in the set. A finding reports it, and no role is lost.
    NoUser,
}

fn read_role(
    row: &Row<'_>,
    columns: &Columns,
    last_org: &mut Last,
    roster: &mut Collected,
    today: jiff::civil::Date,
    diagnostics: &mut Diagnostics<'_>,
) -> (Option<Read>, bool) {
    let user_id = row.required_id(columns.user, diagnostics);
    let role_type =
        row.word(columns.role_type, &["primary", "secondary"], false, true, diagnostics);
    let role = row.word(columns.role, &ROLES, true, true, diagnostics);
    if role.is_none() {
        causes::count_role(roster, FileKind::Roles, row.trimmed(columns.role));
    }
    let org_id = row.required_id(columns.org, diagnostics);
    let (begin, begin_ordered) = row.date(columns.begin, false, false, diagnostics);
    let (end, end_ordered) = row.date(columns.end, false, false, diagnostics);
    let ordered = begin_ordered || end_ordered;
    let (Some(user_id), Some(role_type), Some(role), Some(org_id)) =
        (user_id, role_type, role, org_id)
    else {
        return (None, ordered);
    };
    let user = roster.users.slot(user_id);
    if !roster.users.resolves(user) {
        if roster.users.status(user) == RecordStatus::Absent {
            // A person who is still referred to is not gone (R-H1).
            roster.users.record_mut(user).enrolled |= kind_of(role).0 & person::ALL;
            let how = (columns.user, &codes::REFERENCE_MISSING);
            row.note_missing(&mut roster.missing, FileKind::Users, user_id, how, diagnostics);
        }
        return (Some(Read::NoUser), ordered);
    }
    let org = last_org.or_find(org_id, |id| roster.orgs.slot(id));
    roster.orgs.record_mut(org).wanted = true;
    if !roster.orgs.resolves(org) {
        let how = (columns.org, &codes::REFERENCE_MISSING);
        row.note_missing(&mut roster.missing, FileKind::Orgs, org_id, how, diagnostics);
        return (None, ordered);
    }
    let (kind, guardian) = kind_of(role);
    let current = begin.is_none_or(|begin| begin <= today) && end.is_none_or(|end| today < end);
    if kind == person::OTHER && current {
        *roster.not_rostered.entry((FileKind::Roles.file(), role.to_owned())).or_default() += 1;
    }
    let primary = role_type == "primary";
    (
        Some(Read::Role(Role { user, org, kind, guardian, primary, current, line: row.line })),
        ordered,
    )
}

/// Records that a role was lost with a bad row. It may have been any, so no record of its person is
/// removed (R-H3).
fn lose(row: &Row<'_>, columns: &Columns, roster: &mut Collected) {
    match roster
        .users
        .ids
        .find(row.doubtful(columns.user))
        .filter(|&slot| roster.users.resolves(slot))
    {
        Some(user) if row.own_id().is_some() => roster.users.record_mut(user).unsure = person::ALL,
        _ => roster.losses.people(),
    }
}

/// Runs the checks that need all roles, and sets the kinds of every user.
pub(super) fn finish(roster: &mut Collected, diagnostics: &mut Diagnostics<'_>) {
    drop_repeated(roster, diagnostics);
    // A stable sort: the rows of one user stay in the order of the file.
    let mut roles = std::mem::take(&mut roster.roles);
    roles.sort_by_key(|role| role.user);
    let mut has_role = vec![false; roster.users.len()];
    let mut not_current = 0_u64;
    for own in roles.chunk_by(|a, b| a.user == b.user) {
        let slot = own[0].user;
        has_role[slot as usize] = true;
        let user = roster.users.record_mut(slot);
        for role in own.iter().filter(|role| role.current) {
            if role.kind == person::GUARDIAN && user.kinds & person::GUARDIAN == 0 {
                user.guardian = role.guardian;
            }
            user.kinds |= role.kind;
        }
        let user = *user;
        if !roster.users.is_present(slot) {
            continue;
        }
        not_current += u64::from(user.kinds == 0);
        note_primaries(roster, slot, own, diagnostics);
        if user.main_org != NONE && own.iter().all(|role| role.org != user.main_org) {
            note_record(
                &roster.users,
                slot,
                FileKind::Users,
                diagnostics,
                &codes::PRIMARY_ORG,
                Some("primaryOrgSourcedId"),
                String::new,
            );
        }
    }
    roster.roles = roles;
    for slot in roster.users.present().collect::<Vec<u32>>() {
        if has_role[slot as usize] {
            continue;
        }
        if roster.users.record(slot).unsure == 0 {
            note_record(
                &roster.users,
                slot,
                FileKind::Users,
                diagnostics,
                &codes::USER_WITHOUT_ROLE,
                None,
                String::new,
            );
        }
        roster.users.record_mut(slot).kinds = person::ALL;
        roster.users.set(slot, RecordStatus::Dropped);
    }
    if not_current > 0 {
        diagnostics.note(&codes::ROLES_NOT_CURRENT, |f| {
            let found = format!("{not_current} users have no role that is valid today");
            f.with(found).at(place(FileKind::Roles.file(), 0, None))
        });
    }
}

fn note_primaries(roster: &Collected, slot: u32, own: &[Role], diagnostics: &mut Diagnostics<'_>) {
    let current = || own.iter().filter(|role| role.current && role.primary);
    let found = if current().next().is_none() {
        if own.iter().all(|role| !role.current) {
            return;
        }
        "the user has only secondary roles"
    } else if current().any(|role| current().filter(|other| other.org == role.org).count() > 1) {
        "the user has two primary roles in one org"
    } else {
        return;
    };
    diagnostics.note(&codes::ROLES_PRIMARY, |f| {
        let place = place(FileKind::Roles.file(), own[0].line, Some("roleType"));
        f.with(found).at(place).about("user", &id_of(roster.users.id(slot)))
    });
}

/// Drops rows with the same sourcedId: of equal rows all but one, of different rows all (check 26).
fn drop_repeated(roster: &mut Collected, diagnostics: &mut Diagnostics<'_>) {
    let ids = std::mem::take(&mut roster.role_ids);
    let mut gone = vec![];
    for group in repeated(&ids) {
        let first = roster.roles[group[0]];
        let same = group.iter().all(|&i| {
            let role = roster.roles[i];
            (role.user, role.org, role.kind, role.primary, role.current)
                == (first.user, first.org, first.kind, first.primary, first.current)
        });
        let code = if same { &codes::DUPLICATE_ROW } else { &codes::DUPLICATE_ID };
        for &i in &group[1..] {
            diagnostics.note(code, |f| {
                let found = format!("line {} has the same sourcedId", first.line);
                f.with(found).at(place(
                    FileKind::Roles.file(),
                    roster.roles[i].line,
                    Some("sourcedId"),
                ))
            });
        }
        if same {
            gone.extend_from_slice(&group[1..]);
        } else {
            for &i in &group {
                roster.users.record_mut(roster.roles[i].user).unsure = person::ALL;
            }
            gone.extend(group);
        }
    }
    gone.sort_unstable();
    for i in gone.into_iter().rev() {
        roster.roles.remove(i);
    }
}
