//! R-X3: causes that explain many findings.

use insta::assert_snapshot;

use crate::support::{Outcome, Set};

/// The valid set with more people and enrollments. Student `n` has the number `100n`.
fn school(students: u32) -> Set {
    let (mut users, mut enrollments) = (String::new(), String::new());
    for n in 10..10 + students {
        users += &format!(
            "st{n},,,true,s1,student,user{n},,Ada,Hale,,100{n},ada{n}@lantern.example,,,,03,\n"
        );
        enrollments += &format!("e{n},,,c1,s1,st{n},student,,,\n");
    }
    Set::valid().rows("users.csv", users.trim_end()).rows("enrollments.csv", enrollments.trim_end())
}

/// The findings that stand first.
fn first(outcome: &Outcome) -> String {
    outcome.found().lines().next().unwrap_or_default().to_owned()
}

#[test]
fn r_x3_a_set_saved_in_a_spreadsheet_is_one_finding_above_its_symptoms() {
    // What Excel does to the valid set: 1.0, true, dates and grades.
    let excel = || {
        school(3)
            .change("manifest.csv", "manifest.version,1.0", "manifest.version,1")
            .change("users.csv", ",,,true,", ",,,TRUE,")
            .change("users.csv", ",03,\n", ",3,\n")
            .change("academicSessions.csv", "2026-08-01,2027-01-15", "8/1/2026,1/15/2027")
    };
    let outcome = excel().import();
    assert!(!outcome.refused);
    assert_snapshot!(first(&outcome), @"warn saved_in_spreadsheet: the export was opened and saved in a spreadsheet program: manifest.version is 1 instead of 1.0; TRUE and FALSE are in capitals; dates are written like 8/17/2026; grades have no leading zero. Send the files exactly as they were exported. A spreadsheet program changes dates and numbers and removes leading zeros from ids.");
    assert_eq!(outcome.findings.totals["saved_in_spreadsheet"].count, 1);
    assert_eq!(outcome.counts(), school(3).import().counts());
    // One sign alone may have another reason.
    let outcome = school(3).change("users.csv", ",,,true,", ",,,TRUE,").import();
    assert!(!outcome.codes().contains(&"saved_in_spreadsheet"), "{}", outcome.found());
    // Long ids as numbers.
    let outcome = excel().change("users.csv", "te1,,,", "1.00234E+15,,,").import();
    assert!(first(&outcome).contains("ids are written like 1.2E+15"), "{}", first(&outcome));
}

#[test]
fn r_x3_leading_zeros_lost_in_one_file() {
    let outcome =
        school(8).change("users.csv", "st1", "001").change("enrollments.csv", "st1", "1").import();
    assert_snapshot!(first(&outcome), @"warn saved_in_spreadsheet: the export was opened and saved in a spreadsheet program: ids in enrollments.csv differ from users.csv by leading zeros. Send the files exactly as they were exported. A spreadsheet program changes dates and numbers and removes leading zeros from ids.");
}

#[test]
fn r_x3_enrollments_that_name_people_by_another_column_refuse_the_set() {
    for (column, from, to) in
        [("identifier", ",s1,st", ",s1,100"), ("username", ",s1,st", ",s1,USER")]
    {
        let outcome = school(9).change("enrollments.csv", from, to).import();
        assert!(outcome.refused, "{column}");
        assert!(first(&outcome).contains(&format!("the column {column}")), "{}", first(&outcome));
    }
    assert_snapshot!(first(&school(9).change("enrollments.csv", ",s1,st", ",s1,100").import()), @"stop enrollment_user_ids enrollments.csv userSourcedId: userSourcedId has values of the column identifier of users.csv for 10 people, and sourcedIds for 2. Export userSourcedId of enrollments.csv with the sourcedId of users.csv.");
    // Addresses are personal data, so no finding quotes them.
    let mut set = school(9);
    for n in 10..19 {
        let (from, to) = (format!(",st{n},student"), format!(",ada{n}@lantern.example,student"));
        set = set.change("enrollments.csv", &from, &to);
    }
    let outcome = set.import();
    assert!(outcome.refused && first(&outcome).contains("the column email"), "{}", outcome.found());
    assert!(!outcome.found().contains("@lantern"), "{}", outcome.found());
    // Unknown people who are not in another column are people who are missing.
    let outcome = school(9).change("enrollments.csv", ",s1,st1", ",s1,xx1").import();
    assert!(!outcome.refused, "{}", outcome.found());
    assert!(first(&outcome).starts_with("warn people_missing"), "{}", first(&outcome));
}

#[test]
fn r_x3_a_role_that_most_rows_have_and_oneroster_does_not() {
    let outcome = school(6).change("enrollments.csv", ",student,,,", ",Learner,,,").import();
    assert_snapshot!(first(&outcome), @"warn role_unknown enrollments.csv role: 7 enrollments have the role `Learner`, which is not a OneRoster role, and were skipped. Map the role to student, teacher or another OneRoster role in the settings of the export.");
    let outcome = school(6).change("users.csv", ",s1,student,user", ",s1,Pupil,user").import();
    assert_snapshot!(first(&outcome), @"warn role_unknown users.csv role: 6 users have the role `Pupil`, which is not a OneRoster role, and were skipped. Map the role to student, teacher or another OneRoster role in the settings of the export.");
    let roles = school(0)
        .rows("enrollments.csv", "e5,,,c1,s1,st1,pupil,,,\ne6,,,c2,s2,st1,learner,,,")
        .import();
    assert!(!roles.codes().contains(&"role_unknown"), "a few rows are reported one by one");
}

#[test]
fn r_x3_one_address_for_everyone_is_one_finding() {
    let mut set = school(20);
    for n in 10..30 {
        set = set.change("users.csv", &format!("ada{n}@"), "noemail@");
    }
    let outcome = set.import();
    assert_snapshot!(first(&outcome), @"warn email_for_many users.csv:6 email: 20 of the 24 people with an e-mail address have the same one, on line 6 and others. Leave the e-mail address of a person without one blank. An address that several people share cannot be used to sign in.");
    assert!(!outcome.found().contains("noemail"), "{}", outcome.found());
    assert!(!school(20).import().codes().contains(&"email_for_many"));
}
