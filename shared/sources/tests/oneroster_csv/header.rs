//! Checks 14 to 18: headers.

use insta::assert_snapshot;
use roster::records::RecordKind;

use crate::support::Set;

#[test]
fn check_14_header_row_missing() {
    let set = Set::valid();
    let text = set.text("users.csv");
    let (_, rows) = text.split_once('\n').unwrap();
    assert_snapshot!(Set::valid().file("users.csv", rows).import().found(), @r"
    warn header_empty users.csv:1: the header has empty cells. Delete the empty columns.
    stop header_missing users.csv:1: the file has no header row. Export again with a header row.
    ");
    assert_snapshot!(Set::valid().file("users.csv", "").import().found(), @"stop header_missing users.csv:1: the file has no header row. Export again with a header row.");
}

#[test]
fn check_14_columns_missing() {
    let set = Set::valid().change("enrollments.csv", "userSourcedId", "metadata.who").change(
        "enrollments.csv",
        ",beginDate",
        ",metadata.from",
    );
    assert_snapshot!(set.import().found(), @r"
    stop column_missing enrollments.csv:1 userSourcedId: a required column is missing: userSourcedId. Export the file with this column.
    warn optional_column_missing enrollments.csv:1 beginDate: an optional column is missing: beginDate. Export all OneRoster columns. An optional column may be empty.
    info extension_column enrollments.csv:1 `metadata.who`: the extra column `metadata.who` is left of a OneRoster column. Nothing to do: the column is ignored.
    info extension_column enrollments.csv:1 `metadata.from`: the extra column `metadata.from` is left of a OneRoster column. Nothing to do: the column is ignored.
    ");
    let outcome = Set::valid().change("users.csv", ",middleName", ",metadata.middle").import();
    assert_snapshot!(outcome.found(), @r"
    warn optional_column_missing users.csv:1 middleName: an optional column is missing: middleName. Export all OneRoster columns. An optional column may be empty.
    info extension_column users.csv:1 `metadata.middle`: the extra column `metadata.middle` is left of a OneRoster column. Nothing to do: the column is ignored.
    ");
    assert_eq!(outcome.ids(RecordKind::Student), ["st1", "st2"]);
}

#[test]
fn check_15_another_case_and_misspelled() {
    let set = Set::valid();
    let lower = set.text("users.csv").lines().next().unwrap().to_lowercase();
    let header = set.text("users.csv").lines().next().unwrap().to_owned();
    let outcome = set.change("users.csv", &header, &lower).import();
    assert_snapshot!(outcome.found_of("header_case").lines().take(2).collect::<Vec<_>>().join("\n"), @r"
    warn header_case users.csv:1 sourcedId: the column sourcedId is named `sourcedid`. Use the column name exactly as OneRoster spells it.
    warn header_case users.csv:1 dateLastModified: the column dateLastModified is named `datelastmodified`. Use the column name exactly as OneRoster spells it.
    ");
    assert_eq!(
        outcome.lines[&crate::support::records("student")],
        Set::valid().import().lines[&crate::support::records("student")]
    );
    assert_snapshot!(Set::valid().change("users.csv", "familyName", "familyNmae").import().found(), @"stop column_missing users.csv:1 familyName: a required column is missing: familyName; perhaps `familyNmae` is meant. Export the file with this column.");
}

#[test]
fn header_names_of_1_0_are_accepted() {
    let outcome = Set::valid()
        .change("users.csv", "agentSourcedIds,grades", "agents,grade")
        .change("users.csv", "userIds", "userId")
        .change("demographics.csv", "birthDate", "birthdate")
        .import();
    assert_snapshot!(outcome.found(), @r"
    warn header_old_name users.csv:1 userIds: the column userIds is named `userId`. Use the OneRoster 1.1 name.
    warn header_old_name users.csv:1 agentSourcedIds: the column agentSourcedIds is named `agents`. Use the OneRoster 1.1 name.
    warn header_old_name users.csv:1 grades: the column grades is named `grade`. Use the OneRoster 1.1 name.
    warn header_case demographics.csv:1 birthDate: the column birthDate is named `birthdate`. Use the column name exactly as OneRoster spells it.
    ");
    assert_eq!(
        outcome.lines[&crate::support::records("student")],
        Set::valid().import().lines[&crate::support::records("student")]
    );
}

#[test]
fn demographics_of_1_0_are_read_by_their_user() {
    // The optional file refused the whole set.
    let outcome = Set::valid().change("demographics.csv", "sourcedId,", "userSourcedId,").import();
    assert_snapshot!(outcome.found(), @"warn header_old_name demographics.csv:1 sourcedId: the column sourcedId is named `userSourcedId`. Use the OneRoster 1.1 name.");
    assert_eq!(
        outcome.records(RecordKind::Student),
        Set::valid().import().records(RecordKind::Student)
    );
}

#[test]
fn check_16_column_order() {
    let mut set = Set::valid();
    for (name, bytes) in &mut set.files {
        if name != "manifest.csv" && name != "users.csv" && name != "classes.csv" {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let reversed: Vec<String> = text
                .lines()
                .map(|line| line.split(',').rev().collect::<Vec<_>>().join(","))
                .collect();
            *bytes = reversed.join("\n").into_bytes();
        }
    }
    let outcome = set.import();
    assert_snapshot!(outcome.found(), @r"
    warn column_order orgs.csv:1: the columns are not in the OneRoster order. Export the columns in the OneRoster order.
    warn column_order academicSessions.csv:1: the columns are not in the OneRoster order. Export the columns in the OneRoster order.
    warn column_order courses.csv:1: the columns are not in the OneRoster order. Export the columns in the OneRoster order.
    warn column_order demographics.csv:1: the columns are not in the OneRoster order. Export the columns in the OneRoster order.
    warn column_order enrollments.csv:1: the columns are not in the OneRoster order. Export the columns in the OneRoster order.
    ");
    assert_eq!(
        outcome.records(RecordKind::Student),
        Set::valid().import().records(RecordKind::Student)
    );
}

#[test]
fn check_17_duplicate_and_empty_names() {
    assert_snapshot!(Set::valid().change("users.csv", ",sms,", ",email,").import().found(), @r"
    stop column_twice users.csv:1 email: the column `email` appears twice in the header. Keep only one of the two columns.
    warn optional_column_missing users.csv:1 sms: an optional column is missing: sms. Export all OneRoster columns. An optional column may be empty.
    ");
    let mut set = Set::valid();
    for (name, bytes) in &mut set.files {
        if name == "orgs.csv" {
            let text = String::from_utf8(bytes.clone()).unwrap();
            *bytes =
                text.lines().map(|line| format!("{line},,\n")).collect::<String>().into_bytes();
        }
    }
    let outcome = set.import();
    assert_snapshot!(outcome.found(), @"warn header_empty orgs.csv:1: the header has empty cells. Delete the empty columns.");
    assert_eq!(outcome.ids(RecordKind::School), ["s1", "s2"]);
}

#[test]
fn check_18_extension_columns() {
    let mut set = Set::valid();
    for (name, bytes) in &mut set.files {
        let text = String::from_utf8(bytes.clone()).unwrap();
        if name == "orgs.csv" {
            *bytes =
                text.lines().map(|line| format!("x,{line},y\n")).collect::<String>().into_bytes();
        }
    }
    let outcome = set
        .change("orgs.csv", "x,sourcedId", "metadata.zone,sourcedId")
        .change("orgs.csv", "Id,y", "Id,homepage")
        .import();
    assert_snapshot!(outcome.found(), @r"
    info extension_column orgs.csv:1 `metadata.zone`: the extra column `metadata.zone` is left of a OneRoster column. Nothing to do: the column is ignored.
    info extension_column orgs.csv:1 `homepage`: the extra column `homepage` is not named metadata.*. Nothing to do: the column is ignored.
    ");
    assert_eq!(outcome.ids(RecordKind::School), ["s1", "s2"]);
}

#[test]
fn r_x4_all_headers_are_reported_at_once() {
    // Three files with wrong headers and one missing file took four uploads to repair.
    let set = || {
        Set::valid()
            .change("orgs.csv", "name,type", "name,kind")
            .change("users.csv", "familyName", "surname")
            .change("enrollments.csv", "userSourcedId", "person")
            .without("courses.csv")
    };
    let outcome = set().import();
    assert!(outcome.refused);
    assert_snapshot!(outcome.found_of("column_missing"), @r"
    stop column_missing orgs.csv:1 type: a required column is missing: type; perhaps `kind` is meant. Export the file with this column.
    stop column_missing users.csv:1 familyName: a required column is missing: familyName; perhaps `surname` is meant. Export the file with this column.
    stop column_missing enrollments.csv:1 userSourcedId: a required column is missing: userSourcedId; perhaps `person` is meant. Export the file with this column.
    ");
    assert_snapshot!(outcome.found_of("file_missing"), @"stop file_missing courses.csv: manifest.csv lists courses.csv, but the file is missing. Export again and include this file.");
    assert_eq!(set().import_folder().found(), outcome.found());
    // A manifest that cannot be used does not hide the other files.
    let outcome = set().change("manifest.csv", "propertyName,value", "name,mode").import();
    assert_eq!(outcome.findings.totals["column_missing"].count, 3);
    assert_eq!(outcome.findings.totals["manifest_header"].count, 1);
    // An encoding that cannot be read, an empty file and a file of another product.
    let outcome = Set::valid()
        .bytes("orgs.csv", b"sourcedId,n\xe4me\n".to_vec())
        .file("courses.csv", "")
        .change("users.csv", "sourcedId", "SIS ID")
        .change("classes.csv", "schoolSourcedId", "school")
        .import();
    assert_eq!(outcome.codes(), ["column_missing", "header_missing", "not_utf8", "sds_files"]);
}

#[test]
fn r_x4_a_header_is_reported_once() {
    let outcome = Set::valid().change("users.csv", "middleName", "homeLanguage").import();
    assert_eq!(outcome.findings.totals["optional_column_missing"].count, 1);
    // In a delta over an earlier set, that set's header is not reported again.
    let delta = Set::delta(&[(
        "users.csv",
        "st1,active,2026-09-01T00:00:00.000Z,true,s1,student,pmoss,,Pia,Moss,,,,,,gu1,,\n",
    )]);
    let earlier = Set::valid().change("users.csv", "middleName", "homeLanguage");
    assert_eq!(delta.after(vec![earlier]).import().codes(), Vec::<&str>::new());
}

#[test]
fn r_h3_a_file_cut_off_in_its_header_is_refused() {
    let outcome = Set::valid().file("users.csv", "sourcedId,status,dateLastMod").import();
    assert_snapshot!(outcome.found_of("file_cut_off"), @"stop file_cut_off users.csv:1: users.csv ends in the middle of its header. Records at the end of the file are missing. Export again, wait until the export has ended, and send the complete file.");
}

#[test]
fn check_14_other_separators_are_named() {
    let separated = |separator: &str, names: &[&str]| {
        let mut set = Set::valid();
        for (name, bytes) in &mut set.files {
            if names.contains(&name.as_str()) || names.is_empty() {
                let text = String::from_utf8(bytes.clone()).unwrap();
                *bytes = text.replace(',', separator).into_bytes();
            }
        }
        set.import()
    };
    let outcome = separated(";", &[]);
    assert!(outcome.refused);
    assert_eq!(outcome.codes(), ["separator"]);
    assert_eq!(outcome.findings.totals["separator"].count, 8);
    assert_snapshot!(outcome.found().lines().next().unwrap(), @"stop separator manifest.csv:1: the cells of manifest.csv are separated by semicolons, not by commas. Export with commas as separators. If the file was saved in a spreadsheet, send the file as it was exported.");
    assert_snapshot!(separated("\t", &["users.csv"]).found(), @"stop separator users.csv:1: the cells of users.csv are separated by tabs, not by commas. Export with commas as separators. If the file was saved in a spreadsheet, send the file as it was exported.");
    let quoted = Set::valid()
        .file("orgs.csv", "\"sourcedId\";\"status\";\"name\"\n\"d1\";\"\";\"Oak\"\n")
        .import();
    assert_eq!(quoted.codes(), ["separator"]);
}

#[test]
fn check_15_renamed_columns_are_recognized() {
    let outcome = Set::valid()
        .change("users.csv", ",email,", ",Email Address,")
        .change("users.csv", ",middleName,", ",homeLanguage,")
        .change("demographics.csv", "birthDate", "Date of Birth")
        .import();
    assert_snapshot!(outcome.found(), @r"
    warn column_renamed users.csv:1 email: the column email is missing; perhaps `Email Address` is meant. Name the column exactly as OneRoster spells it; until then its values are ignored.
    warn column_renamed demographics.csv:1 birthDate: the column birthDate is missing; perhaps `Date of Birth` is meant. Name the column exactly as OneRoster spells it; until then its values are ignored.
    warn optional_column_missing users.csv:1 middleName: an optional column is missing: middleName. Export all OneRoster columns. An optional column may be empty.
    info extension_column users.csv:1 `homeLanguage`: the extra column `homeLanguage` is not named metadata.*. Nothing to do: the column is ignored.
    ");
    // A required one refuses the set. A name is suggested for one column only.
    let outcome = Set::valid()
        .change("users.csv", "givenName,familyName", "First Name,Last_name")
        .change(
            "enrollments.csv",
            "classSourcedId,schoolSourcedId,userSourcedId",
            "section,school,user",
        )
        .change("orgs.csv", ",name,type", ",title,orgType")
        .import();
    assert_snapshot!(outcome.found(), @r"
    stop column_missing orgs.csv:1 name: a required column is missing: name; perhaps `title` is meant. Export the file with this column.
    stop column_missing orgs.csv:1 type: a required column is missing: type; perhaps `orgType` is meant. Export the file with this column.
    stop column_missing users.csv:1 givenName: a required column is missing: givenName; perhaps `First Name` is meant. Export the file with this column.
    stop column_missing users.csv:1 familyName: a required column is missing: familyName; perhaps `Last_name` is meant. Export the file with this column.
    stop column_missing enrollments.csv:1 classSourcedId: a required column is missing: classSourcedId; perhaps `section` is meant. Export the file with this column.
    stop column_missing enrollments.csv:1 schoolSourcedId: a required column is missing: schoolSourcedId; perhaps `school` is meant. Export the file with this column.
    stop column_missing enrollments.csv:1 userSourcedId: a required column is missing: userSourcedId; perhaps `user` is meant. Export the file with this column.
    ");
}
