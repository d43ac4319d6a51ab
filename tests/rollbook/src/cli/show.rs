//! `show`: records of the mirror as flat, readable JSON lines.

use std::io::{BufWriter, Write};

use clap::{Args, ValueEnum};
use mirror::keys;
use mirror::ports::districts::District;
use mirror::ports::objects::ReadObjects;
use mirror::ports::runs::Runs;
use roster::id::DistrictId;
use roster::records::RecordKind;
use serde_json::{Map, Value, json};
use stack::{INTERNAL, Stack, StackConfig};

use super::{End, Fault, Place, district_id, known_district};

/// How many runs are listed.
const RUNS: usize = 1000;

/// Arguments of `show`.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The kind of record. Also: link (source ids that belong to a record with another id), run,
    /// settings, and group (students by demographic value)
    #[arg(value_enum)]
    kind: Shown,
    /// Show only this record: its source id, its key or its run id. For enrollments: the key of
    /// the class or of the person
    id: Option<String>,
    /// The district
    #[arg(long, value_name = "ID", value_parser = district_id)]
    district: DistrictId,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shown {
    School,
    Term,
    Course,
    Class,
    Student,
    Teacher,
    Guardian,
    Enrollment,
    Link,
    Run,
    Settings,
    Group,
}

impl Show {
    pub(super) async fn run(self) -> Result<End, Fault> {
        let config = StackConfig { data: Some(self.place.existing()?), ..Default::default() };
        let stack = Stack::start(config).await?;
        let district = known_district(&stack, &self.district).await?;
        let mut out =
            Lines { out: BufWriter::new(std::io::stdout()), only: self.id.clone(), found: false };
        match self.kind {
            Shown::School => {
                stack
                    .records(&self.district, RecordKind::School, |record| out.record(record))
                    .await?
            }
            Shown::Term => {
                stack.records(&self.district, RecordKind::Term, |record| out.record(record)).await?
            }
            Shown::Course => {
                stack
                    .records(&self.district, RecordKind::Course, |record| out.record(record))
                    .await?
            }
            Shown::Class => {
                stack
                    .records(&self.district, RecordKind::Class, |record| out.record(record))
                    .await?
            }
            Shown::Student => {
                stack
                    .records(&self.district, RecordKind::Student, |record| out.record(record))
                    .await?
            }
            Shown::Teacher => {
                stack
                    .records(&self.district, RecordKind::Teacher, |record| out.record(record))
                    .await?
            }
            Shown::Guardian => {
                stack
                    .records(&self.district, RecordKind::Guardian, |record| out.record(record))
                    .await?
            }
            Shown::Enrollment => {
                stack
                    .records(&self.district, RecordKind::Class, |class| out.enrollments(&class))
                    .await?
            }
            Shown::Link => {
                stack.links(&self.district, |link| out.matching(link, &["source", "key"])).await?
            }
            Shown::Run => {
                for run in stack.table().newest(&self.district, RUNS).await? {
                    let run = serde_json::to_value(run).map_err(std::io::Error::from)?;
                    out.matching(run, &["run"])?;
                }
            }
            Shown::Settings => out.line(&settings(&district)?)?,
            Shown::Group => groups(&stack, &district, &mut out).await?,
        }
        out.out.flush()?;
        match out.only {
            Some(id) if !out.found => {
                Err(Fault::Message(format!("there is no record with the id {id}")))
            }
            _ => Ok(End::Done),
        }
    }
}

/// Writes JSON objects, one per line.
struct Lines<W: Write> {
    out: W,
    /// Print only records with this id.
    only: Option<String>,
    /// Whether a record was printed.
    found: bool,
}

impl<W: Write> Lines<W> {
    fn line(&mut self, value: &Value) -> Result<(), Fault> {
        self.found = true;
        serde_json::to_writer(&mut self.out, value).map_err(std::io::Error::from)?;
        Ok(self.out.write_all(b"\n")?)
    }

    /// Prints a record if no id was given, or if one of these fields equals the id.
    fn matching(&mut self, value: Value, fields: &[&str]) -> Result<(), Fault> {
        let only = self.only.as_deref();
        if only.is_none_or(|id| fields.iter().any(|field| value[field] == id)) {
            self.line(&value)?;
        }
        Ok(())
    }

    fn record(&mut self, record: Value) -> Result<(), Fault> {
        self.matching(flat(record), &["id", "key"])
    }

