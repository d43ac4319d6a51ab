//! R-H1 over a school year: ordinary changes that the guards must not hold, each with the damaged
//! file that looks like it and that they must.

use insta::assert_snapshot;
use serde_json::json;

use crate::world::{World, parse, print, world};

/// A high school with four grades of ten students, each with one class and a guardian. The classes
/// of the year end on 2027-06-11. `grades`: those that the source has.
fn school(grades: &[usize]) -> String {
    let mut text = String::from("term y27 from=2026-08-17 to=2027-06-11\nteacher t1\n");
    for grade in grades {
        let ids: Vec<String> = (0..10).map(|n| format!("s{grade:02}{n}")).collect();
        for id in &ids {
            text.push_str(&format!("student {id} grade={grade:02} guardians=g{id}\n"));
            text.push_str(&format!("guardian g{id} email=g{id}@x children={id}\n"));
        }
        text.push_str(&format!(
            "class c{grade} terms=y27 teachers=t1* students={}\n",
            ids.join(",")
        ));
    }
    text
}

fn held(w: &World, text: &str) -> String {
    print::holds(&w.plan(&parse::snapshot(text)))
}

fn after(grades: &[usize]) -> World {
    let guardians = json!({ "admit_guardians": "unique_contact" });
    world("clever", guardians).after(&school(grades))
}

#[test]
fn r_h1_graduates_who_leave_after_their_classes_are_over_are_expected() {
    let w = after(&[9, 10, 11, 12]).on("2027-06-11");
    assert_snapshot!(held(&w, &school(&[9, 10, 11])), @"may go");
    let counts = w.plan(&parse::snapshot(&school(&[9, 10, 11]))).outcome.counts;
    let of = |kind: &str| (counts[kind].removed, counts[kind].ended);
    assert_eq!((of("student"), of("guardian"), of("relationship")), ((0, 10), (0, 10), (0, 10)));
}

#[test]
fn r_h1_the_highest_grade_is_not_expected_to_leave_before_its_classes_are_over() {
    let w = after(&[9, 10, 11, 12]).on("2027-06-10");
    let text = held(&w, &school(&[9, 10, 11]));
    assert!(
        text.contains("student sch: 10 of 40 students of the school would be removed"),
        "{text}"
    );
}

#[test]
fn r_h1_classes_without_a_teacher_are_not_over_so_their_highest_grade_is_not_expected_to_leave() {
    let inactive = |grades: &[usize]| school(grades).replace(" teachers=t1*", "");
    let guardians = json!({ "admit_guardians": "unique_contact" });
    let w = world("clever", guardians).after(&inactive(&[9, 10, 11, 12]));
    let text = held(&w, &inactive(&[9, 10, 11]));
    assert!(
        text.contains("student sch: 10 of 40 students of the school would be removed"),
        "{text}"
    );
}

#[test]
fn r_h1_another_grade_is_not_expected_to_leave_in_summer() {
    let w = after(&[9, 10, 11, 12]).on("2027-06-20");
    let text = held(&w, &school(&[9, 10, 12]));
    assert!(
        text.contains("student sch: 10 of 40 students of the school would be removed"),
        "{text}"
    );
    // With the graduates, the others are compared with those who should stay.
    let text = held(&w, &school(&[9, 10]));
    assert!(
        text.contains("student sch: 10 of 30 students of the school would be removed"),
        "{text}"
    );
}

#[test]
fn r_h1_a_school_of_a_single_grade_does_not_graduate_as_a_whole() {
    let w = after(&[9]).on("2027-06-20");
    let text = held(&w, "teacher t1");
    assert!(text.contains("the source has no students; the mirror has 10"), "{text}");
}

/// The school without the grades of its students.
fn without_grades(grades: &[usize]) -> String {
    let words = |line: &str| {
        let kept: Vec<&str> = line.split(' ').filter(|word| !word.starts_with("grade=")).collect();
        kept.join(" ") + "\n"
    };
    school(grades).lines().map(words).collect()
}

