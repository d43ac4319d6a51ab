//! The findings of a report as a CSV file, to hand to those who correct the data.
//!
//! Spreadsheets run cells that begin with `=`, `+`, `-` or `@` as formulas. Cells may hold text of the
//! source, so such a cell gets an apostrophe in front.

use roster::finding::{self, Finding, Severity};
use roster::report::Report;

const HEADER: [&str; 11] = [
    "file",
    "line",
    "column",
    "kind",
    "id",
    "code",
    "severity",
    "finding",
    "meaning",
    "what to do",
    "how many",
];

/// Returns the file: a row for each finding of the report, in the order of the report. The report
/// lists the first findings of each code; the last column has the number of all of them.
pub(super) fn of(report: &Report) -> String {
    let mut csv = String::new();
    row(&mut csv, &HEADER.map(str::to_owned));
    for (code, total) in report.ranked_totals() {
        for finding in report.findings.iter().filter(|finding| finding.code == code) {
            row(&mut csv, &cells(finding, total.count));
        }
    }
    csv
}

fn cells(finding: &Finding, count: u64) -> [String; 11] {
    let known = finding::code(&finding.code);
    let place = finding.place.as_ref();
    let entity = finding.entity.as_ref();
    [
        place.map_or_else(String::new, |place| place.file.to_string()),
        place.and_then(|place| place.line).map_or_else(String::new, |line| line.to_string()),
        place.and_then(|place| place.column.as_ref()).map_or_else(String::new, ToString::to_string),
        entity.map_or_else(String::new, |entity| entity.kind.to_string()),
        entity.map_or_else(String::new, |entity| entity.id.as_str().to_owned()),
        finding.code.to_string(),
        severity(finding.severity).to_owned(),
        finding.message.to_string(),
        known.map_or_else(String::new, |code| code.meaning.to_owned()),
        known.map_or_else(String::new, |code| code.advice.to_owned()),
        count.to_string(),
    ]
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Stop => "refused",
        Severity::Drop => "left out",
        Severity::Warn => "warning",
        Severity::Info => "information",
    }
}

/// Adds a row. Every cell is quoted (RFC 4180).
fn row(csv: &mut String, cells: &[String]) {
    for (at, cell) in cells.iter().enumerate() {
        csv.push_str(if at == 0 { "\"" } else { ",\"" });
        if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
            csv.push('\'');
        }
        csv.push_str(&cell.replace('"', "\"\""));
        csv.push('"');
    }
    csv.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::report::tests::report;

    #[test]
    fn a_row_has_the_place_the_sentence_and_what_to_do() {
        let csv = of(&report());
        let rows: Vec<&str> = csv.lines().collect();
        assert!(rows[0].starts_with("\"file\",\"line\",\"column\""), "{csv}");
        assert!(rows.iter().any(|row| row.starts_with("\"users.csv\",\"7\",\"email\"")), "{csv}");
        assert!(rows.iter().any(|row| row.ends_with("\"456\"")), "{csv}");
    }

    #[test]
    fn a_cell_of_the_source_is_never_a_formula_and_never_ends_its_row() {
        let mut csv = String::new();
        row(&mut csv, &["=cmd|' /C calc'!A0".into(), "@x".into(), "a\"b\r\nc".into()]);
        assert_eq!(csv, "\"'=cmd|' /C calc'!A0\",\"'@x\",\"a\"\"b\r\nc\"\r\n");
    }
}
