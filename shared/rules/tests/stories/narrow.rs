//! R-H5: only the scope whose guard tripped waits. Two schools of 40 students in four classes each;
//! the export of the south school is bad.

use insta::assert_snapshot;
use roster::outcome::Guard;
use roster::records::{RecordKind, Status, kinds};
use roster::withheld::{Extent, Withheld};
use rules::book::holds::{self, Waits};
use serde_json::json;

use crate::world::{World, parse, print, world};

/// Changes of a line of a school's text: its number, and the line.
type Damage = fn(&str, usize, String) -> Option<String>;

const NONE: Damage = |_, _, line| Some(line);

/// The rows of one school.
fn school(name: &str, damage: Damage) -> String {
    let mut lines = vec![format!("school {name}"), format!("term {name}-year to=2027-06-20")];
    for class in 0..4 {
        let students: Vec<String> =
            (0..10).map(|n| format!("{name}-s{}", class * 10 + n)).collect();
        lines.push(format!("teacher {name}-t{class} schools={name}"));
        lines.push(format!(
            "class {name}-c{class} school={name} terms={name}-year teachers={name}-t{class}* \
             students={}",
            students.join(",")
        ));
    }
    for student in 0..40 {
        lines.push(format!("student {name}-s{student} schools={name} name=Ann/B{student}"));
    }
    let damaged = lines.into_iter().enumerate().filter_map(|(n, line)| damage(name, n, line));
    damaged.collect::<Vec<_>>().join("\n")
}

fn both(damage: Damage) -> String {
    format!("{}\n{}", school("north", NONE), school("south", damage))
}

fn district() -> World {
    world("clever", json!({ "manual_students_in_synced_classes": "keep" })).after(&both(NONE))
}

fn holds(w: &World, text: &str) -> String {
    let planned = w.plan_narrowly(&parse::snapshot(text));
    assert!(planned.outcome.holds.is_empty(), "{:?}", planned.outcome.holds);
    planned.outcome.waits.iter().map(|hold| hold.what.clone()).collect::<Vec<_>>().join("\n")
}

/// Applies what may be applied at once, and returns it as text.
fn night(w: &mut World, text: &str) -> String {
    let planned = w.plan_narrowly(&parse::snapshot(text));
    w.apply(&planned);
    let text = print::plan(&planned);
    text.lines().filter(|line| !line.starts_with('!')).collect::<Vec<_>>().join("\n")
}

fn active_students(w: &World, school: &str) -> usize {
    let students = w.mirror.of::<kinds::Students>();
    let is_there = |key: &str| key.starts_with(school);
    students
        .iter()
        .filter(|item| item.status == Status::Active && is_there(item.key.as_str()))
        .count()
}

/// Without the first ten students of the south school, who keep no enrollment.
const TEN_GONE: Damage = |_, n, line| match n {
    10..=19 => None,
    3 => Some(line.split(" students=").next().unwrap().to_owned()),
    _ => Some(line),
};