#[test]
fn r_h1_the_grades_of_classes_count_if_those_of_students_are_not_known() {
    // "family-directory" stores no demographics, and with them no grades.
    let classes = |grades: &[usize]| {
        grades.iter().fold(without_grades(grades), |text, grade| {
            let (class, graded) =
                (format!("class c{grade} "), format!("class c{grade} grade={grade:02} "));
            text.replace(&class, &graded)
        })
    };
    let w = world("clever", json!({})).after(&classes(&[9, 10, 11, 12])).on("2027-06-20");
    assert_snapshot!(held(&w, &classes(&[9, 10, 11])), @"may go");
    let text = held(&w, &classes(&[9, 10, 12]));
    assert!(text.contains("student sch: 10 of 40 students"), "{text}");
}

#[test]
fn r_h1_graduates_without_a_known_grade_are_not_expected_to_leave() {
    let before = without_grades(&[9, 10, 11, 12]);
    let w = world("clever", json!({})).after(&before).on("2027-06-20");
    let text = held(&w, &without_grades(&[9, 10, 11]));
    assert!(text.contains("student sch: 10 of 40 students"), "{text}");
}

/// Twenty classes of two teachers: `of` returns the teacher of a class.
fn taught(of: impl Fn(usize) -> String) -> String {
    let classes =
        (0..20).map(|class| format!("class c{class} teachers={}* students=s1\n", of(class)));
    let teachers = (0..10).map(|teacher| format!("teacher t{teacher}\n"));
    let new = "teacher new\nstudent s1\n".to_owned();
    classes.chain(teachers).chain([new]).collect()
}

#[test]
fn r_h1_a_teacher_who_takes_over_removes_no_enrollment() {
    let before = taught(|class| format!("t{}", class / 4));
    let w = world("clever", json!({})).after(&before);
    // Four of twenty classes get another teacher.
    let text = taught(|class| if class < 4 { "new".into() } else { format!("t{}", class / 4) });
    assert_snapshot!(held(&w, &text), @"may go");
    let counts = w.plan(&parse::snapshot(&text)).outcome.counts["teacher_enrollment"];
    assert_eq!((counts.added, counts.changed, counts.removed), (0, 4, 0));
}

#[test]
fn r_h1_wrong_teachers_in_most_classes_are_held() {
    let w = world("clever", json!({})).after(&taught(|class| format!("t{}", class / 4)));
    let wrong = |count| {
        taught(move |class| if class < count { "new".into() } else { format!("t{}", class / 4) })
    };
    assert_snapshot!(held(&w, &wrong(15)), @"may go");
    let text = held(&w, &wrong(16));
    assert!(
        text.contains("16 of 20 enrollments of teachers of the district would be changed"),
        "{text}"
    );
}

#[test]
fn r_h1_in_a_small_school_the_limit_of_changes_is_not_below_that_of_large_ones() {
    let eight = |name: &str| {
        (0..8)
            .map(|n| format!("teacher t{n} name=Ann/{}\n", if n < 5 { name } else { "Same" }))
            .collect::<String>()
    };
    let w = world("clever", json!({})).after(&eight("Old"));
    assert_snapshot!(held(&w, &eight("New")), @"may go");
    let all = eight("New").replace("Same", "Other");
    assert!(held(&w, &all).contains("8 of 8 teachers of the district would be changed"));
}

/// Twenty students, each in four of the eight classes of a school: those of section A or B. `in_b`:
/// how many are in B.
fn sections(in_b: usize) -> String {
    let ids = |from: usize, to: usize| {
        (from..to).map(|n| format!("s{n:02}")).collect::<Vec<_>>().join(",")
    };
    let classes = (0..4).map(|class| {
        format!(
            "class a{class} teachers=t1* students={}\nclass b{class} teachers=t1* students={}\n",
            ids(in_b, 20),
            ids(0, in_b)
        )
    });
    let students = (0..20).map(|n| format!("student s{n:02}\n"));
    classes.chain(students).chain(["teacher t1\n".to_owned()]).collect()
}

