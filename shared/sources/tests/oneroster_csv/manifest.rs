//! Checks 3 to 7: the manifest.

use insta::assert_snapshot;

use crate::support::Set;

#[test]
fn check_3_no_manifest() {
    let set = Set::valid().without("manifest.csv");
    assert_snapshot!(set.import().found(), @"stop manifest_missing manifest.csv: the set has no manifest.csv. Export it with its manifest; if the system can write OneRoster 1.0 only, set accept_1_0.");
}

#[test]
fn check_3_a_district_of_1_0_needs_none() {
    // 1.0 fills in status always, and has other names for some columns.
    let set = Set::valid()
        .without("manifest.csv")
        .file("orgs.csv", "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\nd1,active,2026-01-01,Lantern,local,,\ns1,active,2026-01-01,Harbor,school,,d1\ns2,inactive,2026-01-01,Meadow,school,,d1\n")
        .change("users.csv", "enabledUser,orgSourcedIds", "orgSourcedIds")
        .change("users.csv", ",,,true,", ",,,")
        .change("users.csv", "agentSourcedIds,grades", "agents,grade")
        .setting(|settings| settings.accept_1_0 = true);
    let outcome = set.import();
    assert_snapshot!(outcome.found(), @r"
    warn taken_as_1_0 manifest.csv: the set has no manifest.csv and is read as OneRoster 1.0. Ask the system's vendor for OneRoster 1.1 or 1.2.
    warn status_spelling orgs.csv:4 status [org s2]: the status `inactive` is read as tobedeleted. Write active or tobedeleted.
    warn datetime_format orgs.csv dateLastModified: dateLastModified is not like 2026-08-31T12:00:00.000Z (3 of 3 rows). Export it in UTC with milliseconds.
    drop reference_missing classes.csv:3 schoolSourcedId [class c2]: schoolSourcedId leads to a record that is not in the set. Export the record that it refers to, or correct the reference.
    warn header_old_name users.csv:1 agentSourcedIds: the column agentSourcedIds is called `agents`. Write the header as OneRoster 1.1 does.
    warn header_old_name users.csv:1 grades: the column grades is called `grade`. Write the header as OneRoster 1.1 does.
    warn optional_column_missing users.csv:1 enabledUser: an optional column is missing: enabledUser. Export the file with all columns of the standard; a column may be empty.
    warn optional_reference_missing users.csv:2 orgSourcedIds [user te1]: 1 of the orgs in orgSourcedIds are not in the set; the others count. Export the record that it refers to, or correct the reference.
    drop reference_missing users.csv:4 orgSourcedIds [user st2]: 1 of the orgs in orgSourcedIds are not in the set. Export the record that it refers to, or correct the reference.
    warn enrollments_of_dropped_classes enrollments.csv: 2 enrollments belong to classes that are left out and are left out with them. Correct the classes.
    ");
    assert_snapshot!(outcome.counts(), @"school 1  term 2  course 1  teacher 1  student 1  guardian 1  class 1");
}

#[test]
fn check_4_the_manifests_header() {
    assert_snapshot!(Set::valid().change("manifest.csv", "propertyName,value", "name,mode").import().found(), @"stop manifest_header manifest.csv:1: manifest.csv does not begin with propertyName,value. Export the set again; do not edit the manifest.");
    assert_snapshot!(Set::valid().file("manifest.csv", "").import().found(), @"stop manifest_header manifest.csv:1: manifest.csv does not begin with propertyName,value. Export the set again; do not edit the manifest.");
    assert_snapshot!(Set::valid().change("manifest.csv", "propertyName,value", "PropertyName,Value").import().found(), @"warn header_case manifest.csv:1: a column's name has other capitals than the standard's. Write the header as the standard does.");
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
    warn manifest_property manifest.csv:15: the property `file.resources` stands on line 14 too; the first counts. Export the set again; do not edit the manifest.
    warn manifest_property manifest.csv:5: the property `fiel.categories` is unknown. Export the set again; do not edit the manifest.
    warn manifest_property manifest.csv:14: `file.resources` is `ABSENT`, in other capitals than the standard's. Export the set again; do not edit the manifest.
    warn manifest_property manifest.csv:16: `file.results` is `none`, none of absent, bulk and delta. Export the set again; do not edit the manifest.
    warn manifest_property manifest.csv: the property `file.categories` is missing. Export the set again; do not edit the manifest.
    ");
}

#[test]
fn check_5_a_property_that_decides_the_mode_of_a_needed_file() {
    for wrong in ["", "file.users,\n", "file.users,full\n", "fiel.users,bulk\n"] {
        let outcome = Set::valid().change("manifest.csv", "file.users,bulk\n", wrong).import();
        assert!(outcome.refused, "{wrong}");
        assert!(outcome.codes().contains(&"manifest_mode"), "{wrong}: {}", outcome.found());
    }
    assert_snapshot!(Set::valid().change("manifest.csv", "file.users,bulk\n", "").import().found_of("manifest_mode"), @"stop manifest_mode users.csv: users.csv is there, and manifest.csv does not tell its mode. Correct the file's property in the manifest to bulk or delta.");
}

#[test]
fn check_6_the_manifests_version() {
    assert_snapshot!(Set::valid().change("manifest.csv", "manifest.version,1.0", "manifest.version,1").import().found(), @"warn manifest_version manifest.csv:2 manifest.version: manifest.version is `1`, not 1.0. Export the set again; spreadsheets change 1.0 to 1.");
}

#[test]
fn check_7_the_version_of_oneroster() {
    assert_snapshot!(Set::valid().change("manifest.csv", "oneroster.version,1.1", "oneroster.version,2.0").import().found(), @"warn oneroster_version manifest.csv:3 oneroster.version: oneroster.version is `2.0`; the files tell which it is. Correct the version in the manifest.");
    // Says 1.2 and is 1.1, and the other way round: the files count.
    let outcome = Set::valid()
        .change("manifest.csv", "oneroster.version,1.1", "oneroster.version,1.2")
        .import();
    assert_snapshot!(outcome.found_of("oneroster_version"), @"warn oneroster_version manifest.csv oneroster.version: users.csv has the roles of OneRoster 1.1; roles.csv is not read. Correct the version in the manifest.");
    assert_eq!(outcome.counts(), Set::valid().import().counts());
    let outcome = Set::valid_1_2()
        .change("manifest.csv", "oneroster.version,1.2", "oneroster.version,1.1")
        .import();
    assert_snapshot!(outcome.found_of("oneroster_version"), @"warn oneroster_version manifest.csv oneroster.version: users.csv has no roles, as in OneRoster 1.2. Correct the version in the manifest.");
    assert_eq!(outcome.counts(), Set::valid().import().counts());
}

#[test]
fn check_7_headers_that_fit_neither_version() {
    let set = Set::valid().change("users.csv", "orgSourcedIds,role,", "orgSourcedIds,position,");
    assert_snapshot!(set.import().found(), @r"
    stop column_missing users.csv:1 role: a required column is missing: role. Export the file with this column.
    info extension_column users.csv:1 `position`: a column of its own is not named metadata.*, or not at the right. Nothing to do: it is not read.
    ");
}
