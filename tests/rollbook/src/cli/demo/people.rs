//! Shows local edits through the API, and which of them survive the next night.

use std::fmt::Write as _;

use axum::http::Method;
use districts::{District, Size};
use mirror::ports::districts::Districts;
use roster::id::DistrictId;
use roster::records::RecordKind;
use roster::run::RunState;
use roster::settings::{DistrictStatus, Settings};
use serde_json::{Value, json};
use stack::{Api, Claims, Stack};

use super::super::outcome::{Outcome, print};
use super::super::progress::Progress;
use super::super::{Fault, describe};
use super::explained;

/// The district of this act: a small one, because nothing depends on its size.
const DISTRICT: &str = "maple-grove";
const STUDENTS: u64 = 300;
/// A source id that is in no file.
const UNKNOWN_STUDENT: &str = "transfer-4711";

/// Plays the act. Returns false if an outcome differs from what the rules require.
pub(super) async fn play(stack: &Stack, progress: &Progress) -> Result<bool, Fault> {
    let id = DistrictId::new(DISTRICT);
    let mut settings = Settings::of_preset("clever");
    settings.overrides.insert("admit_guardians".into(), json!("unique_contact"));
    settings.overrides.insert("manual_rostering".into(), json!("teachers"));
    stack.table().create(&id, &settings, DistrictStatus::Live).await?;
    let district = District::new(Size::students(STUDENTS)).seed(2027);
    let first = night(stack, &id, &district, 0, progress).await?;
    print(&format!(
        "\n== Local edits ==\nA second district, {DISTRICT}, has {STUDENTS} students. It uses the \
         preset clever with two other settings: guardians are added if they have an e-mail address \
         or phone of their own, and teachers may create classes. Its first file is imported \
         (run {}).\n\nDuring the day, people edit rosters with the API at {}:\n\n",
        first.run.run,
        stack.endpoints().api,
    ))?;
    let act = Act::find(stack, &id).await?;
    let edits = act.day().await?;
    let second = night(stack, &id, &district, 1, progress).await?;
    print(&format!(
        "\nAt night, the next file is imported (run {}, {}). Now the mirror equals the file again, \
         except for the edits that a rule protects:\n\n",
        second.run.run,
        if second.run.state == RunState::Applied {
            "applied"
        } else {
            "not applied, which is unexpected"
        },
    ))?;
    let mut as_expected =
        first.run.state == RunState::Applied && second.run.state == RunState::Applied;
    as_expected &= act.morning(&edits).await?;
    as_expected &= act.waiting_guardian(&second).await?;
    as_expected &= act.explain_missing_students().await?;
    Ok(as_expected)
}

async fn night(
    stack: &Stack,
    id: &DistrictId,
    district: &District,
    nth: u32,
    progress: &Progress,
) -> Result<Outcome, Fault> {
    let folder = stack.data().join("files");
    std::fs::create_dir_all(&folder)?;
    let (night, file) = (district.night(nth), folder.join(format!("{DISTRICT}-{nth}.zip")));
    night.write_zip_file(&file)?;
    let step = progress.step("a night of the second district");
    let uploaded = stack.upload(id, &file, Some(night.date())).await?;
    Outcome::of(stack, &uploaded, &step).await
}

/// The users and records of the act.
struct Act {
    leader: Api,
    teacher: Api,
    class: String,
    class_name: String,
    teacher_name: String,
    student: String,
    student_name: String,
    insider: String,
    insider_name: String,
}

/// What was created during the day.
struct Edits {
    outsider: String,
    practice: String,
}

const CUSTOM: &str = "The Early Birds";
const PRACTICE: &str = "Chess practice";
const OUTSIDER: (&str, &str) = ("Robin", "Vale");

