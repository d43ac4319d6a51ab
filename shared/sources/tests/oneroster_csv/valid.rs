//! Valid sets.

use crate::support::Set;
use insta::assert_snapshot;
use roster::records::RecordKind;

#[test]
fn a_valid_set_of_1_1_is_imported_without_findings() {
    let outcome = Set::valid().import();
    assert_snapshot!(outcome.found(), @"");
    assert_snapshot!(outcome.unreadable(), @"");
    assert_snapshot!(outcome.counts(), @"school 2  term 2  course 1  teacher 1  student 2  guardian 1  class 2");
    assert_snapshot!(outcome.records(RecordKind::Student), @r#"
    {"id":"st2","person":{"given":"Dita","family":"Fenn","email":"dfenn@lantern.example","username":"dfenn","number":"1002","schools":["s2"]},"demographics":{"grades":["03"]},"guardians":["gu1"],"classes":["c2"]}
    {"id":"st1","person":{"given":"Perrin","family":"Moss","middle":"J","email":"pmoss@lantern.example","username":"pmoss","number":"1001","schools":["s1"]},"demographics":{"grades":["03"],"races":["asian","white"],"hispanic":"false","gender":"female","birth_date":"2018-02-03"},"guardians":["gu1"],"classes":[{"id":"c1","begin":"2026-08-20"}]}
    "#);
    assert_snapshot!(outcome.records(RecordKind::Teacher), @r#"{"id":"te1","person":{"given":"Orla","family":"Vale","email":"orla.vale@lantern.example","username":"ovale","number":"T-1","schools":["s1","s2"]},"classes":[{"id":"c1","primary":true},{"id":"c2","primary":true}]}"#);
    assert_snapshot!(outcome.records(RecordKind::Guardian), @r#"{"id":"gu1","person":{"given":"Runa","family":"Moss","email":"runa@mail.example","sms":"+13125550142","username":"rmoss","schools":["s1"]},"role":"parent","children":["st1","st2"]}"#);
    assert_snapshot!(outcome.records(RecordKind::School), @r#"
    {"id":"s1","name":"Harbor School","identifier":"NC-1","parent":"d1"}
    {"id":"s2","name":"Meadow School","identifier":"NC-2","parent":"d1"}
    "#);
    assert_snapshot!(outcome.records(RecordKind::Term), @r#"
    {"id":"y27","title":"2026-27","kind":"schoolYear","start":"2026-08-01","end":"2027-07-01","school_year":"2027"}
    {"id":"t1","title":"Fall","kind":"term","start":"2026-08-01","end":"2027-01-15","parent":"y27","school_year":"2027"}
    "#);
    assert_snapshot!(outcome.records(RecordKind::Course), @r#"{"id":"co1","title":"Reading","code":"RD","org":"s1","school_year":"y27","grades":["03"],"subjects":["English"],"subject_codes":["01001"]}"#);
}

#[test]
fn roles_and_preferred_names_of_a_1_2_set_are_imported() {
    let outcome = Set::valid_1_2().import();
    assert_snapshot!(outcome.found(), @"");
    assert_snapshot!(outcome.unreadable(), @"");
    assert_eq!(outcome.counts(), Set::valid().import().counts());
    assert_eq!(
        outcome.records(RecordKind::Class),
        Set::valid().import().records(RecordKind::Class)
    );
    let perrin = outcome.student("st1").person;
    assert_eq!(
        perrin.preferred_given.as_ref().map(roster::personal::Personal::reveal),
        Some("Perry")
    );
    // The main org first, although the row of the other role is first.
    let schools: Vec<String> =
        outcome.teacher("te1").person.schools.iter().map(|id| id.as_str().to_owned()).collect();
    assert_eq!(schools, ["s2", "s1"]);
}

#[test]
fn a_folder_is_imported_like_a_zip_of_the_same_files() {
    let (folder, zip) = (Set::valid().import_folder(), Set::valid().import());
    assert_eq!(folder.lines, zip.lines);
}
