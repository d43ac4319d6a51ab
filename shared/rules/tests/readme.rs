//! The README's table of findings is the code's table of findings.

use std::fmt::Write as _;
use std::path::Path;

use roster::finding::{Severity, all_codes};

const BEGIN: &str =
    "<!-- findings: begin (written by `WRITE_README=1 cargo test -p rules --test readme`) -->\n";
const END: &str = "<!-- findings: end -->";

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn table() -> String {
    let mut table =
        "| code | severity | what it means | what to do |\n| --- | --- | --- | --- |\n".to_owned();
    for code in all_codes() {
        let severity = match code.severity {
            Severity::Stop => "stop",
            Severity::Drop => "drop",
            Severity::Warn => "warn",
            Severity::Info => "info",
        };
        let _ = writeln!(
            table,
            "| `{}` | {severity} | {} | {} |",
            code.name,
            cell(code.meaning),
            cell(code.advice)
        );
    }
    table
}

#[test]
fn the_readme_lists_every_code_as_it_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(&path).expect("README.md").replace("\r\n", "\n");
    let (head, rest) =
        readme.split_once(BEGIN).expect("README.md has no line that begins the table of findings");
    let (found, tail) =
        rest.split_once(END).expect("README.md has no line that ends the table of findings");
    let right = table();
    if found == right {
        return;
    }
    if std::env::var_os("WRITE_README").is_some() {
        std::fs::write(&path, format!("{head}{BEGIN}{right}{END}{tail}"))
            .expect("README.md can be written");
        return;
    }
    panic!(
        "README.md does not list the findings as the code has them.\n\
         To write the table: WRITE_README=1 cargo test -p rules --test readme\n\
         It has to be:\n\n{right}"
    );
}
