//! Describes outcomes and notifications as texts for people.

use std::fmt::Write as _;

use mirror::keys;
use roster::change::Counts;
use roster::finding;
use roster::id::{DistrictId, RunId};
use roster::outcome::{Effects, plural};
use roster::run::RunState;
use roster::verdict::{Verdict, VerdictKind};
use stack::{INTERNAL, Notification, Stack};

use super::outcome::{KINDS, Outcome};

/// How many findings per code are quoted.
const QUOTED: usize = 1;
/// How many reasons for a hold are listed. The report lists those of the whole district first.
const HOLDS: usize = 4;

/// Describes a run for a district's administrator.
pub(super) fn outcome(stack: &Stack, outcome: &Outcome) -> String {
    let (run, report) = (&outcome.run, &outcome.report);
    let mut text = format!("{}\n", headline(outcome));
    if !report.counts.is_empty() {
        text.push('\n');
        text.push_str(&table(outcome));
    }
    let holds = if report.waits.is_empty() { &report.holds } else { &report.waits };
    for hold in holds.iter().take(HOLDS) {
        let school = hold
            .school
            .as_ref()
            .map(|school| format!(" at school {}", school.as_str()))
            .unwrap_or_default();
        let be = match (run.state, report.waits.is_empty()) {
            (_, false) => "a part was held",
            (RunState::Held, true) => "held",
            _ => "was held",
        };
        let _ = writeln!(text, "  {be} because of {}{school}: {}", plural(&hold.kind), hold.what);
    }
    if holds.len() > HOLDS {
        let more = holds.len() - HOLDS;
        let _ = writeln!(text, "  … and {more} more reasons; the report lists all");
    }
    text.push_str(&findings(outcome));
    let seconds = report.seconds;
    let _ = writeln!(
        text,
        "\n  {} items were written. Reading took {:.2} s, planning {:.2} s, writing {:.2} s.",
        thousands(report.item_writes),
        seconds.import,
        seconds.plan,
        seconds.apply
    );
    let memory: Vec<String> = outcome
        .peak_rss
        .iter()
        .map(|(name, bytes)| format!("{name} {} MB", bytes / 1_000_000))
        .collect();
    if !memory.is_empty() {
        let _ = writeln!(text, "  Peak memory: {}.", memory.join(", "));
    }
    let (district, id) = (&run.district, &run.run);
    for (what, key) in [
        ("report to read", keys::report_page(district, id)),
        ("findings to correct", keys::findings_csv(district, id)),
        ("report as data", keys::report(district, id)),
    ] {
        let _ = writeln!(text, "  {what}: {}", stack.object_file(INTERNAL, &key).display());
    }
    let data = stack.data().display();
    match run.state {
        RunState::Held => {
            let _ = writeln!(
                text,
                "  all planned changes: {}",
                stack.object_file(INTERNAL, &keys::plan(&run.district, &run.run)).display()
            );
            text.push_str(&to_decide(&run.district, &run.run, &data));
        }
        RunState::Refused => (),
        _ => {
            if let Some(remainder) = &report.remainder {
                text.push_str(&to_decide(&run.district, remainder, &data));
            }
            let _ = writeln!(
                text,
                "  to see the result: rollbook show --data {data} --district {} student",
                run.district
            );
        }
    }
    text
}

/// Describes a notification to operators, with the texts of the e-mail that AWS would send.
pub(super) fn notification(notification: &Notification) -> String {
    let field = |name: &str| notification.detail[name].as_str().unwrap_or_default();
    format!(
        "\n  Notification to operators ({}): {} {}\n",
        notification.detail_type,
        field("what"),
        field("next")
    )
}

/// The command that decides about a run.
fn to_decide(district: &DistrictId, run: &RunId, data: &impl std::fmt::Display) -> String {
    format!(
        "  to decide: rollbook decide --data {data} --district {district} --run {run} \
         approve|approve-additions|reject --by NAME --reason TEXT\n"
    )
}

/// One sentence that says how the run ended and what that means.
fn headline(outcome: &Outcome) -> String {
    let verdict = Verdict::of(&outcome.report);
    let word = match verdict.kind {
        VerdictKind::Applied => "applied",
        VerdictKind::AppliedPartly => "APPLIED IN PART",
        VerdictKind::AppliedWithoutRemovals => "applied without removals",
        VerdictKind::AppliedWithHolds => "APPLIED WITH HOLDS",
        VerdictKind::Unchanged => "unchanged",
        VerdictKind::Held => "HELD",
        VerdictKind::Refused => "REFUSED",
        VerdictKind::Rejected => "rejected",
        VerdictKind::Replaced => "replaced",
        VerdictKind::InProgress => "not finished",
    };
    let Outcome { run, .. } = outcome;
    format!("Run {} of {} is {word}. {}", run.run, run.district, verdict.text)
}

/// A column of the counts: its name, and the count.
type Column = (&'static str, fn(&Counts) -> u64);

/// The counts, one line per kind, and what people see of the run.
fn table(outcome: &Outcome) -> String {
    const COLUMNS: [Column; 7] = [
        ("in the file", |counts| counts.in_source),
        ("not admitted", |counts| counts.not_admitted),
        ("added", |counts| counts.added),
        ("changed", |counts| counts.changed),
        ("removed", |counts| counts.removed),
        ("ended", |counts| counts.ended),
        ("unchanged", |counts| counts.unchanged),
    ];
    let mut text = format!("  {:<12}", "");
    for (name, _) in COLUMNS {
        let _ = write!(text, "{name:>13}");
    }
    text.push('\n');
    for kind in KINDS {
        let counts = outcome.counts(kind);
        let _ = write!(text, "  {:<12}", plural(kind));
        for (_, count) in COLUMNS {
            let _ = write!(text, "{:>13}", thousands(count(&counts)));
        }
        text.push('\n');
    }
    let effects = &outcome.report.effects;
    if *effects == Effects::default() {
        return text;
    }
    for (what, effect) in [
        ("active classes", effects.active_classes),
        ("classes with a teacher", effects.classes_with_teacher),
        ("students in an active class", effects.students_with_class),
    ] {
        let (before, after) = (thousands(effect.before), thousands(effect.after));
        let _ = writeln!(text, "  {what}: {before} before, {after} after");
    }
    text
}

/// The findings, most severe first: how many of each code, what it means, and a few examples.
fn findings(outcome: &Outcome) -> String {
    let report = &outcome.report;
    if report.finding_totals.is_empty() {
        return if report.holds.is_empty() && report.waits.is_empty() {
            "\n  No findings: nothing to correct.\n".into()
        } else {
            "\n  No findings about single records.\n".into()
        };
    }
    let mut text = String::from("\n  Findings:\n");
    for (code, total) in report.ranked_totals() {
        let meaning = finding::code(code).map_or("", |known| known.meaning);
        let _ = writeln!(
            text,
            "  {:>9} x {meaning} ({code}). {}",
            thousands(total.count),
            total.severity.consequence()
        );
        for finding in report.findings.iter().filter(|finding| finding.code == code).take(QUOTED) {
            let place = finding.place.as_ref().map(|place| match place.line {
                Some(line) => format!("{} line {line}: ", place.file),
                None => format!("{}: ", place.file),
            });
            let _ =
                writeln!(text, "              {}{}", place.unwrap_or_default(), finding.message);
        }
    }
    text
}

/// `12,345`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let groups = [0, 999, 1_000, 123_456, 1_234_567].map(thousands);
        assert_eq!(groups, ["0", "999", "1,000", "123,456", "1,234,567"]);
    }
}
