//! Manual records: classes (R-C2) and, while the sync is off, students and teachers (R-S3, R-O5).
//! No run changes them.

use axum::http::Method;
use axum::response::Response;
use mirror::item::body_hash;
use roster::id::{AccountId, DistrictId, RunId, SourceId};
use roster::records::{
    AnyMirrored, ClassDetails, ClassState, Kind, Mirrored, Origin, Person, RecordKind, Status,
    StudentState, TeacherState,
};
use roster::rule::Rule;
use rules::book::edits::may_create_person;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::classes::shown;
use super::directory::require_school;
use super::rosters::by_key;
use crate::access::Role;
use crate::class::ClassFound;
use crate::context::{RequestContext, version};
use crate::input::{Body, email, name, phone, refused};
use crate::people::Item;
use crate::problem::Problem;
use crate::reference::Reference;
use crate::response::{Created, once};
use crate::{Objects, Table, etag};

/// The run id of manual records.
const BY_HAND: &str = "by-hand";

/// Returns the key of a new manual record. No source has ids of `m-` and a ULID.
pub(super) fn manual_key(id: &str) -> SourceId {
    SourceId::new(format!("m-{}", id.to_lowercase()))
}

/// Returns a new manual record.
pub(super) fn manual_record<K: Kind>(
    district: &DistrictId,
    id: &str,
    state: K::State,
) -> Mirrored<K> {
    let key = manual_key(id);
    Mirrored {
        id: key.clone(),
        account: K::KIND.is_person().then(|| AccountId::derive(district, K::KIND.name(), &key)),
        key,
        status: Status::Active,
        origin: Origin::Manual,
        state,
        first_seen: RunId::from(BY_HAND),
        changed_by: RunId::from(BY_HAND),
        archived_on: None,
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewClass {
    title: String,
    school: Reference,
    /// The primary teacher. A teacher who creates a class is its primary teacher.
    teacher: Option<Reference>,
    #[serde(default)]
    grades: Vec<String>,
    #[serde(default)]
    subjects: Vec<String>,
    #[serde(default)]
    periods: Vec<String>,
}

fn texts(list: &[String], field: &'static str) -> Result<Vec<String>, Problem> {
    if list.len() > 20 {
        return Err(Problem::unprocessable(format!("`{field}` must have at most 20 entries")));
    }
    list.iter().map(|text| Ok(name(text, field)?.reveal().to_owned())).collect()
}

/// `POST /classes`.
pub(super) async fn create_class<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(body): Body<NewClass>,
) -> Result<Response, Problem> {
    once(&context, (&Method::POST, "classes", &body), async |id| {
        let policy = context.district_policy().await?;
        let Reference(school) = &body.school;
        require_school(&context, school).await?;
        policy.may_create_class(context.granted.caller.role, school)?;
        let teacher = match (context.granted.caller.role, &body.teacher) {
            (Role::Teacher, None) => Some(context.own().await?.item.key().clone()),
            (Role::Teacher, Some(Reference(key)))
                if context.granted.caller.record.as_ref() == Some(key) =>
            {
                Some(key.clone())
            }
            (Role::Teacher, Some(_)) => {
                return Err(refused(Rule::C2, "a teacher can create only their own classes"));
            }
            (_, Some(Reference(key))) => {
                Some(by_key(&context, RecordKind::Teacher, school, key).await?.item.key().clone())
            }
            (_, None) => None,
        };
        let details = ClassDetails {
            title: name(&body.title, "title")?.reveal().to_owned(),
            code: None,
            class_type: None,
            location: None,
            school: school.clone(),
            course: None,
            terms: Vec::new(),
            grades: texts(&body.grades, "grades")?,
            subjects: texts(&body.subjects, "subjects")?,
            subject_codes: Vec::new(),
            periods: texts(&body.periods, "periods")?,
        };
        let state = ClassState {
            details,
            teachers: teacher.into_iter().collect(),
            students: Vec::new(),
            inactive: Vec::new(),
            ends: Vec::new(),
        };
        let item = manual_record(context.district(), &id, state);
        let key = item.key.clone();
        context.put_manual(AnyMirrored::Class(item), None).await?;
        let class = context.any_class(&key).await?.ok_or_else(Problem::internal)?;
        let at = format!("classes/{}", Reference::text(&key));
        Ok(Created::new(&json!({ "class": Reference(key) }))?.at(at).version(version(&class.found)))
    })
    .await
}

/// Reads the manual class that the path names, with the hash of its record. The request must name
/// its version.
async fn manual_class<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
) -> Result<(ClassFound, String), Problem> {
    let class = context.class_of_path().await?;
    if class.item.origin == Origin::Source {
        return Err(refused(
            Rule::M2,
            "change a synced class in the source; here you can only give it a custom name",
        ));
    }
    etag::check(&context.headers, Some(&version(&class.found)))?;
    let hash = class.found.body.as_deref().map(body_hash).ok_or_else(Problem::not_found)?;
    Ok((class, hash))
}

