//! R-H1: the guards, each with the smallest plan that trips it, the largest one that does not, and
//! the innocent night that must not.

use insta::assert_snapshot;
use serde_json::json;

use crate::world::{World, parse, print, world};

/// A school with `classes` classes of ten students and a teacher each. Every class is in term `t`,
/// which ends on 2027-01-15 unless `term` says otherwise.
struct School {
    classes: usize,
    term: &'static str,
    /// Text of an enrollment's dates, `@begin..end`.
    dates: &'static str,
    /// Classes without a teacher.
    without_teacher: usize,
    /// The first number in the ids of classes.
    first: usize,
}

const SCHOOL: School = School {
    classes: 20,
    term: "from=2026-08-15 to=2027-01-15",
    dates: "",
    without_teacher: 0,
    first: 0,
};

impl School {
    fn text(&self) -> String {
        let mut text = format!("term t {}\n", self.term);
        for class in 0..self.classes {
            let (id, dates) = (class + self.first, self.dates);
            let students: Vec<String> = (0..10).map(|n| format!("s{class:02}{n}{dates}")).collect();
            let teacher = if class < self.without_teacher {
                String::new()
            } else {
                format!("teachers=t{class}*{dates}")
            };
            text.push_str(&format!(
                "teacher t{class}\nclass c{id} terms=t {teacher} students={}\n",
                students.join(",")
            ));
            for n in 0..10 {
                text.push_str(&format!("student s{class:02}{n}\n"));
            }
        }
        text
    }
}

fn held(w: &World, text: &str) -> String {
    print::holds(&w.plan(&parse::snapshot(text)))
}

/// The school with other lines instead of its first students' ones.
fn instead_of_students(count: usize, line: impl Fn(&str) -> String) -> String {
    (0..count).fold(SCHOOL.text(), |text, n| {
        let id = format!("s{:02}{}", n / 10, n % 10);
        text.replace(&format!("student {id}\n"), &format!("{}\n", line(&id)))
    })
}

fn after(school: &School) -> World {
    world("clever", json!({})).after(&school.text())
}

