//! Explains why a person or a class is not here (R-X1): gathers the facts for [`rules::explain`].

use axum::http::StatusCode;
use axum::response::Response;
use mirror::files::scan;
use mirror::ports::directory::Place;
use mirror::ports::districts::District;
use roster::change::Reason;
use roster::edit::Edit;
use roster::finding::Finding;
use roster::id::SourceId;
use roster::records::{Membership, Mirrored, Person, RecordKind, Status, kinds};
use roster::run::RunState;
use roster::snapshot::Manifest;
use rules::effective;
use rules::explain::search::{Matched, Query, Similar};
use rules::explain::{
    Advice, Applied, Explanation, Facts, InMirror, InSnapshot, SourceRecord, Where,
    explain as answer,
};
use serde::{Deserialize, Serialize};

use crate::access::Scope;
use crate::class::ClassFound;
use crate::context::{RequestContext, in_slot, is_active};
use crate::input::Body;
use crate::people::{Item, PersonFound};
use crate::policy::DistrictPolicy;
use crate::problem::Problem;
use crate::reference::Reference;
use crate::response::ok;
use crate::searching::{Candidate, Searched};
use crate::{Objects, Table};

/// The body. The id is not in the URL because a source's id may identify a person.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    kind: RecordKind,
    /// The source's id, or the key.
    id: Option<Reference>,
    /// An id, a student number, an e-mail address or a name, instead of `id`.
    q: Option<String>,
    /// The class in which the person is missing.
    class: Option<Reference>,
}

#[derive(Serialize)]
struct Told {
    kind: RecordKind,
    id: Reference,
    /// The key of the record in the mirror, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Reference>,
    /// How the record was found by `q`.
    #[serde(skip_serializing_if = "Option::is_none")]
    matched: Option<Matched>,
    #[serde(flatten)]
    explanation: Explanation,
    findings: Vec<Finding>,
    /// Records with similar ids, or that the id names in another way, if this one is unknown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    did_you_mean: Vec<CandidateView>,
}

/// The answer if not exactly one record is meant.
#[derive(Serialize)]
struct Candidates {
    kind: RecordKind,
    candidates: Vec<CandidateView>,
    /// Whether more records match.
    more: bool,
    did_you_mean: Vec<CandidateView>,
    /// Whether the whole snapshot and mirror were searched.
    complete: bool,
    advice: Advice,
}

/// A record that may be meant.
#[derive(Serialize)]
struct CandidateView {
    kind: RecordKind,
    id: Reference,
    name: String,
    schools: Vec<Reference>,
    /// Absent if the record is in the newest data only.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matched: Option<Matched>,
    #[serde(skip_serializing_if = "Option::is_none")]
    similar: Option<Similar>,
}

impl CandidateView {
    fn new(kind: RecordKind, id: SourceId, candidate: Candidate) -> Self {
        let Candidate { name, schools, status } = candidate;
        let schools = schools.into_iter().map(Reference).collect();
        Self { kind, id: Reference(id), name, schools, status, matched: None, similar: None }
    }
}

/// The longest `q`, in characters.
const LONGEST_QUERY: usize = 200;

/// The record in the mirror.
enum Here {
    Person(Box<PersonFound>),
    Class(Box<ClassFound>),
}

impl Here {
    fn key(&self) -> &SourceId {
        match self {
            Self::Person(person) => person.item.key(),
            Self::Class(class) => &class.item.key,
        }
    }

    fn status(&self) -> Status {
        match self {
            Self::Person(person) => person.item.status(),
            Self::Class(class) => class.item.status,
        }
    }

    fn source_id(&self) -> &SourceId {
        match self {
            Self::Person(person) => match &person.item {
                Item::Student(item) => &item.id,
                Item::Teacher(item) => &item.id,
                Item::Guardian(item) => &item.id,
            },
            Self::Class(class) => &class.item.id,
        }
    }
}

/// The question, after it has been checked.
struct About<'a> {
    kind: RecordKind,
    class: Option<&'a ClassFound>,
    policy: &'a DistrictPolicy,
    district: &'a District,
    manifest: Option<&'a Manifest>,
}