#[test]
fn r_h5_one_bad_school_waits_and_everything_else_is_applied() {
    let mut w = district();
    let tonight = both(TEN_GONE).replace("student north-s1 ", "student north-new ")
        + "\nstudent south-new schools=south";
    assert_snapshot!(holds(&w, &tonight), @r"
    11 of 80 students of the district would be removed; the limit is 10 %
    11 of 80 enrollments of students of the district would be removed; the limit is 10 %
    10 of 40 students of the school would be removed; the limit is 10 %
    10 of 40 enrollments of students of the school would be removed; the limit is 10 %
    ");
    assert_snapshot!(night(&mut w, &tonight), @r"
    + student south-new schools=south [R-S2 the source shares this student]
    + student north-new schools=north [R-S2 the source shares this student]
    - student north-s1 status=archived classes=- [R-A1 no longer in the source; R-A2 classes -1]
    ~ class north-c0 students=north-s0,north-s2,north-s3,north-s4,north-s5,north-s6,north-s7,north-s8,north-s9 [R-M1 students -1]
    ");
    assert_eq!(active_students(&w, "south"), 41, "nobody has left, and one is new");
    assert_eq!(active_students(&w, "north"), 40);
    let rest = w.plan(&parse::snapshot(&tonight));
    assert!(rest.changes.iter().all(|change| !change.key.as_str().starts_with("north")));
    w.apply(&rest);
    assert_eq!(active_students(&w, "south"), 31);
}

#[test]
fn r_h5_last_years_terms_of_one_school_leave_its_classes_active() {
    let mut w = district();
    let tonight = both(|_, n, line| Some(if n == 1 { line.replace("2027", "2026") } else { line }))
        .replace("north-s7 schools=north name=Ann/B7", "north-s7 schools=north name=Eve/B7");
    let planned = w.plan_narrowly(&parse::snapshot(&tonight));
    // Guard 3 of the district trips, too: half of all classes would become inactive.
    assert!(planned.outcome.waits.is_empty());
    assert!(planned.outcome.holds.iter().any(|hold| hold.guard == Guard::Emptied));
    // In a larger district it does not.
    let more: String = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]
        .iter()
        .map(|name| format!("\n{}", school(name, NONE)))
        .collect();
    w.run(&parse::snapshot(&(both(NONE) + &more)));
    let tonight = tonight + &more;
    assert_snapshot!(night(&mut w, &tonight), @"~ student north-s7 [R-M1 given name]");
    let south: Vec<_> = w
        .mirror
        .of::<kinds::Classes>()
        .into_iter()
        .filter(|class| class.key.as_str().starts_with("south"))
        .collect();
    assert_eq!(south.len(), 4);
    assert!(south.iter().all(|class| class.state.inactive.is_empty()));
}

#[test]
fn r_h5_a_guard_of_the_district_that_one_school_explains_does_not_hold_the_others() {
    // One of four schools: a quarter of the district's classes would become inactive.
    let others = format!("\n{}\n{}", school("east", NONE), school("west", NONE));
    let mut w = world("clever", json!({})).after(&(both(NONE) + &others));
    let last_year: Damage =
        |_, n, line| Some(if n == 1 { line.replace("2027", "2026") } else { line });
    let renamed =
        others.replace("east-s7 schools=east name=Ann/B7", "east-s7 schools=east name=Eve/B7");
    let tonight = both(last_year) + &renamed;
    let complete = w.plan(&parse::snapshot(&tonight)).outcome.holds;
    assert!(complete.iter().any(|hold| hold.guard == Guard::Emptied && hold.school.is_none()));
    assert_snapshot!(night(&mut w, &tonight), @"~ student east-s7 [R-M1 given name]");
    // Two of the four: half of the district. The whole run waits.
    let tonight =
        both(last_year) + &renamed.replace("term east-year to=2027", "term east-year to=2026");
    let planned = w.plan_narrowly(&parse::snapshot(&tonight));
    assert!(planned.outcome.waits.is_empty() && !planned.outcome.holds.is_empty());
}

#[test]
fn r_h5_a_class_that_loses_most_students_keeps_them_and_nothing_else_waits() {
    let mut w = district();
    let tonight = both(|_, n, line| {
        Some(if n == 3 {
            line.replace(
                "students=south-s0,south-s1,south-s2,south-s3,south-s4,south-s5,",
                "students=",
            )
        } else {
            line
        })
    })
    .replace("class north-c1 school=north", "class north-c1 school=north title=Art");
    w.policy.hold_if_removed_percent = 50.0;
    assert_snapshot!(holds(&w, &tonight), @"class south-c0 would lose 6 of its 10 students but stays");
    assert_snapshot!(night(&mut w, &tonight), @"~ class north-c1 title=Art [R-M1 title]");
}

#[test]
fn r_h5_a_bad_district_waits_as_a_whole() {
    let w = district();
    let one_school_missing = school("north", NONE);
    let planned = w.plan_narrowly(&parse::snapshot(&one_school_missing));
    assert!(planned.outcome.waits.is_empty() && !planned.outcome.holds.is_empty());
    assert_eq!(planned, w.plan(&parse::snapshot(&one_school_missing)));
}

#[test]
fn r_h5_with_hold_scope_district_the_whole_run_waits() {
    let mut w = district();
    w.policy.hold_scope = roster::policy::HoldScope::District;
    let planned = w.plan_narrowly(&parse::snapshot(&both(TEN_GONE)));
    assert!(planned.outcome.waits.is_empty() && !planned.outcome.holds.is_empty());
}

#[test]
fn r_h5_the_removals_of_the_whole_district_wait_if_no_school_tripped() {
    // 5 students of 40 in each school are more than 10 percent of the district, and of no school.
    let holds = |guard, school: Option<&str>, count, of| roster::outcome::Hold {
        guard,
        kind: "student".to_owned(),
        school: school.map(Into::into),
        class: None,
        what: String::new(),
        count,
        of,
    };
    let policy = district().policy;
    let none = Withheld::default();
    let district = holds(Guard::Removed, None, 11, 100);
    assert_eq!(
        holds::waits(&policy, std::slice::from_ref(&district), &none),
        Waits::Scopes(Withheld::all_removals())
    );
    let mostly = holds(Guard::Removed, None, 51, 100);
    assert_eq!(holds::waits(&policy, &[mostly], &none), Waits::Everything);
    // First without the school that tripped: that may be all.
    let school = holds(Guard::Changed, Some("south"), 31, 40);
    let mut south = Withheld::default();
    south.add_school(&"south".into(), Extent::RemovalsAndChanges);
    assert_eq!(
        holds::waits(&policy, &[district.clone(), school], &none),
        Waits::Scopes(south.clone())
    );
    let mut more = south.clone();
    more.add_district(Extent::Removals);
    assert_eq!(holds::waits(&policy, &[district], &south), Waits::Scopes(more));
    assert_eq!(holds::waits(&policy, &[], &none), Waits::Nothing);
}

#[test]
fn r_h2_additions_only_of_a_district_with_new_ids_doubles_nobody() {
    let mut w = world("clever", json!({}));
    let text = |prefix: &str| -> String {
        (0..40).fold(String::new(), |text, n| {
            format!("{text}student {prefix}{n} email=s{n}@x number={n} name=Ann/B{n}\n")
        })
    };
    w.run(&parse::snapshot(&text("old-")));
    let tonight = text("new-") + "student late email=late@x number=99";
    let planned = w.plan(&parse::snapshot(&tonight));
    assert!(planned.outcome.holds.iter().any(|hold| hold.guard == Guard::Changed));
    w.withheld = Withheld::all_removals();
    w.run(&parse::snapshot(&tonight));
    let students = w.mirror.of::<kinds::Students>();
    let active = students.iter().filter(|item| item.status == Status::Active);
    assert_eq!(active.clone().count(), 41, "40 accounts with new ids, and one new student");
    assert!(
        active
            .clone()
            .all(|item| item.id.as_str() == "late" || item.id.as_str().starts_with("new-"))
    );
    assert!(active.into_iter().all(|item| !item.state.email_shared));
    assert!(w.plan(&parse::snapshot(&tonight)).changes.is_empty());
}

#[test]
fn r_h5_the_changes_of_a_district_wait_without_new_accounts() {
    let mut w = world("clever", json!({}));
    let text = |prefix: &str| -> String {
        (0..40).fold(String::new(), |text, n| {
            format!("{text}student {prefix}{n} email=s{n}@x number={n} name=Ann/B{n}\n")
        })
    };
    w.run(&parse::snapshot(&text("old-")));
    let before = w.mirror.clone();
    let tonight = text("new-") + "student late email=late@x number=99";
    let planned = w.plan_narrowly(&parse::snapshot(&tonight));
    assert_eq!(planned.changes.len(), 1, "only the new student: {}", print::plan(&planned));
    w.apply(&planned);
    for item in before.of::<kinds::Students>() {
        let now = &w.mirror.records[&(RecordKind::Student, item.key.clone())];
        assert_eq!(now, &roster::records::AnyMirrored::Student(item));
    }
}
