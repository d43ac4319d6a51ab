//! Checks 19 to 21: rows, cells and quotes.

use insta::assert_snapshot;
use roster::records::RecordKind;

use crate::support::Set;

#[test]
fn check_19_rows_with_a_wrong_number_of_cells() {
    let outcome = Set::valid()
        .rows("users.csv", "st3,,,true,s1,student,ahale,,Ada")
        .rows("users.csv", "st4,,,true,s1,student,bhale,,Bo,Hale,,,,,,,,,surplus")
        .rows("orgs.csv", "s3,,,Hill School")
        .import();
    assert_snapshot!(outcome.found(), @r"
    drop cell_count orgs.csv:5 [org s3]: the row has 4 cells, the header 7. Put cells that contain commas in quotes, and export again.
    drop cell_count users.csv:6 [user st3]: the row has 9 cells, the header 18. Put cells that contain commas in quotes, and export again.
    drop cell_count users.csv:7 [user st4]: the row has 19 cells, the header 18. Put cells that contain commas in quotes, and export again.
    ");
    // R-H3: the role of such a row is unknown, so each kind of person is unreadable.
    assert_snapshot!(outcome.unreadable(), @r#"
    {"gap":"record","kind":"school","id":"s3"}
    {"gap":"record","kind":"teacher","id":"st3"}
    {"gap":"record","kind":"teacher","id":"st4"}
    {"gap":"record","kind":"student","id":"st3"}
    {"gap":"record","kind":"student","id":"st4"}
    {"gap":"record","kind":"guardian","id":"st3"}
    {"gap":"record","kind":"guardian","id":"st4"}
    "#);
}

#[test]
fn check_19_short_rows_whose_missing_cells_are_optional_and_blank_extra_cells() {
    let outcome = Set::valid()
        .rows("users.csv", "st3,,,true,s1,student,ahale,,Ada,Hale")
        .rows("users.csv", "st4,,,true,s1,student,bhale,,Bo,Hale,,,,,,,,,,,")
        .import();
    assert_snapshot!(outcome.found(), @r"
    warn cells_short users.csv:6 [user st3]: the row has 10 cells, the header 18; the missing cells are optional and were read as blank. Export every row with all its cells.
    warn cells_extra users.csv:7 [user st4]: a row has extra blank cells at its end. Export every row with as many cells as the header.
    warn students_without_class enrollments.csv: 2 students have no enrollment. Check whether these students are enrolled.
    ");
    assert_eq!(outcome.ids(RecordKind::Student), ["st1", "st2", "st3", "st4"]);
}

#[test]
fn check_19_an_id_that_is_not_in_the_first_cell_is_not_trusted_in_such_a_row() {
    let outcome = Set::valid()
        .file("orgs.csv", "name,type,sourcedId,status,dateLastModified,identifier,parentSourcedId\nHarbor,school,s1,,,,\nMeadow,school,s2,,,,\nHill, Dale and Co,school,s3,,,,\n")
        .import();
    assert_snapshot!(outcome.unreadable(), @r#"{"gap":"kind","kind":"school"}"#);
}

#[test]
fn check_20_unclosed_quote() {
    let set = Set::valid().change("users.csv", "Perrin", "\"Perrin");
    assert_snapshot!(set.import().found(), @r"
    drop quote_stray users.csv:3: a quoted cell runs into the next lines, which may be lost with it. Double every quote inside a quoted cell.
    stop quote_unclosed users.csv:3: a quoted cell has no closing quote. Add the closing quote, and double every quote inside a quoted cell.
    ");
    // The quote is closed where another begins: an odd number of quotes, and the line of the first
    // irregular row.
    let set = Set::valid().change("users.csv", "{LDAP:pmoss}", "\"{LDAP:pmoss}");
    assert_snapshot!(set.import().found(), @r"
    drop quote_stray users.csv:3: a quoted cell runs into the next lines, which may be lost with it. Double every quote inside a quoted cell.
    stop quote_unclosed users.csv:3: a quoted cell has no closing quote. Add the closing quote, and double every quote inside a quoted cell.
    ");
    let quoted = |text: &str| {
        text.lines()
            .map(|line| format!("\"{}\"\n", line.replace('"', "").replace(',', "\",\"")))
            .collect::<String>()
    };
    let set = Set::valid();
    let text = quoted(&set.text("orgs.csv")).replace("\"Harbor School\"", "\"Harbor School");
    assert_snapshot!(set.file("orgs.csv", &text).import().found(), @"drop quote_stray orgs.csv:3 [org s1]: a row has text after a closing quote. Double every quote inside a quoted cell.");
}

#[test]
fn check_20_quotes_that_swallow_rows() {
    // Two unclosed quotes: rows between them may be lost, so no record of the kind is removed
    // (R-H3).
    let outcome = Set::valid()
        .change("enrollments.csv", "e2,,,c1", "e2,,,\"c1")
        .rows("enrollments.csv", "e5,,,\"c2,s2,st1,student,,,")
        .import();
    assert_snapshot!(outcome.found(), @r"
    drop quote_stray enrollments.csv:3: a quoted cell runs into the next lines, which may be lost with it. Double every quote inside a quoted cell.
    warn students_without_class enrollments.csv: 2 students have no enrollment. Check whether these students are enrolled.
    ");
    assert_snapshot!(outcome.unreadable(), @r#"{"gap":"enrollment"}"#);
}

#[test]
fn check_20_text_after_a_closing_quote_drops_the_row() {
    let outcome = Set::valid()
        .rows("users.csv", "st3,,,true,s1,student,ahale,,\"Ada\" Lou,Hale,,,,,,,,")
        .import();
    assert_snapshot!(outcome.found(), @"drop quote_stray users.csv:6 [user st3]: a row has text after a closing quote. Double every quote inside a quoted cell.");
    assert_snapshot!(outcome.unreadable(), @r#"
    {"gap":"record","kind":"teacher","id":"st3"}
    {"gap":"record","kind":"student","id":"st3"}
    {"gap":"record","kind":"guardian","id":"st3"}
    "#);
}

#[test]
fn check_20_readable_line_breaks_and_quotes() {
    let outcome = Set::valid()
        .change("orgs.csv", "Harbor School", "\"Harbor\nSchool\"")
        .change("courses.csv", "Reading", "5\" Reading")
        .change("orgs.csv", "Meadow School", "\"Meadow \"\"West\"\" School\"")
        .import();
    assert_snapshot!(outcome.found(), @r"
    warn line_break orgs.csv:3 [org s1]: a cell contains a line break. Remove line breaks from the data.
    warn quote_inside courses.csv:2 [course co1]: an unquoted cell contains a quote; the quote was kept. Put the cell in quotes, and double the quotes inside it.
    ");
    assert_snapshot!(outcome.records(RecordKind::School), @r#"
    {"id":"s1","name":"Harbor\nSchool","identifier":"NC-1","parent":"d1"}
    {"id":"s2","name":"Meadow \"West\" School","identifier":"NC-2","parent":"d1"}
    "#);
    assert_snapshot!(outcome.records(RecordKind::Course), @r#"{"id":"co1","title":"5\" Reading","code":"RD","org":"s1","school_year":"y27","grades":["03"],"subjects":["English"],"subject_codes":["01001"]}"#);
}

#[test]
fn all_kinds_of_line_ends_and_none_at_the_end() {
    let expected = Set::valid().import();
    for (ends, note) in [("\r\n", ""), ("\r", "line_ends"), ("\n\n", ""), ("\n", "")] {
        let mut set = Set::valid();
        for (_, bytes) in &mut set.files {
            let text = String::from_utf8(bytes.clone()).unwrap();
            *bytes = text.trim_end().replace('\n', ends).into_bytes();
        }
        let outcome = set.import();
        assert_eq!(outcome.codes(), if note.is_empty() { vec![] } else { vec![note] }, "{ends:?}");
        assert_eq!(
            outcome.records(RecordKind::Class),
            expected.records(RecordKind::Class),
            "{ends:?}"
        );
    }
}

#[test]
fn rows_of_blank_cells_are_skipped() {
    let outcome = Set::valid().rows("orgs.csv", ",,,,,,").import();
    assert_snapshot!(outcome.found(), @"warn blank_row orgs.csv:5: a row has only blank cells and was skipped. Delete the row.");
    assert_snapshot!(outcome.unreadable(), @"");
}

#[test]
fn nul_bytes_drop_the_row() {
    let outcome = Set::valid()
        .change("users.csv", "Perrin", "Per\0rin")
        .rows("orgs.csv", "s\x003,,,Hill,school,,")
        .import();
    assert_snapshot!(outcome.found(), @r"
    drop nul_byte orgs.csv:5: a row contains NUL bytes. Export again, and check the record for damage.
    drop nul_byte users.csv:3 [user st1]: a row contains NUL bytes. Export again, and check the record for damage.
    ");
    assert_snapshot!(outcome.unreadable(), @r#"
    {"gap":"kind","kind":"school"}
    {"gap":"record","kind":"teacher","id":"st1"}
    {"gap":"record","kind":"student","id":"st1","classes":[{"id":"c1","begin":"2026-08-20"}]}
    {"gap":"record","kind":"guardian","id":"st1"}
    "#);
}

#[test]
fn a_binary_file_refuses_the_set() {
    assert_eq!(
        Set::valid().file("users.csv", &"x".repeat(5 << 20)).import_folder().codes(),
        ["row_too_long"]
    );
    let set = Set::valid();
    let text = set.text("users.csv") + &"x".repeat(5 << 20);
    assert_snapshot!(set.file("users.csv", &text).import_folder().found(), @"stop row_too_long users.csv:6: a row is longer than 4 MB, so this is not a CSV file. Export the file again.");
}

#[test]
fn check_21_header_only() {
    let only = |name: &str| Set::valid().file(name, &crate::support::header(name)).import();
    for name in [
        "orgs.csv",
        "academicSessions.csv",
        "courses.csv",
        "classes.csv",
        "users.csv",
        "enrollments.csv",
    ] {
        assert!(only(name).refused, "{name}");
    }
    assert_snapshot!(only("users.csv").found(), @"stop no_rows users.csv: the file has a header but no rows. Export the file with its rows. If there are none, leave the file out and mark it as absent in manifest.csv.");
    assert_snapshot!(only("demographics.csv").found(), @"warn no_rows demographics.csv: the file has a header but no rows. Export the file with its rows. If there are none, leave the file out and mark it as absent in manifest.csv.");
}

#[test]
fn r_h3_a_file_cut_off_in_its_last_row_is_refused() {
    let cut = |name: &str, from: &str| {
        let text = Set::valid().text(name);
        let at = text.find(from).unwrap() + from.len();
        Set::valid().file(name, &text[..at]).import()
    };
    // The user trial's file: users.csv ends after a few cells of a row. Everyone behind it would
    // have been archived.
    let outcome = cut("users.csv", "st2,,,tr");
    assert!(outcome.refused);
    assert_snapshot!(outcome.found(), @"stop file_cut_off users.csv:4: users.csv ends in the middle of a row: line 4 has 4 of 18 cells and no line end. Records at the end of the file are missing. Export again, wait until the export has ended, and send the complete file.");
    // All required cells are there, but the row is not complete.
    assert_snapshot!(cut("users.csv", "Dita,Fenn,").found(), @"stop file_cut_off users.csv:4: users.csv ends in the middle of a row: line 4 has 11 of 18 cells and no line end. Records at the end of the file are missing. Export again, wait until the export has ended, and send the complete file.");
    // The file ends inside a quoted cell.
    assert_snapshot!(cut("users.csv", "\"s1,").found(), @"stop file_cut_off users.csv:2: users.csv ends inside a quoted cell on line 2. Records at the end of the file are missing. Export again, wait until the export has ended, and send the complete file.");
    // The optional file and the manifest count too.
    assert_snapshot!(cut("demographics.csv", "2018-02-03,fem").found(), @"stop file_cut_off demographics.csv:2: demographics.csv ends in the middle of a row: line 2 has 5 of 16 cells and no line end. Records at the end of the file are missing. Export again, wait until the export has ended, and send the complete file.");
    assert_snapshot!(cut("manifest.csv", "source.systemN").found(), @"stop file_cut_off manifest.csv:17: manifest.csv ends in the middle of a row: line 17 has 1 of 2 cells and no line end. Records at the end of the file are missing. Export again, wait until the export has ended, and send the complete file.");
}

#[test]
fn r_h3_a_file_cut_anywhere_is_refused_or_ends_with_a_complete_row() {
    for (name, quoted) in [("users.csv", false), ("users.csv", true), ("enrollments.csv", true)] {
        let mut text = Set::valid().text(name);
        if quoted {
            let one = text.replace("\"s1,s2\"", "s1").replace("\"st1,st2\"", "st1");
            text = one.lines().map(|row| format!("\"{}\"\n", row.replace(',', "\",\""))).collect();
        }
        let header = text.lines().next().unwrap();
        let width = header.split(',').count();
        for at in 1..text.len() {
            let outcome = Set::valid().file(name, &text[..at]).import();
            let last = text[..at].trim_end_matches('\n').lines().last().unwrap();
            let cells = csv_cells(last);
            let at_line_end = text[..at].ends_with('\n') || cells == Some(width);
            let has_rows = at > header.len() + 1;
            assert_eq!(
                outcome.refused,
                !(at_line_end && has_rows),
                "{name} cut at {at}, {cells:?} cells: {}",
                outcome.found()
            );
        }
    }
}

/// The number of cells of a line, or `None` if a quote is open at its end.
fn csv_cells(line: &str) -> Option<usize> {
    let (mut open, mut cells) = (false, 1);
    for letter in line.chars() {
        open ^= letter == '"';
        cells += usize::from(letter == ',' && !open);
    }
    (!open).then_some(cells)
}

#[test]
fn a_last_line_without_a_line_end_is_fine_if_the_row_is_complete() {
    let whole = Set::valid().import();
    let trimmed = |set: Set, name: &str| {
        let text = set.text(name);
        set.file(name, text.trim_end())
    };
    let outcome = trimmed(Set::valid(), "users.csv").import();
    assert_eq!((outcome.found(), outcome.lines), (String::new(), whole.lines));
    // An exporter that leaves out blank cells at the end of every row.
    let mut short = Set::valid();
    for (name, bytes) in &mut short.files {
        if name == "users.csv" {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let (header, rows) = text.split_once('\n').unwrap();
            let rows: Vec<&str> = rows.lines().map(|row| row.trim_end_matches(',')).collect();
            *bytes = format!("{header}\n{}", rows.join("\n")).into_bytes();
        }
    }
    let outcome = short.import();
    assert_eq!(outcome.codes(), ["cells_short"]);
    // A file that ends with the old mark for the end of a text.
    let marked = Set::valid().text("users.csv") + "\u{1a}";
    let outcome = Set::valid().file("users.csv", &marked).import();
    assert_eq!(outcome.codes(), ["blank_row"]);
    assert_eq!(outcome.counts(), Set::valid().import().counts());
}