/// `POST /explain`.
pub(super) async fn explain<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(question): Body<Question>,
) -> Result<Response, Problem> {
    let Question { kind, id, q, class } = question;
    if !kind.is_person() && kind != RecordKind::Class {
        return Err(Problem::unprocessable("`kind` must be student, teacher, guardian or class"));
    }
    let wanted = match (id, q) {
        (Some(Reference(id)), None) => Wanted::Id(id),
        (None, Some(text)) if text.chars().count() <= LONGEST_QUERY => {
            let query = Query::new(&text);
            Wanted::Query(query.ok_or_else(|| Problem::unprocessable("`q` must not be blank"))?)
        }
        (None, Some(_)) => {
            return Err(Problem::unprocessable(format!(
                "`q` must have at most {LONGEST_QUERY} characters"
            )));
        }
        _ => return Err(Problem::unprocessable("either `id` or `q` is required")),
    };
    let policy = context.district_policy().await?;
    let district =
        context.api.table.district(context.district()).await?.ok_or_else(Problem::not_found)?;
    let class = match class {
        Some(Reference(key)) => Some(context.class(&key).await?),
        None if context.granted.scope == Scope::Own => {
            return Err(Problem::unprocessable("a teacher must name the class in `class`"));
        }
        None => None,
    };
    let manifest = match &district.latest {
        Some(latest) => {
            context
                .api
                .caches
                .manifest(&context.api.internal, context.district(), &latest.run)
                .await?
        }
        None => None,
    };
    let about = About {
        kind,
        class: class.as_ref(),
        policy: &policy,
        district: &district,
        manifest: manifest.as_deref(),
    };
    match wanted {
        Wanted::Id(id) => explained(&context, &about, id, None).await,
        Wanted::Query(query) => searched(&context, &about, &query).await,
    }
}

/// What the question names.
enum Wanted {
    Id(SourceId),
    Query(Query),
}

/// Answers about the only record that the query matches, or lists candidates.
async fn searched<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    about: &About<'_>,
    query: &Query,
) -> Result<Response, Problem> {
    let Searched { found, is_complete } = context.search(about.manifest, about.kind, query).await?;
    if let Some((matched, id, _)) = found.only().filter(|_| is_complete) {
        return explained(context, about, id.clone(), Some(*matched)).await;
    }
    let kind = about.kind;
    let what = match (found.matches.is_empty(), found.similar.is_empty()) {
        (false, _) => "Ask again with the `id` of the record that is meant.".to_owned(),
        (true, false) => "No record matches. Compare with the similar ids in `did_you_mean`, and \
                          ask again with the `id` of the record that is meant."
            .to_owned(),
        (true, true) => format!(
            "No {kind} with this id, number, e-mail address or name is here or in the newest data. \
             Check the spelling. If it is right, add the {kind} in the student information system, \
             or check that its school is shared."
        ),
    };
    let place = if found.matches.is_empty() { Where::Sis } else { Where::Here };
    ok(&Candidates {
        kind,
        candidates: matches(context, kind, found.matches.into_iter()).await?,
        more: found.more,
        did_you_mean: similar(context, kind, found.similar).await?,
        complete: is_complete,
        advice: Advice { place, what },
    })
}

/// Adds the status to a candidate that was found in the snapshot only: the mirror may have the
/// record with another name or number.
async fn with_status<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    kind: RecordKind,
    id: &SourceId,
    mut candidate: Candidate,
) -> Result<Candidate, Problem> {
    if candidate.status.is_none() {
        candidate.status = find(context, kind, id).await?.map(|here| here.status());
    }
    Ok(candidate)
}

async fn matches<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    kind: RecordKind,
    found: impl Iterator<Item = (Matched, SourceId, Candidate)>,
) -> Result<Vec<CandidateView>, Problem> {
    let mut views = Vec::new();
    for (matched, id, candidate) in found {
        let candidate = with_status(context, kind, &id, candidate).await?;
        let view = CandidateView::new(kind, id, candidate);
        views.push(CandidateView { matched: Some(matched), ..view });
    }
    Ok(views)
}

async fn similar<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    kind: RecordKind,
    found: Vec<(Similar, SourceId, Candidate)>,
) -> Result<Vec<CandidateView>, Problem> {
    let mut views = Vec::with_capacity(found.len());
    for (similar, id, candidate) in found {
        let candidate = with_status(context, kind, &id, candidate).await?;
        let view = CandidateView::new(kind, id, candidate);
        views.push(CandidateView { similar: Some(similar), ..view });
    }
    Ok(views)
}

