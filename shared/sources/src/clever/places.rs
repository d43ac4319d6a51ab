//! Schools, terms and courses.

use roster::finding::{pull as codes, source};
use roster::settings::DateOrder;

use super::feed::{Claimed, Feed, claim, note};
use super::objects::{Course as CourseObject, School, Term, Text};
use super::pull::Resource;
use crate::intake::collected::{Course, Org, OrgKind, Session};
use crate::intake::diagnostics::{Diagnostics, id_of, place, quoted};
use crate::intake::ids::{NONE, RecordStatus};
use crate::intake::record_texts::{CourseTexts, OrgTexts, SessionTexts};
use crate::intake::values::{self, DateCell, Day, NO_DAY, to_day};

pub(super) fn take_school(feed: &mut Feed<'_>, object: &str, diagnostics: &mut Diagnostics<'_>) {
    let list = Resource::Schools;
    let Some(school) =
        feed.read(list, object, |school: &School<'_>| (&school.id, &school.district), diagnostics)
    else {
        return;
    };
    let Claimed::First(slot) = claim(&mut feed.roster.orgs, list, &school.id, &school, diagnostics)
    else {
        return;
    };
    let Some(name) = school.name.get() else {
        note(diagnostics, &source::VALUE_MISSING, list, school.id.get(), Some("name"), || {
            "a school has no name".into()
        });
        feed.roster.orgs.set(slot, RecordStatus::Dropped);
        return;
    };
    let texts = OrgTexts {
        name: values::trim(name),
        // The number that people know the school by. In New York both hold the DBN.
        identifier: school.school_number.get().or(school.sis_id.get()).map_or("", values::trim),
    };
    let texts = texts.write(&mut feed.roster.texts);
    *feed.roster.orgs.record_mut(slot) = Org {
        texts,
        kind: OrgKind::School,
        parent: feed.district_org,
        has_classes: false,
        wanted: false,
    };
}

/// Reports missing schools and determines the configured scope (R-O3), once all schools are read.
pub(super) fn finish_schools(feed: &mut Feed<'_>, diagnostics: &mut Diagnostics<'_>) {
    let orgs = &feed.roster.orgs;
    let is_school = |slot: u32| slot != feed.district_org && orgs.resolves(slot);
    if !(0..orgs.len() as u32).any(is_school) {
        diagnostics
            .note(&codes::NOTHING_SHARED, |f| f.at(place(Resource::Schools.name(), 0, None)));
    }
    let Some(schools) = &feed.options.settings.shared_schools else { return };
    let mut scope = Vec::new();
    for id in schools {
        match orgs.ids.find(id).filter(|slot| is_school(*slot)) {
            Some(slot) => scope.push(slot),
            None => diagnostics.note(&source::SHARED_SCHOOL_UNKNOWN, |f| {
                let found = format!(
                    "the setting shared_schools names the school {}, which the source does not \
                     have",
                    quoted(id)
                );
                f.with(found)
                    .at(place(Resource::Schools.name(), 0, None))
                    .about("school", &id_of(id))
            }),
        }
    }
    feed.roster.scope = Some(scope);
}

pub(super) fn take_term(feed: &mut Feed<'_>, object: &str, diagnostics: &mut Diagnostics<'_>) {
    let list = Resource::Terms;
    let Some(term) =
        feed.read(list, object, |term: &Term<'_>| (&term.id, &term.district), diagnostics)
    else {
        return;
    };
    let Claimed::First(slot) = claim(&mut feed.roster.sessions, list, &term.id, &term, diagnostics)
    else {
        return;
    };
    let start = day(list, &term.id, "start_date", &term.start_date, diagnostics);
    let last = day(list, &term.id, "end_date", &term.end_date, diagnostics);
    let texts = SessionTexts { title: term.name.trimmed(), ..SessionTexts::default() };
    let texts = texts.write(&mut feed.roster.texts);
    // Clever names the last day, we the one after it: a class must not be over on its last day.
    let end = if last == NO_DAY { NO_DAY } else { last + 1 };
    *feed.roster.sessions.record_mut(slot) =
        Session { texts, kind: "term", start, end, parent: NONE };
}

pub(super) fn take_course(feed: &mut Feed<'_>, object: &str, diagnostics: &mut Diagnostics<'_>) {
    let list = Resource::Courses;
    let Some(course) = feed.read(
        list,
        object,
        |course: &CourseObject<'_>| (&course.id, &course.district),
        diagnostics,
    ) else {
        return;
    };
    let Claimed::First(slot) =
        claim(&mut feed.roster.courses, list, &course.id, &course, diagnostics)
    else {
        return;
    };
    let texts = CourseTexts {
        // Clever guarantees neither a name nor a number.
        title: course.name.get().or(course.number.get()).map_or("", values::trim),
        code: course.number.trimmed(),
        ..CourseTexts::default()
    };
    let texts = texts.write(&mut feed.roster.texts);
    *feed.roster.courses.record_mut(slot) =
        Course { texts, org: feed.district_org, school_year: NONE, has_classes: false };
}

/// Parses a date: `2026-08-31`, the same followed by a time, or `8/31/2026`. The finding does not
/// quote the value, which may be a birth date.
pub(super) fn day(
    list: Resource,
    id: &Text<'_>,
    field: &'static str,
    date: &Text<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Day {
    let text = date.trimmed();
    if text.is_empty() {
        return NO_DAY;
    }
    let civil = text.split_once('T').map_or(text, |(civil, _)| civil);
    match values::date(civil, Some(DateOrder::Mdy)) {
        DateCell::Iso(date) | DateCell::Ordered(date) => to_day(date),
        DateCell::NeedsOrder | DateCell::Bad => {
            note(diagnostics, &source::DATE_FORMAT, list, id.get(), Some(field), || {
                format!("{field} is not a date and was treated as blank")
            });
            NO_DAY
        }
    }
}
