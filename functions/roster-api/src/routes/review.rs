//! What a person reviews before a district goes live or a held run is approved (R-O2): counts by
//! kind and school, the share of records that have each field, findings, and sample records.

use std::collections::BTreeMap;

use axum::response::Response;
use mirror::MirrorError;
use mirror::files::plan::read_plan;
use mirror::files::report;
use mirror::files::samples;
use mirror::files::snapshot::read_manifest;
use mirror::ports::objects::ReadObjects;
use roster::change::Counts;
use roster::finding::{self, Finding, Severity};
use roster::id::SourceId;
use roster::records::{Class, Demographics, Guardian, Person, RecordKind, Student, Teacher, kinds};
use roster::report::Report;
use roster::review::{FieldShare, Review};
use roster::run::RunState;
use roster::snapshot::Manifest;
use serde::Serialize;
use serde_json::{Value, json};

use super::runs::read;
use crate::access::{Operation, Scope, scope};
use crate::context::RequestContext;
use crate::problem::Problem;
use crate::reference::Reference;
use crate::response::ok;
use crate::{Objects, Table};

/// The number of sample records of each kind.
const SAMPLES: usize = 8;

/// The number of findings quoted per code. `GET /runs/{run}/findings` returns all.
const QUOTED: usize = 3;

#[derive(Serialize)]
struct SchoolView {
    school: Reference,
    /// `None` if the source has no record of the school itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    counts: BTreeMap<String, Counts>,
}

#[derive(Serialize)]
struct ShareView {
    #[serde(flatten)]
    share: FieldShare,
    /// The share in percent, rounded down to one decimal. `None` if there are no records of the
    /// kind, or if the policy ignores the field.
    percent: Option<f64>,
}

#[derive(Serialize)]
struct FoundView {
    code: String,
    severity: Severity,
    count: u64,
    means: &'static str,
    advice: &'static str,
    first: Vec<Finding>,
}

/// `GET /runs/{run}/review`. 404 for a run without a plan.
pub(super) async fn review<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let run = read(&context, &context.path.run()?).await?;
    let (internal, district) = (&context.api.internal, &run.district);
    let plan = read_plan(internal, district, &run.run).await?.ok_or_else(Problem::not_found)?;
    let manifest = read_manifest(internal, district, run.snapshot()).await?;
    let report = report::read(internal, district, &run.run).await?;
    let configured =
        context.api.table.configured(district).await?.ok_or_else(Problem::not_found)?;
    let admits_guardians = configured
        .settings
        .policy()
        .is_ok_and(|policy| rules::book::guardians::admits_guardians(&policy));
    let (outcome, role) = (plan.outcome, context.granted.caller.role);
    let may = |operation| scope(role, operation) != Scope::None;
    let samples = match manifest.as_ref().filter(|_| may(Operation::ReadPerson)) {
        Some(manifest) => {
            Some(few(internal, manifest, admits_guardians, may(Operation::ReadDemographics)).await?)
        }
        None => None,
    };
    let names = match &manifest {
        Some(manifest) => samples::all::<kinds::Schools>(internal, manifest).await?,
        None => Vec::new(),
    };
    let names: BTreeMap<_, _> = names.into_iter().map(|school| (school.id, school.name)).collect();
    let Review { fields, schools, unreadable, .. } = outcome.review;
    let schools = schools.into_iter().map(|of| SchoolView {
        name: names.get(&of.school).cloned(),
        school: Reference(of.school),
        counts: of.counts,
    });
    ok(&json!({
        "run": run.run, "state": run.state, "waits": run.state == RunState::Held,
        "plan": run.plan.as_ref().map(|plan| plan.hash.as_str()), "remainder": run.remainder,
        "district_status": configured.status,
        "taken_at": run.taken_at, "today": run.today,
        "source": manifest.as_ref().map(|manifest| &manifest.origin.source),
        "changes": outcome.changes, "holds": outcome.holds, "counts": outcome.counts,
        "unreadable": unreadable,
        "schools": schools.collect::<Vec<_>>(),
        "fields": fields.into_iter().map(share).collect::<Vec<_>>(),
        "findings": report.map(found).unwrap_or_default(), "samples": samples,
    }))
}

