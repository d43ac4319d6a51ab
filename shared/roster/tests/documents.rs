//! Generated documents: FINDINGS.md lists the codes as the code has them.

use std::fmt::Write as _;
use std::path::Path;

use roster::finding::{Code, Severity, pull, request, source, sync, upload};

/// The tables of codes, in the order of the document.
const GROUPS: [(&str, &[&Code]); 5] = [
    ("Before an upload is read", upload::ALL),
    ("OneRoster files and records", source::ALL),
    ("Pulls from a source's server", pull::ALL),
    ("Sync rules", sync::ALL),
    ("Undo and restore", request::ALL),
];

const HEAD: &str = "\
# Findings

<!-- Generated. To write this file: cargo xtask docs -->

A finding reports something that is wrong or notable in a district's data, or in a run. It names
the record and, for a file, the file, line and column. Findings are in the report of each run and in
the answers of the API; `rollbook import` prints them.

Each finding has a code that never changes its meaning. The severity says what happened:

- **stop**: the data cannot be trusted. No plan is made, and nothing is changed.
- **drop**: the record was skipped. It stays unchanged in the mirror.
- **warn**: the data was used, but something in it should be corrected.
- **info**: for information. Usually there is nothing to do.

\"Export\" means the OneRoster files that a student information system writes, \"source\" the system
that Rollbook reads a district from: those files, a OneRoster server, Clever or ClassLink.
";

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn document() -> String {
    let mut text = HEAD.to_owned();
    for (title, codes) in GROUPS {
        let _ = write!(text, "\n## {title}\n\n");
        text.push_str(
            "| code | severity | what it means | what to do |\n| --- | --- | --- | --- |\n",
        );
        for code in codes {
            let severity = match code.severity {
                Severity::Stop => "stop",
                Severity::Drop => "drop",
                Severity::Warn => "warn",
                Severity::Info => "info",
            };
            let (meaning, advice) = (cell(code.meaning), cell(code.advice));
            let _ = writeln!(text, "| `{}` | {severity} | {meaning} | {advice} |", code.name);
        }
    }
    text
}

#[test]
fn findings_md_lists_every_code() {
    assert_eq!(
        GROUPS.iter().map(|(_, codes)| codes.len()).sum::<usize>(),
        roster::finding::all_codes().count(),
        "a table of codes is missing from the document"
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("FINDINGS.md");
    let right = document();
    let found = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    if found == right {
        return;
    }
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&path, right).expect("FINDINGS.md can be written");
        return;
    }
    panic!(
        "shared/roster/FINDINGS.md does not match the code.\n\
         To write it: cargo xtask docs\n\
         It has to be:\n\n{right}"
    );
}