async fn put_class<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    item: Mirrored<roster::records::kinds::Classes>,
    hash: &str,
) -> Result<Response, Problem> {
    let key = item.key.clone();
    context
        .put_manual(
            AnyMirrored::Class(Mirrored { changed_by: RunId::from(BY_HAND), ..item }),
            Some(hash),
        )
        .await?;
    let class = context.any_class(&key).await?.ok_or_else(Problem::not_found)?;
    shown(context, &class).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangedClass {
    title: String,
    #[serde(default)]
    grades: Vec<String>,
    #[serde(default)]
    subjects: Vec<String>,
    #[serde(default)]
    periods: Vec<String>,
}

/// `PUT /classes/{class}`: changes a manual class, without its roster.
pub(super) async fn change_class<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(body): Body<ChangedClass>,
) -> Result<Response, Problem> {
    let (class, hash) = manual_class(&context).await?;
    let mut item = class.item;
    item.state.details = ClassDetails {
        title: name(&body.title, "title")?.reveal().to_owned(),
        grades: texts(&body.grades, "grades")?,
        subjects: texts(&body.subjects, "subjects")?,
        periods: texts(&body.periods, "periods")?,
        ..item.state.details
    };
    put_class(&context, item, &hash).await
}

/// `POST /classes/{class}/archive`: archives a manual class with its roster.
pub(super) async fn archive_class<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let (class, hash) = manual_class(&context).await?;
    let today = context.today(&context.district_policy().await?);
    let archived_on = class.item.archived_on.or(Some(today));
    put_class(&context, Mirrored { status: Status::Archived, archived_on, ..class.item }, &hash)
        .await
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPerson {
    given: String,
    family: String,
    email: Option<String>,
    phone: Option<String>,
    number: Option<String>,
    school: Reference,
}

/// `POST /people/{kind}`: adds a student or a teacher, only while the sync is off (R-S3, R-O5).
pub(super) async fn add_person<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(body): Body<NewPerson>,
) -> Result<Response, Problem> {
    let kind = context.path.people()?;
    let path = format!("people/{kind}");
    once(&context, (&Method::POST, &path, &body), async |id| {
        let policy = context.district_policy().await?;
        let Reference(school) = &body.school;
        require_school(&context, school).await?;
        may_create_person(policy.sync())?;
        let person = Person {
            given: Some(name(&body.given, "given")?),
            family: Some(name(&body.family, "family")?),
            email: body.email.as_deref().map(email).transpose()?,
            phone: body.phone.as_deref().map(|text| phone(text, "phone")).transpose()?,
            number: body.number.as_deref().map(|text| name(text, "number")).transpose()?,
            schools: vec![school.clone()],
            ..Person::default()
        };
        let district = context.district();
        let (classes, email_shared) = (Vec::new(), false);
        let item = match kind {
            RecordKind::Student => {
                let (demographics, guardians) = (Default::default(), Vec::new());
                let state = StudentState { person, demographics, guardians, classes, email_shared };
                Item::Student(manual_record(district, &id, state))
            }
            RecordKind::Teacher => {
                let state = TeacherState { person, classes, email_shared, administrator: false };
                Item::Teacher(manual_record(district, &id, state))
            }
            _ => {
                return Err(
                    Problem::unprocessable("add a guardian to a student instead").under(Rule::G4)
                );
            }
        };
        let key = item.key().clone();
        context.add_person(item).await?;
        let at = format!("people/{kind}/{}", Reference::text(&key));
        Ok(Created::new(&json!({ "person": Reference(key) }))?.at(at))
    })
    .await
}