impl Act {
    /// Finds a class with one teacher, and two people of its school who are not in it.
    async fn find(stack: &Stack, id: &DistrictId) -> Result<Self, Fault> {
        let mut people: Vec<(RecordKind, Value)> = Vec::new();
        for kind in [RecordKind::Student, RecordKind::Teacher, RecordKind::Class] {
            let each = |record| {
                people.push((kind, record));
                Ok::<(), Fault>(())
            };
            stack.records(id, kind, each).await?;
        }
        let of = |kind: RecordKind| {
            people
                .iter()
                .filter(move |(of, record)| *of == kind && record["status"] == "active")
                .map(|(_, record)| record)
        };
        let list = |record: &Value, name: &str| {
            record["state"][name].as_array().cloned().unwrap_or_default()
        };
        let key = |record: &Value| record["key"].as_str().unwrap_or_default().to_owned();
        let full_name = |record: &Value| {
            let person = &record["state"]["person"];
            let part = |name: &str| person[name].as_str().unwrap_or_default();
            format!("{} {}", part("given"), part("family"))
        };
        for class in of(RecordKind::Class) {
            let (school, teachers, students) = (
                &class["state"]["details"]["school"],
                list(class, "teachers"),
                list(class, "students"),
            );
            let [Value::String(teacher)] = teachers.as_slice() else { continue };
            let here = |kind: RecordKind, besides: &[Value]| {
                let besides = besides.to_vec();
                of(kind).find(move |person| {
                    person["state"]["person"]["schools"] == json!([school])
                        && !besides.contains(&person["key"])
                })
            };
            let first = of(RecordKind::Teacher).find(|record| record["key"] == teachers[0]);
            let (Some(first), Some(student), Some(insider)) =
                (first, here(RecordKind::Student, &students), here(RecordKind::Teacher, &teachers))
            else {
                continue;
            };
            let claims =
                |role| Claims::new(role, DISTRICT).school(school.as_str().unwrap_or_default());
            return Ok(Self {
                leader: stack.api(&claims("school_leader").subject("principal"))?,
                teacher: stack.api(&claims("teacher").record(teacher).subject("teacher"))?,
                class: key(class),
                class_name: class["state"]["details"]["title"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                teacher_name: full_name(first),
                student: key(student),
                student_name: full_name(student),
                insider: key(insider),
                insider_name: full_name(insider),
            });
        }
        Err(Fault::Message("no class of the synthetic district is suitable for this part".into()))
    }

    /// The local edits of the day.
    async fn day(&self) -> Result<Edits, Fault> {
        let class = format!("/classes/{}", self.class);
        send(
            &self.teacher,
            Method::PUT,
            &format!("{class}/custom-name"),
            &json!({ "name": CUSTOM }),
        )
        .await?;
        print_edit(format!(
            "The teacher {} gives the class \"{}\" the custom name \"{CUSTOM}\".",
            self.teacher_name, self.class_name
        ))?;
        send(
            &self.leader,
            Method::POST,
            &format!("{class}/students"),
            &json!({ "student": self.student }),
        )
        .await?;
        print_edit(format!(
            "The principal adds the student {} to the class. The file does not list the student \
             there.",
            self.student_name
        ))?;
        send(
            &self.leader,
            Method::POST,
            &format!("{class}/teachers"),
            &json!({ "teacher": self.insider }),
        )
        .await?;
        print_edit(format!(
            "The principal makes {} a co-teacher of the class. The file contains this teacher.",
            self.insider_name
        ))?;
        let (given, family) = OUTSIDER;
        let outsider =
            json!({ "given": given, "family": family, "email": "robin.vale@example.org" });
        let outsider =
            send(&self.leader, Method::POST, &format!("{class}/teachers"), &outsider).await?;
        print_edit(format!(
            "The principal also adds {given} {family} as a co-teacher. The file does not contain \
             this person."
        ))?;
        let school = self.school().await?;
        let practice = send(
            &self.teacher,
            Method::POST,
            "/classes",
            &json!({ "title": PRACTICE, "school": school }),
        )
        .await?;
        let practice = practice["class"].as_str().unwrap_or_default().to_owned();
        send(
            &self.teacher,
            Method::POST,
            &format!("/classes/{practice}/students"),
            &json!({ "student": self.student }),
        )
        .await?;
        print_edit(format!(
            "The teacher {} creates the class \"{PRACTICE}\", which is not in the file, and adds \
             {} to it.",
            self.teacher_name, self.student_name
        ))?;
        Ok(Edits {
            outsider: outsider["teacher"].as_str().unwrap_or_default().to_owned(),
            practice,
        })
    }

    async fn school(&self) -> Result<String, Fault> {
        Ok(read(&self.leader, &format!("/classes/{}", self.class)).await?["school"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    /// Prints which edits survived the night. Returns false if that differs from the rules.
    async fn morning(&self, edits: &Edits) -> Result<bool, Fault> {
        let class = read(&self.teacher, &format!("/classes/{}", self.class)).await?;
        let practice = read(&self.teacher, &format!("/classes/{}", edits.practice)).await?;
        let is_in = |class: &Value, list: &str, key: &str| {
            class[list]
                .as_array()
                .is_some_and(|list| list.iter().any(|person| person["key"] == key))
        };
        let (given, family) = OUTSIDER;
        let lines = [
            (
                class["name"] == CUSTOM && class["source_name"] == self.class_name.as_str(),
                true,
                format!("the name \"{CUSTOM}\""),
                "a custom name survives every run; the file's name is stored too (R-M4)",
            ),
            (
                is_in(&class, "students", &self.student),
                false,
                format!("{} in the class", self.student_name),
                "the file decides which students are in its classes; to make the change \
                 permanent, add the student in the student information system (R-S4)",
            ),
            (
                is_in(&class, "teachers", &self.insider),
                false,
                format!("{} as co-teacher", self.insider_name),
                "the file contains this teacher; to make the change permanent, add the co-teacher \
                 in the student information system (R-T3)",
            ),
            (
                is_in(&class, "teachers", &edits.outsider),
                true,
                format!("{given} {family} as co-teacher"),
                "the file does not contain this person, and the class has no co-teacher in the \
                 file (R-T3)",
            ),
            (
                practice["status"] == "active" && is_in(&practice, "students", &self.student),
                true,
                format!("the class \"{PRACTICE}\" and its members"),
                "a run never changes a class that was created by hand (R-C2)",
            ),
        ];
        let mut as_expected = true;
        let mut text = String::new();
        for (survives, expected, what, why) in lines {
            let result = if survives { "survives" } else { "removed " };
            let _ = writeln!(text, "  {result}  {what}: {why}");
            as_expected &= survives == expected;
        }
        print(&text)?;
        Ok(as_expected)
    }

    /// Shows a guardian who is not admitted yet.
    async fn waiting_guardian(&self, night: &Outcome) -> Result<bool, Fault> {
        let code = "guardian_waits_for_contact";
        let total = night.report.finding_totals.get(code).map_or(0, |total| total.count);
        let Some(finding) = night.report.findings.iter().find(|finding| finding.code == code)
        else {
            print("\nAll guardians were added, which is unexpected.\n")?;
            return Ok(false);
        };
        let key =
            finding.entity.as_ref().map(|entity| entity.id.as_str().to_owned()).unwrap_or_default();
        let reply =
            self.leader.get(&format!("/v1/districts/{DISTRICT}/people/guardian/{key}")).await?;
        print(&format!(
            "\nA guardian is added only with an e-mail address or phone that no other guardian of \
             the district has (R-G1). Therefore {} guardians are not added yet. For example:\n  \
             {}\nThe API does not return this guardian either (HTTP status {}: {}).\n",
            describe::thousands(total),
            finding.message,
            reply.status,
            reply.json()["title"].as_str().unwrap_or_default(),
        ))?;
        Ok(reply.status == 404)
    }

    /// Shows the API's explanations for two missing students.
    async fn explain_missing_students(&self) -> Result<bool, Fault> {
        let mut as_expected = true;
        let questions = [
            (
                json!({ "kind": "student", "id": UNKNOWN_STUDENT }),
                format!("Why is the new student {UNKNOWN_STUDENT} not here?"),
            ),
            (
                json!({ "kind": "student", "id": self.student, "class": self.class }),
                format!("Why is {} not in \"{CUSTOM}\" any more?", self.student_name),
            ),
        ];
        for (request, question) in questions {
            let answer = send(&self.leader, Method::POST, "/explain", &request).await?;
            print(&format!("\nThe principal asks: {question}\n{}", explained::describe(&answer)))?;
            as_expected &= answer["here"] == false && answer["advice"]["what"].is_string();
        }
        Ok(as_expected)
    }
}

fn print_edit(text: String) -> Result<(), Fault> {
    print(&format!("  - {text}"))
}

async fn read(api: &Api, below: &str) -> Result<Value, Fault> {
    let path = format!("/v1/districts/{DISTRICT}{below}");
    let reply = api.get(&path).await?;
    if reply.is_ok() { Ok(reply.json()) } else { Err(refused(&Method::GET, below, &reply)) }
}

async fn send(api: &Api, method: Method, below: &str, body: &Value) -> Result<Value, Fault> {
    let path = format!("/v1/districts/{DISTRICT}{below}");
    let reply = api.call(method.clone(), &path, &[], Some(body)).await?;
    if reply.is_ok() { Ok(reply.json()) } else { Err(refused(&method, below, &reply)) }
}

fn refused(method: &Method, below: &str, reply: &stack::Reply) -> Fault {
    Fault::Message(format!("{method} {below} returned {}: {}", reply.status, reply.text()))
}
