//! Checks 3 to 7: the manifest.

use insta::assert_snapshot;

use crate::support::Set;

#[test]
fn check_3_no_manifest() {
    let set = Set::valid().without("manifest.csv");
    assert_snapshot!(set.import().found(), @"stop manifest_missing manifest.csv: the export has no manifest.csv. Export again with manifest.csv. If the system can export only OneRoster 1.0, turn on the setting accept_1_0.");
}

#[test]
fn check_3_a_district_on_1_0_needs_no_manifest() {
    // 1.0 always fills status, and names some columns differently.
    let set = Set::valid()
        .without("manifest.csv")
        .file("orgs.csv", "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\nd1,active,2026-01-01,Lantern,local,,\ns1,active,2026-01-01,Harbor,school,,d1\ns2,inactive,2026-01-01,Meadow,school,,d1\n")
        .change("users.csv", "enabledUser,orgSourcedIds", "orgSourcedIds")
        .change("users.csv", ",,,true,", ",,,")
        .change("users.csv", "agentSourcedIds,grades", "agents,grade")
        .setting(|settings| settings.accept_1_0 = true);
    let outcome = set.import();
    assert_snapshot!(outcome.found(), @r"
    warn taken_as_1_0 manifest.csv: the export has no manifest.csv and was read as OneRoster 1.0. Ask the vendor of the student information system for OneRoster 1.1 or 1.2.
    warn header_old_name users.csv:1 agentSourcedIds: the column agentSourcedIds is named `agents`. Use the OneRoster 1.1 name.
    warn header_old_name users.csv:1 grades: the column grades is named `grade`. Use the OneRoster 1.1 name.
    warn optional_column_missing users.csv:1 enabledUser: an optional column is missing: enabledUser. Export all OneRoster columns. An optional column may be empty.
    warn status_spelling orgs.csv:4 status [org s2]: the status `inactive` was read as tobedeleted. Use active or tobedeleted.
    warn datetime_format orgs.csv dateLastModified: dateLastModified does not look like 2026-08-31T12:00:00.000Z (3 of 3 rows). Export it in UTC with milliseconds.
    warn enrollments_of_dropped_classes enrollments.csv: 2 enrollments belong to classes that were skipped. They are used only for classes that are already in the mirror. Correct the classes.
    drop reference_missing classes.csv:3 schoolSourcedId [org s2]: `s2` is named by 1 class and 2 users and is not in orgs.csv. Export the missing record, or correct the reference.
    ");
    assert_snapshot!(outcome.counts(), @"school 1  term 2  course 1  teacher 1  student 1  guardian 1  class 1");
}

#[test]
fn check_4_header_of_the_manifest() {
    assert_snapshot!(Set::valid().change("manifest.csv", "propertyName,value", "name,mode").import().found(), @"stop manifest_header manifest.csv:1: manifest.csv does not start with propertyName,value. Export again. Do not edit manifest.csv.");
    assert_snapshot!(Set::valid().file("manifest.csv", "").import().found(), @"stop manifest_header manifest.csv:1: manifest.csv does not start with propertyName,value. Export again. Do not edit manifest.csv.");
    assert_snapshot!(Set::valid().change("manifest.csv", "propertyName,value", "PropertyName,Value").import().found(), @"warn header_case manifest.csv:1: a column name has the wrong capitalization. Use the column name exactly as OneRoster spells it.");
}

#[test]
fn check_5_properties() {
    let set = Set::valid()
        .change("manifest.csv", "file.categories,absent", "fiel.categories,absent")
        .change("manifest.csv", "file.results,absent", "file.results,none")
        .change(
            "manifest.csv",
            "file.resources,absent",
            "file.resources,ABSENT\nfile.resources,absent",
        );
    assert_snapshot!(set.import().found(), @r"
    warn manifest_property manifest.csv:15: the property `file.resources` is also on line 14; the first one was used. Export again. Do not edit manifest.csv.
    warn manifest_property manifest.csv:5: the property `fiel.categories` is unknown. Export again. Do not edit manifest.csv.
    warn manifest_property manifest.csv:14: `file.resources` is `ABSENT`, which has the wrong capitalization. Export again. Do not edit manifest.csv.
    warn manifest_property manifest.csv:16: `file.results` is `none`, but must be absent, bulk or delta. Export again. Do not edit manifest.csv.
    warn manifest_property manifest.csv: the property `file.categories` is missing. Export again. Do not edit manifest.csv.
    ");
}

#[test]
fn check_5_a_property_that_decides_the_mode_of_a_needed_file() {
    for wrong in ["", "file.users,\n", "file.users,full\n", "fiel.users,bulk\n"] {
        let outcome = Set::valid().change("manifest.csv", "file.users,bulk\n", wrong).import();
        assert!(outcome.refused, "{wrong}");
        assert!(outcome.codes().contains(&"manifest_mode"), "{wrong}: {}", outcome.found());
    }
    assert_snapshot!(Set::valid().change("manifest.csv", "file.users,bulk\n", "").import().found_of("manifest_mode"), @"stop manifest_mode users.csv: the export contains users.csv, but manifest.csv does not say whether it is bulk or delta. Set the file's property in manifest.csv to bulk or delta.");
}

#[test]
fn check_6_version_of_the_manifest() {
    assert_snapshot!(Set::valid().change("manifest.csv", "manifest.version,1.0", "manifest.version,1").import().found(), @"warn manifest_version manifest.csv:2 manifest.version: manifest.version is `1`, not 1.0. Export again. Do not save manifest.csv in a spreadsheet: it changes 1.0 to 1.");
}

#[test]
fn check_7_version_of_oneroster() {
    assert_snapshot!(Set::valid().change("manifest.csv", "oneroster.version,1.1", "oneroster.version,2.0").import().found(), @"warn oneroster_version manifest.csv:3 oneroster.version: oneroster.version is `2.0`; the version of the files was used. Correct oneroster.version in manifest.csv.");
    // The manifest says 1.2 but the files are 1.1, and the reverse: the files count.
    let outcome = Set::valid()
        .change("manifest.csv", "oneroster.version,1.1", "oneroster.version,1.2")
        .import();
    assert_snapshot!(outcome.found_of("oneroster_version"), @"warn oneroster_version manifest.csv oneroster.version: users.csv has roles, as in OneRoster 1.1; roles.csv was ignored. Correct oneroster.version in manifest.csv.");
    assert_eq!(outcome.counts(), Set::valid().import().counts());
    let outcome = Set::valid_1_2()
        .change("manifest.csv", "oneroster.version,1.2", "oneroster.version,1.1")
        .import();
    assert_snapshot!(outcome.found_of("oneroster_version"), @"warn oneroster_version manifest.csv oneroster.version: users.csv has no roles, as in OneRoster 1.2. Correct oneroster.version in manifest.csv.");
    assert_eq!(outcome.counts(), Set::valid().import().counts());
}

#[test]
fn check_7_headers_that_fit_neither_version() {
    let set = Set::valid().change("users.csv", "orgSourcedIds,role,", "orgSourcedIds,position,");
    assert_snapshot!(set.import().found(), @"stop column_missing users.csv:1 role: a required column is missing: role; perhaps `position` is meant. Export the file with this column.");
}