#[test]
fn r_h1_a_class_that_loses_its_teacher_is_an_effect() {
    let w = after(&SCHOOL);
    assert_snapshot!(held(&w, &School { without_teacher: 2, ..SCHOOL }.text()), @"may go");
    assert_snapshot!(held(&w, &School { without_teacher: 3, ..SCHOOL }.text()), @r"
    class: 3 of 20 classes of the district would lose their teachers; the limit is 10 %
    class: 3 of 20 active classes of the district would become inactive; the limit is 10 %
    student: 30 of 200 students of the district would lose their last active class; the limit is 10 %
    teacher_enrollment: 3 of 20 enrollments of teachers of the district would be removed; the limit is 10 %
    class sch: 3 of 20 classes of the school would lose their teachers; the limit is 10 %
    class sch: 3 of 20 active classes of the school would become inactive; the limit is 10 %
    student sch: 30 of 200 students of the school would lose their last active class; the limit is 10 %
    teacher_enrollment sch: 3 of 20 enrollments of teachers of the school would be removed; the limit is 10 %
    ");
}

#[test]
fn r_h1_an_export_without_teacher_enrollments_is_held() {
    // Teacher enrollments are 5 % of all enrollments, and every class loses its teacher.
    let all = School { without_teacher: 20, ..SCHOOL };
    assert_snapshot!(held(&after(&SCHOOL), &all.text()), @r"
    teacher_enrollment: the source has no enrollments of teachers; the mirror has 20
    class: 20 of 20 classes of the district would lose their teachers; the limit is 10 %
    class: 20 of 20 active classes of the district would become inactive; the limit is 10 %
    student: 200 of 200 students of the district would lose their last active class; the limit is 10 %
    teacher_enrollment: 20 of 20 enrollments of teachers of the district would be removed; the limit is 10 %
    class sch: 20 of 20 classes of the school would lose their teachers; the limit is 10 %
    class sch: 20 of 20 active classes of the school would become inactive; the limit is 10 %
    student sch: 200 of 200 students of the school would lose their last active class; the limit is 10 %
    teacher_enrollment sch: 20 of 20 enrollments of teachers of the school would be removed; the limit is 10 %
    ");
}

#[test]
fn r_h1_last_years_term_dates_are_held() {
    let last_year = School { term: "from=2025-08-15 to=2026-01-15", ..SCHOOL };
    assert_snapshot!(held(&after(&SCHOOL), &last_year.text()), @r"
    class: 20 of 20 active classes of the district would become inactive; the limit is 10 %
    student: 200 of 200 students of the district would lose their last active class; the limit is 10 %
    class sch: 20 of 20 active classes of the school would become inactive; the limit is 10 %
    student sch: 200 of 200 students of the school would lose their last active class; the limit is 10 %
    ");
}

#[test]
fn r_h1_a_term_that_ends_on_its_known_date_is_not_held() {
    let w = after(&SCHOOL).on("2027-01-15");
    assert_snapshot!(held(&w, &SCHOOL.text()), @"may go");
    // The district drops the classes of the term that is over, and sends those of the next one.
    let spring = School { term: "from=2027-01-15 to=2027-06-15", first: 100, ..SCHOOL }.text();
    assert_snapshot!(held(&w, &spring.replace("term t ", "term u ").replace("terms=t", "terms=u")), @"may go");
}

#[test]
fn r_h1_a_summer_without_classes_is_not_held() {
    let w = after(&SCHOOL).on("2027-06-20");
    let text: String = SCHOOL
        .text()
        .lines()
        .filter(|line| !line.starts_with("class"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_snapshot!(held(&w, &text), @"may go");
    let planned = w.plan(&parse::snapshot(&text));
    let class = planned.outcome.counts["class"];
    assert_eq!((class.removed, class.ended, class.unchanged), (0, 20, 0));
}

#[test]
fn r_h1_an_end_date_that_the_file_changed_is_a_removal() {
    let dated = School { dates: "@2026-08-15..2027-01-15", ..SCHOOL };
    let w = after(&dated);
    // A wrong year in every row; the terms are right.
    let wrong = School { dates: "@2025-08-15..2026-01-15", ..SCHOOL };
    assert_snapshot!(held(&w, &wrong.text()), @r"
    class: 20 of 20 classes of the district would lose their teachers; the limit is 10 %
    class: 20 of 20 active classes of the district would become inactive; the limit is 10 %
    student: 200 of 200 students of the district would lose their last active class; the limit is 10 %
    student_enrollment: 200 of 200 enrollments of students of the district would be removed; the limit is 10 %
    teacher_enrollment: 20 of 20 enrollments of teachers of the district would be removed; the limit is 10 %
    class sch: 20 of 20 classes of the school would lose their teachers; the limit is 10 %
    class sch: 20 of 20 active classes of the school would become inactive; the limit is 10 %
    student sch: 200 of 200 students of the school would lose their last active class; the limit is 10 %
    student_enrollment sch: 200 of 200 enrollments of students of the school would be removed; the limit is 10 %
    teacher_enrollment sch: 20 of 20 enrollments of teachers of the school would be removed; the limit is 10 %
    ");
    // Even if the wrong date is today.
    let today = School { dates: "@2025-08-15..2026-10-01", ..SCHOOL };
    assert_snapshot!(held(&w, &today.text()), @r"
    class: 20 of 20 classes of the district would lose their teachers; the limit is 10 %
    class: 20 of 20 active classes of the district would become inactive; the limit is 10 %
    student: 200 of 200 students of the district would lose their last active class; the limit is 10 %
    student_enrollment: 200 of 200 enrollments of students of the district would be removed; the limit is 10 %
    teacher_enrollment: 20 of 20 enrollments of teachers of the district would be removed; the limit is 10 %
    class sch: 20 of 20 classes of the school would lose their teachers; the limit is 10 %
    class sch: 20 of 20 active classes of the school would become inactive; the limit is 10 %
    student sch: 200 of 200 students of the school would lose their last active class; the limit is 10 %
    student_enrollment sch: 200 of 200 enrollments of students of the school would be removed; the limit is 10 %
    teacher_enrollment sch: 20 of 20 enrollments of teachers of the school would be removed; the limit is 10 %
    ");
    // The date that the last run knew.
    let w = w.on("2027-01-15");
    assert_snapshot!(held(&w, &dated.text()), @"may go");
}

#[test]
fn r_h1_enrollments_that_end_by_a_known_date_are_counted_as_ended() {
    let mut text = School { dates: "@..2026-12-01", ..SCHOOL }.text();
    text = text.replace("2027-01-15", "2027-06-15");
    let w = world("clever", json!({})).after(&text).on("2026-12-01");
    let planned = w.plan(&parse::snapshot(&text));
    assert_eq!(print::holds(&planned), "may go");
    let students = planned.outcome.counts["student_enrollment"];
    assert_eq!((students.in_mirror, students.ended, students.removed), (200, 200, 0));
}

#[test]
fn r_h1_a_missing_school_is_the_first_reason() {
    let two = |south: bool| {
        let mut text = SCHOOL.text().replace("terms=t", "terms=t school=n");
        text.push_str("school n\n");
        if south {
            text.push_str("school s\nclass cs school=s terms=t teachers=ts* students=ss\n");
            text.push_str("teacher ts schools=s\nstudent ss schools=s\n");
        }
        text
    };
    let w = world("clever", json!({})).after(&two(true));
    let text = held(&w, &two(false));
    assert_snapshot!(text.lines().next().unwrap(), @"school: 1 of 3 schools is missing from the source: s");
}

#[test]
fn r_h1_unreadable_records_hold_above_their_percentage() {
    let w = after(&SCHOOL);
    let unreadable = |count| instead_of_students(count, |id| format!("unreadable student {id}"));
    assert_snapshot!(held(&w, &unreadable(20)), @"may go");
    assert_snapshot!(held(&w, &unreadable(21)), @r"
    student: 21 of 200 students in the source cannot be read and would stay as they are; the limit is 10 %
    student sch: 21 of 200 students in the source cannot be read and would stay as they are; the limit is 10 %
    ");
}

#[test]
fn r_h1_a_file_of_which_no_class_can_be_read_is_held() {
    let text = SCHOOL.text().replace("\nclass ", "\nunreadable class ");
    assert_snapshot!(held(&after(&SCHOOL), &text), @r"
    class: 20 of 20 classes in the source cannot be read and would stay as they are; the limit is 10 %
    class sch: 20 of 20 classes in the source cannot be read and would stay as they are; the limit is 10 %
    ");
}

#[test]
fn r_h1_people_who_are_missing_but_still_referred_to_are_held() {
    let w = after(&SCHOOL);
    let missing =
        |count| instead_of_students(count, |id| format!("unreadable student {id} referenced"));
    assert_snapshot!(held(&w, &missing(20)), @"may go");
    assert_snapshot!(held(&w, &missing(21)), @"student: 21 of 200 students are missing from the source, which still has 21 enrollments of them; the limit is 10 %");
    // They stay, with their enrollments.
    assert_eq!(w.plan(&parse::snapshot(&missing(21))).outcome.changes, 0);
}

#[test]
fn r_h1_another_districts_records_are_held() {
    let w = after(&SCHOOL);
    let with = |count: usize| {
        let strangers: String = (0..count).map(|n| format!("student x{n}\n")).collect();
        SCHOOL.text() + &strangers
    };
    assert_snapshot!(held(&w, &with(100)), @"may go");
    assert_snapshot!(held(&w, &with(101)), @r"
    student: 101 students would be added to 200 of the district; the limit is 50 %
    student sch: 101 students would be added to 200 of the school; the limit is 50 %
    ");
}

#[test]
fn r_h1_removals_of_a_week_add_up() {
    let mut w = after(&SCHOOL);
    let without = |count: usize| {
        let mut text = SCHOOL.text();
        for n in 0..count {
            let student = format!("s{:02}{}", n % 20, n / 20);
            text = text.replace(&format!("student {student}\n"), "");
            text = text.replace(&format!("{student},"), "").replace(&format!(",{student}\n"), "\n");
        }
        text
    };
    w.recent.district.insert("student".into(), 30);
    assert_snapshot!(held(&w, &without(16)), @"may go");
    assert_snapshot!(held(&w, &without(17)), @"student: 47 of 230 students of the district would be removed within 7 days, 17 of them by this run; the limit is 20 %");
    w.recent = Default::default();
    assert_snapshot!(held(&w, &without(17)), @"may go");
}

#[test]
fn r_h1_a_class_that_loses_more_than_half_of_its_students_is_held_by_itself() {
    let w = after(&SCHOOL);
    let losing = |count: usize| {
        let lost: String = (0..count).map(|n| format!("s00{n},")).collect();
        SCHOOL.text().replace(&lost, "")
    };
    assert_snapshot!(held(&w, &losing(5)), @"may go");
    assert_snapshot!(held(&w, &losing(6)), @"student_enrollment sch: class c0 would lose 6 of its 10 students but stays");
}

#[test]
fn r_h1_a_new_school_year_with_the_same_class_ids_is_not_held() {
    // The SIS uses ids again: other terms, other students, and everybody is a grade higher.
    let graded = |text: &str, grade: &str| {
        text.lines()
            .map(|line| match line.starts_with("student") {
                true => format!("{line} grade={grade}\n"),
                false => format!("{line}\n"),
            })
            .collect::<String>()
    };
    let w = world("clever", json!({})).after(&graded(&SCHOOL.text(), "03")).on("2027-08-20");
    let new = School { term: "from=2027-08-15 to=2028-01-15", ..SCHOOL }.text();
    // Half of the students change places.
    let new = new.replace("students=s00", "students=s19").replace("term t ", "term u ");
    let new = new.replace("terms=t", "terms=u");
    assert_snapshot!(held(&w, &graded(&new, "04")), @"may go");
}

#[test]
fn r_h1_guardians_without_their_children_are_held() {
    let family = |children: bool| {
        (0..30)
            .map(|n| {
                let of = if children { format!("children=s{n:03}") } else { String::new() };
                format!("student s{n:03}\nguardian g{n} email=g{n}@x {of}\n")
            })
            .collect::<String>()
    };
    let w = world("family-directory", json!({})).after(&family(true));
    assert_snapshot!(held(&w, &family(false)), @r"
    guardian: 30 of 30 guardians of the district would be changed; the limit is 75 %
    relationship: 30 of 30 links between guardians and students of the district would be removed; the limit is 10 %
    guardian sch: 30 of 30 guardians of the school would be changed; the limit is 75 %
    relationship sch: 30 of 30 links between guardians and students of the school would be removed; the limit is 10 %
    ");
    // Every child is given to the next family.
    let mut swapped = family(true);
    for n in 0..30 {
        swapped = swapped.replace(
            &format!("g{n}@x children=s{n:03}\n"),
            &format!("g{n}@x children=s{:03}\n", (n + 1) % 30),
        );
    }
    assert_snapshot!(held(&w, &swapped), @r"
    guardian: 30 of 30 guardians of the district would be changed; the limit is 75 %
    relationship: 30 of 30 links between guardians and students of the district would be removed; the limit is 10 %
    guardian sch: 30 of 30 guardians of the school would be changed; the limit is 75 %
    relationship sch: 30 of 30 links between guardians and students of the school would be removed; the limit is 10 %
    ");
}

#[test]
fn r_p1_a_pin_ends_by_the_date_of_the_run_not_of_the_upload() {
    use roster::edit::Edit;
    use roster::records::RecordKind;
    let pin = Edit::Pin { until: "2026-12-01".parse().unwrap(), reason: "lost".into() };
    let mut w = world("clever", json!({}))
        .after("student s1\nstudent s2")
        .with_edit(RecordKind::Student, "s1", pin)
        .on("2062-09-01");
    w.made_on = Some("2026-10-02".parse().unwrap());
    assert_snapshot!(w.night("student s2"), @r"
    ! student_no_email student s2
    ! pin_at_work student s1
    ");
    w.made_on = Some("2026-12-01".parse().unwrap());
    assert_snapshot!(w.night("student s2"), @r"
    - student s1 status=archived [R-A1 no longer in the source]
    - edit student s1 PIN [R-P1 the pin has expired]
    ! student_no_email student s2
    ! edit_erased student s1
    ");
}
