//! Prints plans as short lines; see the parent module for the format.

use roster::change::{Action, Change};
use roster::id::SourceId;
use roster::records::{AnyMirrored, Mirrored, Origin, Status};

use super::{Planned, kind_of};

/// Prints the whole plan, except the addition of the school and the term that every world has.
pub(crate) fn plan(planned: &Planned) -> String {
    let mut lines: Vec<String> = planned
        .changes
        .iter()
        .filter(|change| {
            !matches!(change.key.as_str(), "sch" | "year") || change.action != Action::Add
        })
        .map(self::change)
        .collect();
    lines.extend(planned.findings.iter().map(|finding| {
        let entity = finding
            .entity
            .as_ref()
            .map_or_else(String::new, |entity| format!(" {} {}", entity.kind, entity.id.as_str()));
        format!("! {}{entity}", finding.code)
    }));
    if lines.is_empty() {
        return "nothing".into();
    }
    lines.join("\n")
}

/// Prints the holds of a plan.
pub(crate) fn holds(planned: &Planned) -> String {
    let lines: Vec<String> = planned
        .outcome
        .holds
        .iter()
        .map(|hold| {
            let school = hold
                .school
                .as_ref()
                .map_or_else(String::new, |school| format!(" {}", school.as_str()));
            format!("{}{school}: {}", hold.kind, hold.what)
        })
        .collect();
    if lines.is_empty() { "may go".into() } else { lines.join("\n") }
}

fn change(change: &Change) -> String {
    let sign = match change.action {
        Action::Add => '+',
        Action::Return => '^',
        Action::Update => '~',
        Action::Remove => '-',
    };
    let any = change.after.as_ref().or(change.before.as_ref()).unwrap();
    let (before, after) = (change.before.as_ref().map(fields), change.after.as_ref().map(fields));
    let mut parts = Vec::new();
    if let Some(after) = &after {
        for (name, value) in after {
            let old = before
                .as_ref()
                .and_then(|before| before.iter().find(|(other, _)| other == name))
                .map(|(_, old)| old);
            if old != Some(value) && !(old.is_none() && value.is_empty()) {
                parts.push(format!(" {name}={}", if value.is_empty() { "-" } else { value }));
            }
        }
    }
    let (what, slot) = match any {
        AnyMirrored::Link(_) => ("link ", String::new()),
        AnyMirrored::Edit(edit) => ("edit ", format!(" {}", edit.edit.slot())),
        _ => ("", String::new()),
    };
    let reasons: Vec<String> = change
        .reasons
        .iter()
        .map(|reason| format!("{} {}", reason.rule.id(), reason.what))
        .collect();
    format!(
        "{sign} {what}{} {}{slot}{} [{}]",
        kind_of(any),
        change.key.as_str(),
        parts.concat(),
        reasons.join("; ")
    )
}

/// Prints one record of the mirror.
pub(crate) fn record(any: &AnyMirrored) -> String {
    let fields: Vec<String> = fields(any)
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    fields.join(" ")
}

type Field = (&'static str, String);

fn list(ids: &[SourceId]) -> String {
    ids.iter().map(SourceId::as_str).collect::<Vec<_>>().join(",")
}

fn common<K: roster::records::Kind>(item: &Mirrored<K>) -> Vec<Field> {
    let flag = |on: bool, name: &str| if on { name.to_owned() } else { String::new() };
    let id = if item.id == item.key { String::new() } else { item.id.as_str().to_owned() };
    vec![
        ("id", id),
        ("status", flag(item.status == Status::Archived, "archived")),
        ("origin", flag(item.origin == Origin::Manual, "manual")),
    ]
}

fn fields(any: &AnyMirrored) -> Vec<Field> {
    let flag = |on: bool| if on { "yes".to_owned() } else { String::new() };
    let revealed = |value: &Option<roster::personal::Personal>| {
        value.as_ref().map_or(String::new(), |v| v.reveal().to_owned())
    };
    match any {
        AnyMirrored::School(item) => common(item),
        AnyMirrored::Term(item) => common(item),
        AnyMirrored::Course(item) => common(item),
        AnyMirrored::Teacher(item) => {
            let mut all = common(item);
            all.push(("classes", list(&item.state.classes)));
            all.push(("shared", flag(item.state.email_shared)));
            all.push(("administrator", flag(item.state.administrator)));
            all
        }
        AnyMirrored::Student(item) => {
            let mut all = common(item);
            all.push(("email", revealed(&item.state.person.email)));
            all.push(("schools", list(&item.state.person.schools)));
            all.push(("demographics", flag(!item.state.demographics.is_empty())));
            all.push(("classes", list(&item.state.classes)));
            all.push(("guardians", list(&item.state.guardians)));
            all.push(("shared", flag(item.state.email_shared)));
            all
        }
        AnyMirrored::Guardian(item) => {
            let mut all = common(item);
            all.push(("email", revealed(&item.state.person.email)));
            all.push(("phone", revealed(&item.state.person.phone)));
            all.push(("schools", list(&item.state.person.schools)));
            all.push(("children", list(&item.state.children)));
            all.push(("also", list(&item.state.also)));
            all.push(("shared", flag(item.state.email_shared)));
            all
        }
        AnyMirrored::Class(item) => {
            let mut all = common(item);
            all.push(("title", item.state.details.title.clone()));
            all.push(("teachers", list(&item.state.teachers)));
            all.push(("students", list(&item.state.students)));
            let inactive: Vec<String> =
                item.state.inactive.iter().map(|reason| format!("{reason:?}")).collect();
            all.push(("inactive", inactive.join(",")));
            all
        }
        AnyMirrored::Link(link) => vec![("key", link.key.as_str().to_owned())],
        AnyMirrored::Edit(_) => vec![],
    }
}
