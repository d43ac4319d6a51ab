//! Describes a review (R-O2) for the district's administrator.

use std::fmt::Write as _;

use roster::outcome::plural;
use serde_json::Value;

use super::super::describe::thousands;

/// How many findings and records of each kind are quoted.
const FINDINGS: usize = 6;
const RECORDS: usize = 3;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// The planned additions per school, which fields people have, the findings, and a few sample
/// records.
pub(super) fn describe(review: &Value) -> String {
    let mut out = String::new();
    schools(&mut out, review);
    for kind in ["student", "teacher"] {
        fields(&mut out, review, kind);
    }
    unreadable(&mut out, review);
    findings(&mut out, review);
    records(&mut out, review);
    out
}

const COLUMNS: [&str; 4] = ["student", "teacher", "class", "enrollment"];

fn schools(out: &mut String, review: &Value) {
    let _ = write!(out, "  {:<34}", "Added per school");
    for kind in COLUMNS {
        let _ = write!(out, "{:>13}", plural(kind));
    }
    let _ = writeln!(out);
    let mut row = |name: &str, counts: &Value| {
        let _ = write!(out, "    {name:<32}");
        for kind in COLUMNS {
            let _ = write!(out, "{:>13}", thousands(number(&counts[kind]["in_source"])));
        }
        let _ = writeln!(out);
    };
    for school in review["schools"].as_array().into_iter().flatten() {
        row(school["name"].as_str().unwrap_or_else(|| text(&school["school"])), &school["counts"]);
    }
    row("the district", &review["counts"]);
}

fn fields(out: &mut String, review: &Value, kind: &str) {
    let of_kind = || {
        review["fields"].as_array().into_iter().flatten().filter(move |share| share["kind"] == kind)
    };
    let Some(of) = of_kind().next().map(|share| number(&share["of"])) else { return };
    let _ = writeln!(out, "\n  Fields of {} {}:", thousands(of), plural(kind));
    for (required, what) in [(true, "required"), (false, "optional")] {
        let shares = of_kind().filter(|share| share["required"] == required).map(|share| {
            let known = match share["percent"].as_f64() {
                Some(percent) => format!("{percent} %"),
                None => "not stored".into(),
            };
            format!("{} {known}", text(&share["field"]).replace('_', " "))
        });
        let shares: Vec<String> = shares.collect();
        if !shares.is_empty() {
            let _ = writeln!(out, "    {what}: {}", shares.join(", "));
        }
    }
}

fn unreadable(out: &mut String, review: &Value) {
    let all = review["unreadable"].as_object().into_iter().flatten();
    let all: Vec<String> =
        all.map(|(kind, count)| format!("{} {}", thousands(number(count)), plural(kind))).collect();
    if !all.is_empty() {
        let _ = writeln!(
            out,
            "\n  These records could not be read: {}. They will be added after the district \
             corrects them at the source.",
            all.join(", ")
        );
    }
}

fn findings(out: &mut String, review: &Value) {
    let all = review["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        let _ = writeln!(out, "\n  No findings: nothing to correct.");
        return;
    }
    let _ = writeln!(out, "\n  Findings:");
    for found in all.iter().take(FINDINGS) {
        let _ = writeln!(
            out,
            "    {:>6} x {}. {}",
            thousands(number(&found["count"])),
            text(&found["means"]),
            text(&found["advice"])
        );
    }
    if all.len() > FINDINGS {
        let _ = writeln!(out, "    … and {} more kinds of findings", all.len() - FINDINGS);
    }
}

fn records(out: &mut String, review: &Value) {
    let of_kind = |kind: &str| {
        review["samples"][kind].as_array().into_iter().flatten().take(RECORDS).collect::<Vec<_>>()
    };
    let _ = writeln!(out, "\n  Sample records:");
    for kind in ["student", "teacher"] {
        for person in of_kind(kind) {
            let (given, family) = (text(&person["given"]), text(&person["family"]));
            let email = person["email"].as_str().unwrap_or("no e-mail address");
            let _ = writeln!(
                out,
                "    {kind} {given} {family}, {email}, in {}",
                count_of(&person["classes"], "class")
            );
        }
    }
    for class in of_kind("class") {
        let (students, teachers) =
            (count_of(&class["students"], "student"), count_of(&class["teachers"], "teacher"));
        let _ =
            writeln!(out, "    class \"{}\" with {students} and {teachers}", text(&class["title"]));
    }
}

/// `1 class`, `2 classes`.
fn count_of(count: &Value, kind: &str) -> String {
    match number(count) {
        1 => format!("1 {kind}"),
        count => format!("{} {}", thousands(count), plural(kind)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn r_o2_a_review_is_described_for_the_districts_administrator() {
        let counts = |students: u64| json!({ "student": { "in_source": students }, "class": { "in_source": 2 } });
        let share = |field: &str, required: bool, percent: Option<f64>| {
            json!({
                "kind": "student", "field": field, "required": required,
                "has": 1, "of": 1200, "percent": percent,
            })
        };
        let review = json!({
            "counts": counts(1200),
            "schools": [
                { "school": "s1", "name": "Hill School", "counts": counts(700) },
                { "school": "s2", "counts": counts(500) },
            ],
            "fields": [
                share("email", true, Some(99.9)),
                share("state_id", true, Some(100.0)),
                share("race", false, None),
            ],
            "unreadable": { "student": 2 },
            "findings": [
                { "count": 3, "means": "a student has no e-mail address", "advice": "Add it." },
            ],
            "samples": {
                "student": [{ "given": "Ann", "family": "Lee", "email": null, "classes": 6 }],
                "class": [{ "title": "Reading", "students": 20, "teachers": 1 }],
            },
        });
        let out = describe(&review);
        for line in [
            "    Hill School                               700            0            2            0",
            "    s2                                        500            0            2            0",
            "    the district                            1,200            0            2            0",
            "  Fields of 1,200 students:",
            "    required: email 99.9 %, state id 100 %",
            "    optional: race not stored",
            "  These records could not be read: 2 students. They will be added after the district \
             corrects them at the source.",
            "         3 x a student has no e-mail address. Add it.",
            "    student Ann Lee, no e-mail address, in 6 classes",
            "    class \"Reading\" with 20 students and 1 teacher",
        ] {
            assert!(out.lines().any(|printed| printed == line), "{line}\n{out}");
        }
        assert!(!out.contains("Fields of 0 teachers"), "there are no teachers");
    }
}