    /// Prints a class's roster, one enrollment per line.
    fn enrollments(&mut self, class: &Value) -> Result<(), Fault> {
        for (role, list) in [("teacher", "teachers"), ("student", "students")] {
            for (at, person) in class["state"][list].as_array().into_iter().flatten().enumerate() {
                let enrollment = json!({
                    "class": class["key"],
                    "person": person,
                    "role": role,
                    "primary": role == "teacher" && at == 0,
                    "status": class["status"],
                });
                self.matching(enrollment, &["class", "person"])?;
            }
        }
        Ok(())
    }
}

/// Moves nested fields to the record's top level, and adds missing fields: lists as `[]`, texts as
/// `null`.
fn flat(record: Value) -> Value {
    let Value::Object(mut record) = record else { return record };
    let mut fields = Map::new();
    if let Some(Value::Object(mut state)) = record.remove("state") {
        for part in ["person", "demographics", "details"] {
            if let Some(Value::Object(part)) = state.remove(part) {
                fields.extend(part);
            }
        }
        let (lists, texts): (&[&str], &[&str]) =
            if fields.contains_key("title") && !fields.contains_key("given") {
                (&["teachers", "students", "terms", "inactive"], &[])
            } else if state.contains_key("role") {
                (&["schools", "children"], &["given", "family", "email", "phone"])
            } else if record.contains_key("account") {
                (&["schools", "classes"], &["given", "family", "email"])
            } else {
                (&[], &[])
            };
        fields.extend(state);
        for list in lists {
            fields.entry(*list).or_insert_with(|| json!([]));
        }
        for text in texts {
            fields.entry(*text).or_insert(Value::Null);
        }
    }
    // The record's own fields win: the `id` in a school's state equals the record's.
    fields.extend(record);
    Value::Object(fields)
}

fn settings(district: &District) -> Result<Value, Fault> {
    let settings = serde_json::to_value(&district.settings).map_err(std::io::Error::from)?;
    let policy = serde_json::to_value(district.settings.policy()?).map_err(std::io::Error::from)?;
    Ok(json!({
        "district": district.id,
        "status": district.status,
        "settings": settings,
        "policy": policy,
        "latest": district
            .latest
            .as_ref()
            .map(|latest| json!({ "run": latest.run, "taken_at": latest.taken_at })),
        "applied": district.applied,
        "open": district.open,
    }))
}

/// Prints the groups as of the last applied run (R-M8).
async fn groups(
    stack: &Stack,
    district: &District,
    out: &mut Lines<impl Write>,
) -> Result<(), Fault> {
    let Some(applied) = &district.applied else { return Ok(()) };
    let Some(packed) =
        stack.bucket(INTERNAL).get(&keys::groups(&district.id, &applied.run)).await?
    else {
        return Ok(());
    };
    let text = zstd::stream::decode_all(packed.as_slice())?;
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        out.matching(
            serde_json::from_slice(line).map_err(std::io::Error::from)?,
            &["field", "value"],
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_shown_flat_with_all_fields_of_its_kind() {
        let student = json!({
            "key": "s1", "id": "s1b", "account": "a1", "status": "active", "origin": "source",
            "first_seen": "r1", "changed_by": "r2",
            "state": {
                "person": { "given": "Ada", "schools": ["1"] },
                "demographics": { "grades": ["09"] },
                "classes": ["c1"],
            },
        });
        let flat = flat(student);
        assert_eq!(flat["given"], "Ada");
        assert_eq!(flat["grades"], json!(["09"]));
        assert_eq!(flat["id"], "s1b");
        assert_eq!(flat["classes"], json!(["c1"]));
        assert!(flat["email"].is_null() && flat.as_object().unwrap().contains_key("email"));
        assert!(flat.get("state").is_none());
    }

    #[test]
    fn a_roster_becomes_enrollments_with_the_first_teacher_as_primary() {
        let class = json!({
            "key": "c", "status": "active",
            "state": { "teachers": ["t1", "t2"], "students": ["s"] },
        });
        let mut lines = Lines { out: Vec::new(), only: None, found: false };
        lines.enrollments(&class).unwrap();
        let enrollments: Vec<Value> = lines
            .out
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .map(|l| serde_json::from_slice(l).unwrap())
            .collect();
        let short: Vec<_> = enrollments
            .iter()
            .map(|one| {
                (
                    one["person"].as_str().unwrap(),
                    one["role"].as_str().unwrap(),
                    one["primary"] == true,
                )
            })
            .collect();
        assert_eq!(
            short,
            [("t1", "teacher", true), ("t2", "teacher", false), ("s", "student", false)]
        );
    }
}