#[test]
fn r_h1_students_who_change_sections_lose_no_enrollment() {
    let w = world("clever", json!({})).after(&sections(8));
    // Three of twenty students, with 12 of 80 enrollments, move from A to B.
    assert_snapshot!(held(&w, &sections(11)), @"may go");
    let counts = w.plan(&parse::snapshot(&sections(11))).outcome.counts["student_enrollment"];
    assert_eq!((counts.added, counts.changed, counts.removed), (0, 12, 0));
    assert_eq!((counts.in_source, counts.unchanged), (80, 68));
}

#[test]
fn r_h1_students_in_the_wrong_section_are_held() {
    let w = world("clever", json!({})).after(&sections(8));
    let text = held(&w, &sections(15));
    assert!(text.contains("class a0 would lose 7 of its 12 students but stays"), "{text}");
    // Students who lose classes without others instead are counted as before.
    let lost = sections(8).replace(
        &sections(8)[..sections(8).find('\n').unwrap()],
        "class a0 teachers=t1* students=s08,s09",
    );
    let text = held(&w, &lost);
    assert!(text.contains("student_enrollment: 10 of 80 enrollments of students"), "{text}");
}

#[test]
fn r_h1_an_unknown_term_that_the_district_corrects_is_not_held() {
    let year = "term y27 from=2026-08-17 to=2027-06-11\nteacher t1\nstudent s1\nclass c1 teachers=t1* students=s1 terms=";
    let w = world("clever", json!({})).after(&format!("{year}y27")).on("2027-06-20");
    // An unknown term opens the class again (readings, R-C4).
    let w = w.after(&format!("{year}no-such-term"));
    assert_snapshot!(held(&w, &format!("{year}y27")), @"may go");
}

#[test]
fn r_h1_a_class_in_a_term_that_is_over_is_held_if_its_term_was_known() {
    let terms = "term y26 from=2025-08-17 to=2026-06-11\nterm y27 from=2026-08-17 to=2027-06-11\n";
    let class = "teacher t1\nstudent s1\nclass c1 teachers=t1* students=s1 terms=";
    let w = world("clever", json!({})).after(&format!("{terms}{class}y27"));
    let text = held(&w, &format!("{terms}{class}y26"));
    assert!(text.contains("1 of 1 active classes of the district would become inactive"), "{text}");
}

#[test]
fn r_h1_classes_that_lose_their_terms_in_summer_are_held() {
    let w = after(&[9, 10, 11, 12]).on("2027-06-20");
    let text = held(&w, &school(&[9, 10, 11, 12]).replace("terms=y27", "terms=none"));
    assert!(text.contains("class: 4 of 4 classes of the district would be changed"), "{text}");
}

/// A class of a term with `students` students in it, and the school's 200 students.
fn enrolled(term: &str, students: usize) -> String {
    let ids = |count: usize| (0..count).map(|n| format!("s{n:03}")).collect::<Vec<_>>();
    let all: String = ids(200).iter().map(|id| format!("student {id}\n")).collect();
    let dates =
        [("y27", "from=2026-08-17 to=2027-06-11"), ("y28", "from=2027-08-17 to=2028-06-11")];
    let of = dates.iter().find(|(id, _)| *id == term).map_or("", |(_, dates)| dates);
    let students = ids(students).join(",");
    format!(
        "{all}teacher t1\nterm {term} {of}\nclass c{term} terms={term} teachers=t1* students={students}\n"
    )
}

#[test]
fn r_h1_a_school_year_may_begin_with_more_enrollments_than_the_last_one_ended_with() {
    let w = world("clever", json!({})).after(&enrolled("y27", 100)).on("2027-07-20");
    assert_snapshot!(held(&w, &enrolled("y28", 160)), @"may go");
    // Within a school year they are compared.
    let w = world("clever", json!({})).after(&enrolled("y27", 100));
    let text = held(&w, &enrolled("y27", 160));
    assert!(
        text.contains("60 enrollments of students would be added to 100 of the district"),
        "{text}"
    );
}

