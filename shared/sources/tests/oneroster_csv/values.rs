//! Checks 23, 24 and 28 to 35: values of cells.

use insta::assert_snapshot;
use jiff::civil::date;
use roster::settings::DateOrder;

use crate::support::Set;

#[test]
fn check_23_inactive_and_another_case() {
    let outcome = Set::valid()
        .setting(|settings| settings.tolerate_mixed_status = true)
        .rows(
            "users.csv",
            "st3,inactive,2026-01-01T00:00:00.000Z,true,s1,student,ahale,,Ada,Hale,,,,,,,,",
        )
        .rows(
            "users.csv",
            "st4,toBeDeleted,2026-01-01T00:00:00.000Z,true,s1,student,bhale,,Bo,Hale,,,,,,,,",
        )
        .rows(
            "users.csv",
            "st5,Active,2026-01-01T00:00:00.000Z,true,s2,student,chale,,Cy,Hale,,,,,,,,",
        )
        .rows(
            "users.csv",
            "st6,gone,2026-01-01T00:00:00.000Z,true,s2,student,dhale,,Di,Hale,,,,,,,,",
        )
        .import();
    assert_snapshot!(outcome.found(), @r"
    warn status_spelling users.csv:6 status [user st3]: the status `inactive` was read as tobedeleted. Use active or tobedeleted.
    warn status_spelling users.csv:7 status [user st4]: the status `toBeDeleted` was read as tobedeleted. Use active or tobedeleted.
    warn status_spelling users.csv:8 status [user st5]: the status `Active` was read as active. Use active or tobedeleted.
    drop value_unknown users.csv:9 status [user st6]: the status `gone` is neither active nor tobedeleted. Correct the value.
    warn status_mixed_tolerated users.csv status: some rows have a status and some do not; the file was read as the manifest says (3 of 8 rows). Export the file as bulk (no row has a status) or as delta (every row has one).
    warn students_without_class enrollments.csv: 1 students have no enrollment. Check whether these students are enrolled.
    ");
    assert_eq!(outcome.ids(roster::records::RecordKind::Student), ["st1", "st2", "st5"]);
    assert_snapshot!(outcome.unreadable(), @r#"{"gap":"record","kind":"student","id":"st6"}"#);
}

#[test]
fn check_24_a_required_value_is_blank() {
    let outcome = Set::valid()
        .rows("users.csv", "st3,,,true,s1,student,ahale,,,Hale,,,,,,,,")
        .rows("users.csv", "te3,,,true,s1,teacher,,,Tom,,,,,,,,,")
        .rows("users.csv", ",,,true,s1,student,bhale,,Bo,Hale,,,,,,,,")
        .rows("classes.csv", "c3,,,,03,co1,,scheduled,,s1,t1,,,")
        .rows("courses.csv", "co2,,,,Maths,,,,,")
        .rows("academicSessions.csv", "t2,,,Spring,term,2027-01-15,,y27,2027")
        .rows("orgs.csv", "s3,,,,school,,")
        .rows("enrollments.csv", "e5,,,,s1,st1,student,,,")
        .import();
    assert_snapshot!(outcome.found(), @r"
    drop value_missing orgs.csv:5 name [org s3]: name is blank. Fill in the value.
    drop value_missing academicSessions.csv:4 endDate [academicSession t2]: endDate is blank. Fill in the value.
    drop value_missing courses.csv:3 orgSourcedId [course co2]: orgSourcedId is blank. Fill in the value.
    drop value_missing classes.csv:4 title [class c3]: title is blank. Fill in the value.
    drop value_missing users.csv:6 givenName [user st3]: givenName is blank. Fill in the value.
    drop value_missing users.csv:7 username [user te3]: username is blank. Fill in the value.
    drop value_missing users.csv:7 familyName [user te3]: familyName is blank. Fill in the value.
    drop value_missing users.csv:8 sourcedId: sourcedId is blank. Fill in the value.
    drop value_missing enrollments.csv:6 classSourcedId [enrollment e5]: classSourcedId is blank. Fill in the value.
    ");
    assert_snapshot!(outcome.unreadable(), @r#"
    {"gap":"kind","kind":"teacher"}
    {"gap":"kind","kind":"student"}
    {"gap":"kind","kind":"guardian"}
    {"gap":"record","kind":"school","id":"s3"}
    {"gap":"record","kind":"term","id":"t2"}
    {"gap":"record","kind":"course","id":"co2"}
    {"gap":"record","kind":"teacher","id":"te3"}
    {"gap":"record","kind":"student","id":"st3"}
    {"gap":"record","kind":"class","id":"c3"}
    {"gap":"enrollment","person":"st1"}
    "#);
}

#[test]
fn check_28_the_order_of_day_and_month_is_never_guessed() {
    let set = || {
        Set::valid()
            .change("academicSessions.csv", "2026-08-01,2027-01-15", "8/1/2026,1/5/2027")
            .change("enrollments.csv", "2026-08-20", "8/2/2026")
            .change("demographics.csv", "2018-02-03", "2/3/2018")
    };
    let outcome = set().import();
    assert_snapshot!(outcome.found(), @r"
    drop required_date academicSessions.csv:3 startDate [academicSession t1]: startDate `8/1/2026` may be month-day or day-month (set date_order to mdy or dmy). Write dates as YYYY-MM-DD, or set date_order.
    drop required_date academicSessions.csv:3 endDate [academicSession t1]: endDate `1/5/2027` may be month-day or day-month (set date_order to mdy or dmy). Write dates as YYYY-MM-DD, or set date_order.
    warn date_format demographics.csv:2 birthDate [demographics st1]: birthDate may be month-day or day-month (set date_order to mdy or dmy). Write dates as YYYY-MM-DD, or set date_order.
    warn date_format enrollments.csv:3 beginDate [enrollment e2]: beginDate `8/2/2026` may be month-day or day-month (set date_order to mdy or dmy). Write dates as YYYY-MM-DD, or set date_order.
    ");
    assert_snapshot!(outcome.unreadable(), @r#"{"gap":"record","kind":"term","id":"t1"}"#);
    let outcome = set().setting(|settings| settings.date_order = Some(DateOrder::Mdy)).import();
    assert_snapshot!(outcome.found(), @r"
    info date_by_setting academicSessions.csv:3: dates were read in the order of the setting date_order. Write dates as YYYY-MM-DD.
    info date_by_setting demographics.csv:2: dates were read in the order of the setting date_order. Write dates as YYYY-MM-DD.
    info date_by_setting enrollments.csv:3: dates were read in the order of the setting date_order. Write dates as YYYY-MM-DD.
    ");
    assert_eq!(outcome.class("c1").students[0].begin, Some(date(2026, 8, 2)));
}

#[test]
fn check_28_not_a_date() {
    let outcome = Set::valid()
        .change("enrollments.csv", "2026-08-20", "soon")
        .rows("academicSessions.csv", "t2,,,Spring,term,2027-02-30,2027-06-30,y27,2027")
        .import();
    assert_snapshot!(outcome.found(), @r"
    drop required_date academicSessions.csv:4 startDate [academicSession t2]: startDate `2027-02-30` is not a date. Write dates as YYYY-MM-DD, or set date_order.
    warn date_format enrollments.csv:3 beginDate [enrollment e2]: beginDate `soon` is not a date. Write dates as YYYY-MM-DD, or set date_order.
    ");
}

#[test]
fn check_29_date_last_modified() {
    let outcome = Set::valid()
        .setting(|settings| settings.tolerate_mixed_status = true)
        .rows("users.csv", "st3,active,2026-01-01,true,s1,student,ahale,,Ada,Hale,,,,,,,,")
        .rows("users.csv", "st4,active,,true,s1,student,bhale,,Bo,Hale,,,,,,,,")
        .import();
    assert_snapshot!(outcome.found(), @r"
    warn datetime_format users.csv dateLastModified: dateLastModified does not look like 2026-08-31T12:00:00.000Z (1 of 6 rows). Export it in UTC with milliseconds.
    warn modified_unpaired users.csv dateLastModified: rows have only one of status and dateLastModified (1 of 6 rows). Fill in both or neither.
    warn status_mixed_tolerated users.csv status: some rows have a status and some do not; the file was read as the manifest says (2 of 6 rows). Export the file as bulk (no row has a status) or as delta (every row has one).
    warn students_without_class enrollments.csv: 2 students have no enrollment. Check whether these students are enrolled.
    ");
}

#[test]
fn check_30_booleans() {
    let outcome = Set::valid()
        .change("users.csv", "st1,,,true", "st1,,,TRUE")
        .change("users.csv", "st2,,,true", "st2,,,no")
        .change("users.csv", "gu1,,,true", "gu1,,,maybe")
        .change("enrollments.csv", "teacher,true", "teacher,perhaps")
        .change("demographics.csv", "female,false", "female,No")
        .import();
    assert_snapshot!(outcome.found(), @r"
    info boolean_case users.csv:3 enabledUser [user st1]: enabledUser is `TRUE`. Write true or false.
    warn boolean_word users.csv:4 enabledUser [user st2]: enabledUser is `no`. Write true or false.
    drop value_unknown users.csv:5 enabledUser [user gu1]: enabledUser is neither true nor false. Correct the value.
    warn boolean_word demographics.csv:2 americanIndianOrAlaskaNative [demographics st1]: a true or false value is yes, no, 1 or 0; it was accepted. Write true or false.
    warn optional_value_unknown enrollments.csv:2 primary [enrollment e1]: primary is neither true nor false. Correct the value.
    warn optional_value_unknown enrollments.csv:4 primary [enrollment e3]: primary is neither true nor false. Correct the value.
    ");
    assert!(outcome.student("st2").person.disabled);
    assert!(!outcome.student("st1").person.disabled);
}

#[test]
fn check_31_and_32_words() {
    let outcome = Set::valid()
        .change("classes.csv", "RD-1,scheduled", "RD-1,Scheduled")
        .change("classes.csv", "RD-2,scheduled", "RD-2,lunch")
        .rows("classes.csv", "c3,,,Reading C,03,co1,RD-3,ext:club,,s1,t1,,,")
        .change("demographics.csv", "female", "F")
        .rows("users.csv", "xx1,,,true,s1,wizard,ahale,,Ada,Hale,,,,,,,,")
        .rows("users.csv", "te2,,,true,s1,Teacher,bhale,,Bo,Hale,,,,,,,,")
        .rows("orgs.csv", "s3,,,Hill,departments,,")
        .import();
    assert_snapshot!(outcome.found(), @r"
    drop value_unknown orgs.csv:5 type [org s3]: type is `departments`, which is not one of department, school, district, local, state, national. Correct the value.
    warn value_case classes.csv:2 classType [class c1]: classType is `Scheduled`, read as scheduled. Use the value exactly as OneRoster spells it.
    drop value_unknown classes.csv:3 classType [class c2]: classType is `lunch`, which is not one of homeroom, scheduled. Correct the value.
    drop value_unknown users.csv:6 role [user xx1]: role is `wizard`, which is not one of administrator, aide, guardian, parent, proctor, relative, student, teacher. Correct the value.
    warn value_case users.csv:7 role [user te2]: role is `Teacher`, read as teacher. Use the value exactly as OneRoster spells it.
    warn optional_value_unknown demographics.csv:2 sex [demographics st1]: sex is not one of male, female, unspecified, other. Correct the value.
    warn enrollments_of_dropped_classes enrollments.csv: 2 enrollments belong to classes that were skipped. They are used only for classes that are already in the mirror. Correct the classes.
    info teachers_without_class enrollments.csv: 1 teachers have no enrollment. If these teachers teach here, enroll them in their classes.
    ");
    assert_snapshot!(outcome.unreadable(), @r#"
    {"gap":"record","kind":"school","id":"s3"}
    {"gap":"record","kind":"teacher","id":"xx1"}
    {"gap":"record","kind":"student","id":"xx1"}
    {"gap":"record","kind":"guardian","id":"xx1"}
    {"gap":"record","kind":"class","id":"c2"}
    "#);
    assert_eq!(outcome.class("c3").details.class_type.as_deref(), Some("ext:club"));
    assert_eq!(outcome.class("c1").details.class_type.as_deref(), Some("scheduled"));
}

#[test]
fn check_33_to_35_grades_subjects_and_user_ids() {
    let outcome = Set::valid()
        .change("users.csv", "gu1,03,", "gu1,3,")
        .change("classes.csv", "Reading A,03", "Reading A,K")
        .change("classes.csv", "English,01001,\"1,3\"", "\"English,Drama\",01001,\"1,3\"")
        .change("users.csv", "{LDAP:pmoss}", "pmoss")
        .import();
    assert_snapshot!(outcome.found(), @r"
    warn grade_unknown classes.csv:2 grades [class c1]: the grade `K` was kept unchanged. Use the codes IT PR PK TK KG 01 to 13 PS UG Other.
    warn subject_codes classes.csv:2 subjectCodes [class c1]: 2 subjects have 1 codes. Give one code for each subject, in the same order.
    warn grade_unknown users.csv:3 grades [user st1]: the grade `3` was kept unchanged. Use the codes IT PR PK TK KG 01 to 13 PS UG Other.
    warn user_ids users.csv:3 userIds [user st1]: userIds is not a list of {type:id} and was ignored. Write it as {type:id}.
    warn grade_unknown users.csv:4 grades [user st2]: the grade `3` was kept unchanged. Use the codes IT PR PK TK KG 01 to 13 PS UG Other.
    ");
    assert_eq!(outcome.class("c1").details.grades, ["K"]);
}

#[test]
fn the_name_of_a_class_is_not_changed() {
    let outcome =
        Set::valid().change("classes.csv", "Reading A", "\" Reading, \"\"A\"\" é \"").import();
    assert_eq!(outcome.class("c1").details.title, " Reading, \"A\" é ");
}

#[test]
fn check_28_dates_that_fit_only_one_order_are_read_in_it() {
    let plain = Set::valid()
        .change(
            "enrollments.csv",
            "student,false,2026-08-20,",
            "student,false,2026-08-20,2026-12-01",
        )
        .import();
    // Excel's dates. 8/20/2026 can only be month-day-year, so 12/1/2026 in the same file is too.
    let american = |set: Set| {
        set.change("academicSessions.csv", "2026-08-01,2027-07-01", "8/1/2026,7/1/2027")
            .change("academicSessions.csv", "2026-08-01,2027-01-15", "8/1/2026,1/15/2027")
            .change(
                "enrollments.csv",
                "student,false,2026-08-20,",
                "student,false,8/20/2026,12/1/2026",
            )
            .change("demographics.csv", "2018-02-03", "2/3/2018")
    };
    let outcome = american(Set::valid()).import();
    assert_snapshot!(outcome.found(), @r"
    warn date_order_found academicSessions.csv:2: dates are written like 8/17/2026; they can only be month-day-year in this file and were read in that order. Write dates as YYYY-MM-DD, or set date_order.
    warn date_format demographics.csv:2 birthDate [demographics st1]: birthDate may be month-day or day-month (set date_order to mdy or dmy). Write dates as YYYY-MM-DD, or set date_order.
    warn date_order_found enrollments.csv:3: dates are written like 8/17/2026; they can only be month-day-year in this file and were read in that order. Write dates as YYYY-MM-DD, or set date_order.
    ");
    for kind in ["term", "class"] {
        let part = crate::support::records(kind);
        assert_eq!(outcome.lines[&part], plain.lines[&part], "{kind}");
    }
    // Day first, where a day is above 12.
    let outcome = Set::valid().change("demographics.csv", "2018-02-03", "23/2/2018").import();
    let birth = outcome.student("st1").demographics.birth_date.unwrap();
    assert_eq!(serde_json::to_value(birth).unwrap(), "2018-02-23");
    // One date that contradicts the others: nothing is guessed.
    let outcome = american(Set::valid())
        .rows("enrollments.csv", "e5,,,c1,s1,st2,student,,20/8/2026,")
        .import();
    assert_snapshot!(outcome.found_of("date_format"), @r"
    warn date_format demographics.csv:2 birthDate [demographics st1]: birthDate may be month-day or day-month (set date_order to mdy or dmy). Write dates as YYYY-MM-DD, or set date_order.
    warn date_format enrollments.csv:3 beginDate [enrollment e2]: beginDate `8/20/2026` may be month-day or day-month (set date_order to mdy or dmy). Write dates as YYYY-MM-DD, or set date_order.
    warn date_format enrollments.csv:3 endDate [enrollment e2]: endDate `12/1/2026` may be month-day or day-month (set date_order to mdy or dmy). Write dates as YYYY-MM-DD, or set date_order.
    warn date_format enrollments.csv:6 beginDate [enrollment e5]: beginDate `20/8/2026` may be month-day or day-month (set date_order to mdy or dmy). Write dates as YYYY-MM-DD, or set date_order.
    ");
    // A setting is followed, whatever the file looks like.
    let outcome = american(Set::valid())
        .setting(|settings| settings.date_order = Some(DateOrder::Dmy))
        .import();
    assert!(!outcome.codes().contains(&"date_order_found"), "{}", outcome.found());
    // So is a file whose dates all fit both orders: it is not read.
    let outcome = Set::valid().change("demographics.csv", "2018-02-03", "2/3/2018").import();
    assert_eq!(outcome.student("st1").demographics.birth_date, None);
}

#[test]
fn check_28_the_order_is_found_again_when_a_delta_is_read_over_the_set() {
    let bulk = || {
        Set::valid().change("academicSessions.csv", "2026-08-01,2027-01-15", "8/1/2026,1/15/2027")
    };
    let delta = Set::delta(&[(
        "users.csv",
        "st1,active,2026-09-01T00:00:00.000Z,true,s1,student,pmoss,,Pia,Moss,,,,,,,,\n",
    )]);
    let outcome = delta.after(vec![bulk()]).import();
    let part = crate::support::records("term");
    assert_eq!(outcome.lines[&part], bulk().import().lines[&part]);
}