fn share(share: FieldShare) -> ShareView {
    let percent = (share.of > 0 && !share.ignored)
        .then(|| (share.has as f64 / share.of as f64 * 1000.0).floor() / 10.0);
    ShareView { share, percent }
}

/// Returns the findings by code: most severe first, then most frequent.
fn found(report: Report) -> Vec<FoundView> {
    let mut all: Vec<FoundView> = report
        .finding_totals
        .into_iter()
        .map(|(code, total)| {
            let known = finding::code(&code);
            let (means, advice) = known.map_or(("", ""), |known| (known.meaning, known.advice));
            let first = report
                .findings
                .iter()
                .filter(|finding| finding.code == code.as_str())
                .take(QUOTED)
                .cloned()
                .collect();
            FoundView { severity: total.severity, count: total.count, means, advice, first, code }
        })
        .collect();
    all.sort_by(|a, b| (b.severity, b.count, &a.code).cmp(&(a.severity, a.count, &b.code)));
    all
}

/// Returns sample records of the snapshot, by kind.
async fn few(
    internal: &impl ReadObjects,
    manifest: &Manifest,
    guardians: bool,
    demographics: bool,
) -> Result<BTreeMap<&'static str, Vec<Value>>, MirrorError> {
    let mut all = BTreeMap::new();
    let main = |person: &Person| person.schools.first().cloned();
    let students = samples::samples::<kinds::Students>(internal, manifest, SAMPLES, |student| {
        main(&student.person)
    })
    .await?;
    all.insert(
        RecordKind::Student.name(),
        students.iter().map(|student| of_student(student, demographics)).collect(),
    );
    let teachers = samples::samples::<kinds::Teachers>(internal, manifest, SAMPLES, |teacher| {
        main(&teacher.person)
    })
    .await?;
    all.insert(RecordKind::Teacher.name(), teachers.iter().map(of_teacher).collect());
    if guardians {
        let guardians =
            samples::samples::<kinds::Guardians>(internal, manifest, SAMPLES, |guardian| {
                main(&guardian.person)
            })
            .await?;
        all.insert(RecordKind::Guardian.name(), guardians.iter().map(of_guardian).collect());
    }
    let classes = samples::samples::<kinds::Classes>(internal, manifest, SAMPLES, |class| {
        Some(class.details.school.clone())
    })
    .await?;
    all.insert(RecordKind::Class.name(), classes.iter().map(of_class).collect());
    Ok(all)
}

/// Returns the fields that all people share. Unknown fields are null.
fn of_person(id: &SourceId, person: &Person) -> Value {
    let schools: Vec<Reference> = person.schools.iter().cloned().map(Reference).collect();
    json!({
        "source_id": Reference(id.clone()), "given": person.given, "family": person.family,
        "email": person.email,
        "number": person.number, "state_id": person.state_id, "sis_id": person.sis_id,
        "schools": schools,
    })
}

fn with(mut value: Value, more: Value) -> Value {
    if let (Value::Object(all), Value::Object(more)) = (&mut value, more) {
        all.extend(more);
    }
    value
}

fn of_student(student: &Student, demographics: bool) -> Value {
    let shown =
        demographics.then_some(&student.demographics).filter(|of| !Demographics::is_empty(of));
    let (classes, guardians) = (student.classes.len(), student.guardians.len());
    let more = json!({ "classes": classes, "guardians": guardians, "demographics": shown });
    with(of_person(&student.id, &student.person), more)
}

fn of_teacher(teacher: &Teacher) -> Value {
    with(of_person(&teacher.id, &teacher.person), json!({ "classes": teacher.classes.len() }))
}

fn of_guardian(guardian: &Guardian) -> Value {
    let (phone, children) =
        (guardian.person.phone.as_ref().or(guardian.person.sms.as_ref()), guardian.children.len());
    with(of_person(&guardian.id, &guardian.person), json!({ "phone": phone, "children": children }))
}

fn of_class(class: &Class) -> Value {
    let details = &class.details;
    json!({
        "source_id": Reference(class.id.clone()), "title": details.title, "code": details.code,
        "school": Reference(details.school.clone()), "periods": details.periods,
        "subjects": details.subjects,
        "terms": details.terms.len(), "teachers": class.teachers.len(),
        "students": class.students.len(),
    })
}