/// A school of 24 students in four classes, without the students of `gone`. Those of `fewer` are in
/// three classes only.
fn small_school(gone: &[usize], fewer: &[usize]) -> String {
    let present: Vec<usize> = (0..24).filter(|n| !gone.contains(n)).collect();
    let classes = (0..4).map(|class| {
        let ids: Vec<String> = present
            .iter()
            .filter(|n| class > 0 || !fewer.contains(n))
            .map(|n| format!("s{n:02}"))
            .collect();
        format!("class c{class} teachers=t1* students={}\n", ids.join(","))
    });
    let students = present.iter().map(|n| format!("student s{n:02}\n"));
    classes.chain(students).chain(["teacher t1\n".to_owned()]).collect()
}

#[test]
fn r_h1_the_enrollments_of_students_who_leave_are_watched_with_the_students() {
    let w = world("clever", json!({})).after(&small_school(&[], &[]));
    // Two of 24 students leave with 8 of 96 enrollments, and three lose one class each: 11 of 96.
    assert_snapshot!(held(&w, &small_school(&[0, 1], &[2, 3, 4])), @"may go");
    // Ten of 96 enrollments of students who stay.
    let ten: Vec<usize> = (2..12).collect();
    let text = held(&w, &small_school(&[0, 1], &ten));
    assert!(text.contains("student_enrollment sch: 10 of 96 enrollments of students"), "{text}");
    // If too many students leave, the reviewer sees their enrollments too.
    let text = held(&w, &small_school(&[0, 1, 2], &[]));
    assert!(text.contains("student sch: 3 of 24 students of the school"), "{text}");
    assert!(text.contains("student_enrollment sch: 12 of 96 enrollments of students"), "{text}");
}

/// Twenty classes. `t0` teaches the first three, with `co` if there is one; `others` the rest.
fn three_of_twenty(first: &str) -> String {
    let classes = (0..20).map(|class| {
        let teachers = if class < 3 { first } else { "others*" };
        format!("class c{class} teachers={teachers} students=s1\n")
    });
    let teachers = (0..9).map(|n| format!("teacher other{n}\n"));
    let people = format!("teacher others\nteacher co\nstudent s1\n{}", {
        if first.contains("t0") { "teacher t0\n" } else { "" }
    });
    classes.chain(teachers).chain([people]).collect()
}

#[test]
fn r_h1_the_enrollments_of_a_teacher_who_leaves_are_watched_with_the_teachers() {
    // The successor came the night before: three of 23 enrollments would be removed, more than 10 %.
    let w = world("clever", json!({})).after(&three_of_twenty("t0*,co"));
    assert_snapshot!(held(&w, &three_of_twenty("co*")), @"may go");
    // The same enrollments of a teacher who stays.
    let text = held(&w, &(three_of_twenty("co*") + "teacher t0\n"));
    assert!(text.contains("3 of 23 enrollments of teachers of the district"), "{text}");
    // Without a successor, three of twenty classes lose their teacher.
    let w = world("clever", json!({})).after(&three_of_twenty("t0*"));
    let without = three_of_twenty("co*").replace("teachers=co* ", "");
    let text = held(&w, &without);
    assert!(text.contains("3 of 20 classes of the district would lose their teachers"), "{text}");
}

#[test]
fn r_h1_classes_whose_only_student_leaves_are_watched_with_the_students() {
    // A small school: one student in a grade with five of 20 classes.
    let school = |only: &str| {
        let classes = (0..20).map(|class| {
            let students = if class < 5 { only.to_owned() } else { "students=s1,s2,s3".to_owned() };
            format!("class c{class} teachers=t1* {students}\n")
        });
        let students = (1..30).map(|n| format!("student s{n}\n"));
        classes.chain(students).chain(["teacher t1\n".to_owned()]).collect::<String>()
    };
    let before = school("students=last") + "student last\n";
    let w = world("clever", json!({})).after(&before);
    assert_snapshot!(held(&w, &school("")), @"may go");
    // The student stays, but in no class.
    let text = held(&w, &(school("") + "student last\n"));
    assert!(
        text.contains("5 of 20 active classes of the district would become inactive"),
        "{text}"
    );
}
