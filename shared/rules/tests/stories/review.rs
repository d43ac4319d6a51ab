//! R-O2: the review of a district's data.

use insta::assert_snapshot;
use roster::outcome::Outcome;
use roster::records::RecordKind;
use serde_json::json;

use crate::world::{parse, world};

/// Prints the shares of a kind.
fn shares(outcome: &Outcome, kind: RecordKind) -> String {
    let of_kind = outcome.review.fields.iter().filter(|share| share.kind == kind);
    let lines = of_kind.map(|share| {
        let name = serde_json::to_value(share.field).unwrap();
        let need = if share.required { "required" } else { "optional" };
        let known =
            if share.ignored { "ignored".into() } else { format!("{} of {}", share.has, share.of) };
        format!("{} ({need}): {known}", name.as_str().unwrap())
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Prints the counts of the schools: in the source, added, changed, removed, unchanged.
fn schools(outcome: &Outcome) -> String {
    let of_school = outcome.review.schools.iter().flat_map(|school| {
        school.counts.iter().map(|(kind, c)| {
            let numbers = [c.in_source, c.added, c.changed, c.removed, c.unchanged]
                .map(|number| number.to_string());
            format!("{} {kind}: {}", school.school.as_str(), numbers.join(" "))
        })
    });
    of_school.collect::<Vec<_>>().join("\n")
}

fn outcome(preset: &str, text: &str) -> Outcome {
    world(preset, json!({})).plan(&parse::snapshot(text)).outcome
}

const AT_CLEVER: &str = "
    ids own
    student s1 name=Ann/Lee sis=901 email=a@x number=1 state=7 race=asian iep=N grade=04 ell=Y gender=F hispanic=N frl=Free
    student s2 name=Bo sis=902 number=2 grade=04
    student s3 name=Cy/Oak
    teacher t1 name=Ida/Fir sis=903 email=i@x
    teacher t2 name=Jo/Elm sis=904
    class c1 teachers=t1* students=s1,s2";

#[test]
fn r_o2_the_review_counts_records_with_each_field() {
    let outcome = outcome("clever", AT_CLEVER);
    assert_snapshot!(shares(&outcome, RecordKind::Student), @r"
    schools (required): 3 of 3
    sis_id (required): 2 of 3
    school (required): 3 of 3
    district (required): 3 of 3
    name (required): 2 of 3
    email (required): 1 of 3
    student_number (required): 2 of 3
    state_id (required): 1 of 3
    race (optional): 1 of 3
    iep_status (optional): 1 of 3
    grade (optional): 2 of 3
    ell_status (optional): 1 of 3
    gender (optional): 1 of 3
    hispanic_ethnicity (optional): 1 of 3
    frl_status (optional): 1 of 3
    ");
    assert_snapshot!(shares(&outcome, RecordKind::Teacher), @r"
    schools (required): 2 of 2
    sis_id (required): 2 of 2
    school (required): 2 of 2
    district (required): 2 of 2
    name (required): 2 of 2
    email (required): 1 of 2
    ");
}

#[test]
fn r_o2_a_source_with_sis_ids_has_all_sis_ids() {
    let outcome = outcome("sis", &AT_CLEVER.replace("ids own", ""));
    let sis = shares(&outcome, RecordKind::Student).lines().nth(1).unwrap().to_owned();
    assert_eq!(sis, "sis_id (required): 3 of 3");
}

#[test]
fn r_o2_r_m7_ignored_demographics_are_not_counted() {
    let outcome = outcome("family-directory", AT_CLEVER);
    let shares = shares(&outcome, RecordKind::Student);
    assert_eq!(
        shares.lines().filter(|line| line.ends_with("(optional): ignored")).count(),
        7,
        "{shares}"
    );
    assert!(outcome.review.fields.iter().all(|share| !share.ignored || share.has == 0));
}

#[test]
fn r_o2_a_person_in_two_schools_counts_in_both() {
    let text = "
        school north
        school south
        student s1 schools=north
        student s2 schools=north,south
        teacher t1 schools=south
        class c1 school=south teachers=t1* students=s2
        unreadable student bad";
    let outcome = outcome("clever", text);
    assert_snapshot!(schools(&outcome), @r"
    north student: 2 2 0 0 0
    south class: 1 1 0 0 0
    south enrollment: 2 2 0 0 0
    south student: 1 1 0 0 0
    south student_enrollment: 1 1 0 0 0
    south teacher: 1 1 0 0 0
    south teacher_enrollment: 1 1 0 0 0
    ");
    assert_eq!(serde_json::to_value(&outcome.review.unreadable).unwrap(), json!({ "student": 1 }));
    assert_eq!(
        outcome.counts["student"].in_source, 2,
        "what could not be read is counted nowhere else"
    );
}

#[test]
fn r_o2_a_later_review_counts_changes_by_school() {
    let before = "
        school north
        school south
        student s1 schools=north number=1
        student s2 schools=north number=2
        student s3 schools=north number=3";
    let w = world("clever", json!({})).after(before);
    let tonight = "
        school north
        school south
        student s1 schools=north number=1
        student s2 schools=south number=2";
    let outcome = w.plan(&parse::snapshot(tonight)).outcome;
    // The student who moves counts as changed in the north, and as one more in the source in the
    // south.
    assert_snapshot!(schools(&outcome), @r"
    north student: 1 0 1 1 1
    south student: 1 0 0 0 0
    ");
}