/// Answers about one source id.
async fn explained<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    about: &About<'_>,
    id: SourceId,
    matched: Option<Matched>,
) -> Result<Response, Problem> {
    let About { kind, class, policy, district, manifest } = *about;
    let here = find(context, kind, &id).await?;
    let source_id = here.as_ref().map_or(&id, Here::source_id).clone();
    let snapshot = match manifest {
        Some(manifest) => Some(in_snapshot(context, manifest, kind, &source_id, class).await?),
        None => None,
    };
    let mirror = match &here {
        Some(here) => Some(in_mirror(context, kind, here, class).await?),
        None => None,
    };
    let is_known =
        mirror.is_some() || snapshot.as_ref().is_some_and(|snapshot| snapshot.record.is_some());
    // Findings about a record outside the caller's scope are not shown.
    let findings = if is_known || context.granted.caller.schools.is_none() {
        findings(context, manifest, &source_id).await?
    } else {
        Vec::new()
    };
    let did_you_mean = match Query::new(id.as_str()).filter(|_| !is_known) {
        Some(query) => {
            let found = context.search(manifest, kind, &query).await?.found;
            // What was asked as an id may be a number, an e-mail address or a name.
            let exact = found.matches.into_iter().filter(|(matched, ..)| matched.is_exact());
            let mut views = matches(context, kind, exact).await?;
            views.extend(similar(context, kind, found.similar).await?);
            views
        }
        None => Vec::new(),
    };
    let facts = Facts {
        kind,
        now: context.api.clock.now(),
        policy: &policy.policy,
        time_zone: &policy.settings.time_zone,
        status: policy.status,
        waiting: waiting(context, district).await?,
        applied: district
            .applied
            .clone()
            .map(|applied| Applied { run: applied.run, taken_at: applied.taken_at }),
        snapshot,
        mirror,
        findings,
        similar: did_you_mean.len(),
    };
    let explanation = answer(&facts);
    let key = here.map(|here| Reference(here.key().clone()));
    let (id, findings) = (Reference(id), facts.findings);
    ok(&Told { kind, id, key, matched, explanation, findings, did_you_mean })
}

/// Finds the record for a source id, by an identity link or by the id itself. Returns `None` if
/// there is no such record in the caller's scope.
async fn find<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    kind: RecordKind,
    id: &SourceId,
) -> Result<Option<Here>, Problem> {
    if kind == RecordKind::Class {
        return match context.class(id).await {
            Ok(class) => Ok(Some(Here::Class(Box::new(class)))),
            Err(problem) if problem.status() == StatusCode::NOT_FOUND => Ok(None),
            Err(problem) => Err(problem),
        };
    }
    let link = context.api.table.link(context.district(), kind, id).await?;
    let key = link.map_or_else(|| id.clone(), |link| link.key);
    Ok(context.visible_person(kind, &key).await?.map(|person| Here::Person(Box::new(person))))
}

/// Returns the state of the newest snapshot's run, if that run is not the one that was last
/// applied.
async fn waiting<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    district: &District,
) -> Result<Option<RunState>, Problem> {
    let Some(latest) = &district.latest else { return Ok(None) };
    if district.applied.as_ref().is_some_and(|applied| applied.run == latest.run) {
        return Ok(None);
    }
    Ok(context.api.table.run(context.district(), &latest.run).await?.map(|run| run.state))
}

/// Returns the findings of the newest snapshot's run about a record.
async fn findings<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    manifest: Option<&Manifest>,
    id: &SourceId,
) -> Result<Vec<Finding>, Problem> {
    let Some(manifest) = manifest else { return Ok(Vec::new()) };
    Ok(scan::findings_about(&context.api.internal, manifest, id).await?)
}

