//! Checks 42, 51 to 55 and 59, and the rules about people that a source is involved in.

use insta::assert_snapshot;
use roster::personal::Personal;
use roster::records::{Guardian, RecordKind};

use crate::support::{Set, sis};

fn text(value: Option<&Personal>) -> Option<&str> {
    value.map(Personal::reveal)
}

#[test]
fn check_42_roles_of_1_2() {
    let user = |id: &str, name: &str| format!("{id},,,true,{name},,Given,Family{}", ",".repeat(14));
    let outcome = Set::valid_1_2()
        .rows("users.csv", &user("no1", "n1"))
        .rows("users.csv", &user("se1", "n2"))
        .rows("users.csv", &user("tw1", "n3"))
        .rows("users.csv", &user("ol1", "n4"))
        .rows("users.csv", &user("wi1", "n5"))
        .rows("users.csv", &user("bo1", "n6"))
        .rows("users.csv", &user("pr1", "n7"))
        .change(
            "users.csv",
            "te1,,,true,ovale,,Orla,Vale,,T-1,orla.vale@lantern.example,,,,,,,,,,s2,",
            "te1,,,true,ovale,,Orla,Vale,,T-1,orla.vale@lantern.example,,,,,,,,,,d1,",
        )
        .rows("roles.csv", "r6,,,se1,secondary,student,,,s1,")
        .rows("roles.csv", "r7,,,tw1,primary,student,,,s1,\nr7b,,,tw1,primary,parent,,,s1,")
        .rows("roles.csv", "r8,,,ol1,primary,student,2025-08-01,2026-07-01,s1,")
        .rows("roles.csv", "r9,,,wi1,primary,wizard,,,s1,")
        .rows("roles.csv", "r10,,,bo1,primary,teacher,,,s1,\nr11,,,bo1,secondary,student,,,s9,")
        .rows("roles.csv", "r12,,,nobody,primary,student,,,s1,")
        .rows("roles.csv", "r13,,,pr1,primary,principal,,,s1,\nr14,,,pr1,secondary,ext:coach,,,s1,")
        .import();
    assert_snapshot!(outcome.found(), @r"
    drop value_unknown roles.csv:11 role [role r9]: role is `wizard`, which is not one of aide, counselor, districtAdministrator, guardian, parent, principal, proctor, relative, siteAdministrator, student, systemAdministrator, teacher. Correct the value.
    warn primary_org users.csv:2 primaryOrgSourcedId [user te1]: primaryOrgSourcedId names an org in which the user has no role. Give the user a role there, or correct primaryOrgSourcedId.
    warn roles_primary roles.csv:7 roleType [user se1]: the user has only secondary roles. Mark one role as primary.
    warn roles_primary roles.csv:8 roleType [user tw1]: the user has two primary roles in one org. Mark one role as primary.
    drop user_without_role users.csv:6 [user no1]: a user has no role. Give the user a role in roles.csv.
    info roles_not_current roles.csv: 1 users have no role that is valid today. If these users are still active, correct the dates of their roles.
    warn students_without_class enrollments.csv: 2 students have no enrollment. Check whether these students are enrolled.
    info teachers_without_class enrollments.csv: 1 teachers have no enrollment. If these teachers teach here, enroll them in their classes.
    info role_not_rostered roles.csv role: 1 rows with the role `ext:coach` get no account or enrollment here. Correct the role if one of them is a student, a teacher or a guardian. Others are added here by hand.
    info role_not_rostered roles.csv role: 1 rows with the role `principal` get no account or enrollment here. Correct the role if one of them is a student, a teacher or a guardian. Others are added here by hand.
    warn school_not_sent orgs.csv [org s9]: classes or people refer to a school that is not in orgs.csv; the school stays unchanged. Export the school, or remove the references to it.
    drop reference_missing roles.csv:13 orgSourcedId [org s9]: `s9` is named by 1 role and is not in orgs.csv. Export the missing record, or correct the reference.
    drop reference_missing roles.csv:14 userSourcedId [user nobody]: `nobody` is named by 1 role and is not in users.csv. Export the missing record, or correct the reference.
    ");
    // An unreadable role may have been any: the person is unreadable in every kind that is not
    // known.
    assert_snapshot!(outcome.unreadable(), @r#"
    {"gap":"record","kind":"school","id":"s9","reason":"referenced"}
    {"gap":"record","kind":"teacher","id":"no1"}
    {"gap":"record","kind":"teacher","id":"wi1"}
    {"gap":"record","kind":"student","id":"no1"}
    {"gap":"record","kind":"student","id":"wi1"}
    {"gap":"record","kind":"student","id":"bo1"}
    {"gap":"record","kind":"student","id":"nobody","reason":"referenced"}
    {"gap":"record","kind":"guardian","id":"no1"}
    {"gap":"record","kind":"guardian","id":"wi1"}
    {"gap":"record","kind":"guardian","id":"bo1"}
    "#);
    assert_eq!(outcome.ids(RecordKind::Student), ["se1", "st1", "st2", "tw1"]);
    assert_eq!(outcome.ids(RecordKind::Guardian), ["gu1", "tw1"]);
    assert_eq!(outcome.ids(RecordKind::Teacher), ["bo1", "te1"]);
}

#[test]
fn check_26_rows_of_roles_with_the_same_id() {
    let outcome = Set::valid_1_2()
        .rows("roles.csv", "r4,,,st2,primary,student,,,s2,")
        .rows("roles.csv", "r3,,,st1,primary,teacher,,,s1,")
        .import();
    assert_snapshot!(outcome.found(), @r"
    drop duplicate_id roles.csv:8 sourcedId: line 4 has the same sourcedId. Give every record its own sourcedId.
    warn duplicate_row roles.csv:7 sourcedId: line 5 has the same sourcedId. Export every record once.
    ");
    assert_snapshot!(outcome.unreadable(), @r#"
    {"gap":"record","kind":"teacher","id":"st1"}
    {"gap":"record","kind":"student","id":"st1","classes":[{"id":"c1","begin":"2026-08-20"}]}
    {"gap":"record","kind":"guardian","id":"st1","contacts":["pmoss@lantern.example"]}
    "#);
}

#[test]
fn check_51_and_53_malformed_contacts_are_read_as_blank() {
    let outcome = Set::valid()
        .change("users.csv", "pmoss@lantern.example", "pmoss at lantern")
        .change("users.csv", "(312) 555-0142", "see office")
        .import();
    assert_snapshot!(outcome.found(), @r"
    warn email_malformed users.csv:3 email [user st1]: an e-mail address is not valid and was ignored. Correct the address.
    info phone_malformed users.csv:5 sms [user gu1]: a phone number is not valid and was ignored. Write it with its country code, for example +1 312 555 0142.
    ");
    assert_eq!(outcome.student("st1").person.email, None);
    assert_eq!(outcome.all::<Guardian>(RecordKind::Guardian)[0].person.sms, None);
    let outcome = Set::valid()
        .change("users.csv", "(312) 555-0142", "030 901820")
        .setting(|s| s.phone_country = "DE".into())
        .import();
    assert_eq!(
        text(outcome.all::<Guardian>(RecordKind::Guardian)[0].person.sms.as_ref()),
        Some("+4930901820")
    );
}

#[test]
fn check_52_usernames() {
    let outcome = Set::valid()
        .change("users.csv", "dfenn,,Dita", "PMOSS,,Dita")
        .rows("users.csv", "st3,,,true,s1,student,,,Ada,Hale,,,,,,,,")
        .import();
    assert_snapshot!(outcome.found(), @r"
    drop value_missing users.csv:6 username [user st3]: username is blank. Fill in the value.
    warn username_shared users.csv:3 username [user st1]: 2 users have the same username (lines 3, 4). Give every user a different username.
    ");
}

#[test]
fn r_g3_relationships_count_in_both_directions() {
    let both = Set::valid().import();
    for set in [
        Set::valid().change("users.csv", "\"st1,st2\"", ""),
        Set::valid().change("users.csv", ",gu1,03", ",,03"),
    ] {
        let outcome = set.import();
        assert_eq!(outcome.records(RecordKind::Student), both.records(RecordKind::Student));
        assert_eq!(outcome.records(RecordKind::Guardian), both.records(RecordKind::Guardian));
        assert!(
            outcome
                .found()
                .starts_with("warn agent_one_way users.csv agentSourcedIds: 2 relationships are given in one direction")
        );
    }
}

#[test]
fn check_54_agents_without_a_relationship() {
    let outcome = Set::valid()
        .change("users.csv", "gu1,03,\nst2", "\"gu1,te1,nobody,st2,st1\",03,\nst2")
        .import();
    assert_snapshot!(outcome.found(), @r"
    warn agent_role users.csv:3 agentSourcedIds [user st1]: agentSourcedIds names a teacher, who cannot be a guardian; it was ignored. Name only guardians, parents and relatives of students.
    warn agent_role users.csv:3 agentSourcedIds [user st1]: agentSourcedIds does not connect a student and a guardian; it was ignored. Name only guardians, parents and relatives of students.
    warn agent_role users.csv:3 agentSourcedIds [user st1]: agentSourcedIds does not connect a student and a guardian; it was ignored. Name only guardians, parents and relatives of students.
    warn agent_missing users.csv:3 agentSourcedIds [user nobody]: `nobody` is named by 1 user and is not in users.csv. Export the user, or remove the id.
    ");
    // R-H1: a guardian who is missing but still referred to stays, and so does the relationship.
    let guardians = outcome.student("st1").guardians;
    assert_eq!(guardians.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["gu1", "nobody"]);
    assert_snapshot!(outcome.unreadable(), @r#"{"gap":"record","kind":"guardian","id":"nobody","reason":"referenced"}"#);
}

#[test]
fn r_h3_a_relationship_to_a_person_with_a_bad_row_stays() {
    let outcome =
        Set::valid().change("users.csv", "gu1,,,true,s1,parent", "gu1,,,true,s1,ancestor").import();
    assert_eq!(outcome.student("st1").guardians.len(), 1);
    let outcome = Set::valid().change("users.csv", "student,pmoss", "student,").import();
    let children = outcome.all::<Guardian>(RecordKind::Guardian)[0].children.len();
    assert_eq!(children, 2);
}

#[test]
fn check_55_demographics_without_user() {
    let outcome =
        Set::valid().rows("demographics.csv", "st9,,,2018-02-03,female,,,,,,,,,,,").import();
    assert_snapshot!(outcome.found(), @"drop demographics_without_user demographics.csv:3 sourcedId [user st9]: `st9` is named by 1 row of demographics and is not in users.csv. Export the user, or leave the row out.");
    assert_snapshot!(outcome.unreadable(), @r#"{"gap":"record","kind":"student","id":"st9","reason":"referenced"}"#);
}

#[test]
fn r_h3_a_bad_row_of_demographics_leaves_only_the_demographics_unread() {
    let outcome = Set::valid()
        .change("demographics.csv", "st1,,,2018-02-03,female", "st1,,,2018-02-03,\"female\" x")
        .import();
    assert_snapshot!(outcome.found(), @"drop quote_stray demographics.csv:2 [demographics st1]: a row has text after a closing quote. Double every quote inside a quoted cell.");
    assert_snapshot!(outcome.unreadable(), @r#"{"gap":"demographics","student":"st1"}"#);
    assert_eq!(outcome.ids(RecordKind::Student), ["st1", "st2"]);
    assert!(outcome.student("st1").demographics.gender.is_none());
}

#[test]
fn check_59_passwords_are_never_read() {
    let secret = "Tr0ub4dor";
    let outcome =
        Set::valid().change("users.csv", "gu1,03,\nst2", &format!("gu1,03,{secret}\nst2")).import();
    assert_snapshot!(outcome.found(), @"info password_filled users.csv password: the export contains passwords; they are never read (1 of 4 rows). Leave passwords out of the export.");
    assert!(!format!("{:?}", outcome.lines).contains(secret));
}

fn with_metadata() -> Set {
    let mut set = Set::valid().setting(|settings| {
        for (field, column) in [
            ("state_id", "metadata.sid"),
            ("student_number", "metadata.no"),
            ("ell", "metadata.ell"),
            ("frl", "metadata.frl"),
            ("iep", "metadata.iep"),
        ] {
            settings.metadata.insert(field.into(), column.into());
        }
    });
    for (name, bytes) in &mut set.files {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let (header, row) = match name.as_str() {
            "users.csv" => (",metadata.sid,metadata.no,metadata.ell", ",SX-9,55,Y"),
            "demographics.csv" => (",metadata.frl,metadata.IEP", ",Free,N"),
            _ => continue,
        };
        let lines = text
            .lines()
            .enumerate()
            .map(|(i, line)| format!("{line}{}\n", if i == 0 { header } else { row }));
        *bytes = lines.collect::<String>().into_bytes();
    }
    set
}

#[test]
fn columns_that_the_settings_map_are_read() {
    let outcome = with_metadata().import();
    assert_snapshot!(outcome.found(), @"");
    let student = outcome.student("st1");
    assert_eq!(text(student.person.state_id.as_ref()), Some("SX-9"));
    assert_eq!(text(student.person.number.as_ref()), Some("55"));
    let own = [student.demographics.ell, student.demographics.frl, student.demographics.iep];
    assert_eq!(
        own.each_ref().map(|value| text(value.as_ref())),
        [Some("Y"), Some("Free"), Some("N")]
    );
    let outcome = Set::valid()
        .setting(|s| drop(s.metadata.insert("ell".into(), "metadata.ELL".into())))
        .import();
    assert_snapshot!(outcome.found(), @"warn metadata_column_missing users.csv:1: the settings map ell to the column `metadata.ELL`, which is in no file. Export the column, or ask an operator to correct the setting metadata.");
}

#[test]
fn r_m7_ignored_demographics_are_in_no_line() {
    let spoilt = || {
        with_metadata()
            .change("demographics.csv", "female", "Zfemale")
            .change("demographics.csv", "2018-02-03", "31.13.2018")
            .change("users.csv", "gu1,03,", "gu1,Z03,")
    };
    let ignored = spoilt().preset("family-directory").import();
    assert!(
        ignored
            .all::<roster::records::Student>(RecordKind::Student)
            .iter()
            .all(|student| student.demographics.is_empty())
    );
    let all = format!("{:?}", ignored.lines);
    for value in ["demographics\"", "2018", "female", "asian", "Z03", "Free"] {
        assert!(!all.contains(value), "{value}");
    }
    // The district's ids in the same file are not demographics.
    assert_eq!(text(ignored.student("st1").person.state_id.as_ref()), Some("SX-9"));
    // Findings do not quote values, even if demographics are kept.
    let kept = spoilt().import();
    let found = kept.found();
    assert!(
        found.contains("demographics.csv:2 sex") && found.contains("demographics.csv:2 birthDate"),
        "{found}"
    );
    assert!(!found.contains("2018") && !found.contains("Zfemale"), "{found}");
}

#[test]
fn findings_contain_no_personal_data() {
    let outcome = Set::valid()
        .change("users.csv", "pmoss@lantern.example", "Zzsecret at lantern")
        .change("users.csv", "(312) 555-0142", "Zzphone")
        .change("users.csv", "dfenn,,Dita", "pmoss,Zzids,Dita")
        .rows(
            "users.csv",
            "st3,,,true,s1,wizard,Zzuser,,Zzgiven,Zzfamily,,Zznumber,,,,,,Zzpassword",
        )
        .import();
    assert!(outcome.codes().len() >= 5, "{}", outcome.found());
    assert!(!outcome.found().contains("Zz"), "{}", outcome.found());
}

#[test]
fn r_o3_records_outside_the_shared_schools_are_not_imported() {
    let set = || Set::valid().setting(|s| s.shared_schools = Some(vec!["s1".into(), "s77".into()]));
    let outcome = set()
        .rows("users.csv", "gu2,,,true,s2,parent,ahale,,Ada,Hale,,,,,,st2,,")
        .rows("users.csv", "gu3,,,true,s2,parent,bhale,,Bo,Hale,,,,,,st1,,")
        .rows("courses.csv", "co2,,,,Maths,,,s2,,")
        .import();
    assert_snapshot!(outcome.found(), @r"
    warn shared_school_unknown orgs.csv [org s77]: the setting shared_schools names the school `s77`, which the source does not have. Ask an operator to correct the setting.
    info course_without_class courses.csv: 1 courses have no class. Check whether classes are missing from the export.
    warn agent_one_way users.csv agentSourcedIds: 2 relationships are given in one direction only; they were accepted in both. Name the students in the guardians' rows too.
    ");
    assert_eq!(outcome.ids(RecordKind::School), ["s1"]);
    assert_eq!(outcome.ids(RecordKind::Class), ["c1"]);
    assert_eq!(outcome.ids(RecordKind::Course), ["co1"]);
    assert_eq!(outcome.ids(RecordKind::Student), ["st1"]);
    // A guardian is included with a school or a child.
    assert_eq!(outcome.ids(RecordKind::Guardian), ["gu1", "gu3"]);
    assert_eq!(
        outcome
            .all::<Guardian>(RecordKind::Guardian)
            .iter()
            .map(|g| g.children.len())
            .collect::<Vec<_>>(),
        [1, 1]
    );
    // The teacher also teaches elsewhere. Only classes of the shared schools are included.
    assert_eq!(outcome.teacher("te1").classes.len(), 1);
    assert_eq!(outcome.enrollments, Some(2));
    let none = Set::valid().setting(|s| s.shared_schools = Some(vec![])).import();
    assert_eq!(
        none.counts(),
        "school 0  term 2  course 0  teacher 0  student 0  guardian 0  class 0"
    );
}

#[test]
fn a_person_of_several_kinds_has_a_record_of_each() {
    let outcome = Set::valid_1_2().rows("roles.csv", "r6,,,te1,secondary,parent,,,s1,").import();
    assert_eq!(outcome.ids(RecordKind::Guardian), ["gu1", "te1"]);
    let parent = outcome
        .all::<Guardian>(RecordKind::Guardian)
        .into_iter()
        .find(|guardian| guardian.id.as_str() == "te1")
        .unwrap();
    let schools: Vec<&str> =
        parent.person.schools.iter().map(roster::id::SourceId::as_str).collect();
    assert_eq!(schools, ["s1"], "the schools of that role");
    assert_eq!(sis(), Set::valid().policy);
}