async fn in_snapshot<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    manifest: &Manifest,
    kind: RecordKind,
    id: &SourceId,
    class: Option<&ClassFound>,
) -> Result<InSnapshot, Problem> {
    let objects = &context.api.internal;
    let today = manifest.today;
    let class_id = class.map(|class| &class.item.id);
    let on = |seats: &[Membership]| {
        seats
            .iter()
            .filter(|seat| seat.is_on(today))
            .map(|seat| seat.id.clone())
            .collect::<Vec<_>>()
    };
    let of_person = |person: &Person, classes: Option<Vec<SourceId>>| SourceRecord {
        email: person.email.is_some(),
        contact: person.email.is_some() || person.phone.is_some() || person.sms.is_some(),
        enrolled: classes.as_ref().map_or(0, Vec::len),
        in_active_classes: 0,
        in_class: classes.zip(class_id).map(|(classes, class)| classes.contains(class)),
    };
    // Records of schools outside the caller's scope are treated as missing.
    let (record, classes) = match kind {
        RecordKind::Student => {
            match scan::record::<kinds::Students>(objects, manifest, id).await? {
                Some(student) if context.caller().sees_any(&student.person.schools) => {
                    let classes = on(&student.classes);
                    (Some(of_person(&student.person, Some(classes.clone()))), classes)
                }
                _ => (None, Vec::new()),
            }
        }
        RecordKind::Teacher => {
            match scan::record::<kinds::Teachers>(objects, manifest, id).await? {
                Some(teacher) if context.caller().sees_any(&teacher.person.schools) => {
                    let classes = on(&teacher.classes);
                    (Some(of_person(&teacher.person, Some(classes.clone()))), classes)
                }
                _ => (None, Vec::new()),
            }
        }
        RecordKind::Guardian => {
            match scan::record::<kinds::Guardians>(objects, manifest, id).await? {
                Some(guardian) if context.caller().sees_any(&guardian.person.schools) => {
                    (Some(of_person(&guardian.person, None)), Vec::new())
                }
                _ => (None, Vec::new()),
            }
        }
        _ => match scan::record::<kinds::Classes>(objects, manifest, id).await? {
            Some(class) if context.caller().sees_school(&class.details.school) => {
                let enrolled = on(&class.students).len();
                (Some(SourceRecord { enrolled, ..SourceRecord::default() }), Vec::new())
            }
            _ => (None, Vec::new()),
        },
    };
    let active = active_among(context, &classes).await?;
    let unreadable = record.is_none() && scan::is_gap(objects, manifest, kind, id).await?;
    Ok(InSnapshot {
        source: manifest.origin.source.clone(),
        taken_at: manifest.taken_at,
        record: record.map(|record| SourceRecord { in_active_classes: active, ..record }),
        unreadable,
    })
}

/// Returns how many of these classes are active (R-C4).
async fn active_among<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    classes: &[SourceId],
) -> Result<usize, Problem> {
    if classes.is_empty() {
        return Ok(0);
    }
    let places: Vec<Place> = classes.iter().map(|key| Place::of(RecordKind::Class, key)).collect();
    let glanced = context.api.table.find_many(context.district(), &places, &[]).await?;
    let mut active = 0;
    for (key, found) in classes.iter().zip(glanced) {
        let class = match found.record()? {
            Some(item) => Some(ClassFound { item, found }),
            // The roster is too long for one item, or there is no such class.
            None => context.any_class(key).await?,
        };
        active += usize::from(class.is_some_and(|class| class.effective().is_active()));
    }
    Ok(active)
}

/// Returns why a record was archived, from the plan of the run that archived it.
async fn reasons<T: Table, O: Objects, K: roster::records::Kind>(
    context: &RequestContext<T, O>,
    item: &Mirrored<K>,
) -> Result<Vec<Reason>, Problem> {
    if item.status == Status::Active {
        return Ok(Vec::new());
    }
    let (internal, district, run) = (&context.api.internal, context.district(), &item.changed_by);
    let Some(plan) = context.api.caches.applied_plan(internal, district, run).await? else {
        return Ok(Vec::new());
    };
    let change = scan::change_of(internal, district, run, &plan, K::KIND, &item.key).await?;
    Ok(change.map(|change| change.reasons).unwrap_or_default())
}

async fn in_mirror<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    kind: RecordKind,
    here: &Here,
    class: Option<&ClassFound>,
) -> Result<InMirror, Problem> {
    fn of<K: roster::records::Kind>(item: &Mirrored<K>, reasons: Vec<Reason>) -> InMirror {
        InMirror {
            status: item.status,
            origin: item.origin,
            changed_by: item.changed_by.clone(),
            archived_on: item.archived_on,
            reasons,
            enabled: true,
            inactive: Vec::new(),
            in_class: None,
            taken_out: false,
        }
    }
    let person = match here {
        Here::Class(class) => {
            let inactive = class.item.state.inactive.clone();
            return Ok(InMirror {
                inactive,
                ..of(&class.item, reasons(context, &class.item).await?)
            });
        }
        Here::Person(person) => person,
    };
    let base = match &person.item {
        Item::Student(item) => of(item, reasons(context, item).await?),
        Item::Teacher(item) => of(item, reasons(context, item).await?),
        Item::Guardian(item) => of(item, reasons(context, item).await?),
    };
    let key = person.item.key();
    let left = Edit::Left { role: kind, person: key.clone() };
    Ok(InMirror {
        enabled: effective::account(kind, person.item.person_in_mirror(), &person.found.edits, &[])
            .enabled,
        in_class: class.map(|class| class.effective().has(kind, key) && is_active(base.status)),
        taken_out: class.is_some_and(|class| in_slot(&class.found.edits, &left.slot()).is_some()),
        ..base
    })
}
