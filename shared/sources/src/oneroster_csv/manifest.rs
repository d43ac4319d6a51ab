//! manifest.csv: the files of the set, and whether each is bulk or delta (checks 3 to 8).

use std::collections::BTreeMap;

use roster::finding::{Severity, source as codes};

use super::ahead::Ahead;
use super::diagnostics::{Abort, Diagnostics, Sign, place, quoted};
use super::header::separated_by;
use super::header_names::other_separator;
use super::layout::{FileKind, NOT_USED, NOT_USED_1_1, Version};
use super::rows::Next;
use super::table::{Mode, fault, note_cut_off, refuse};

const FILE: &str = "manifest.csv";

/// Maximum number of rows of a manifest.
const MAX_ROWS: usize = 1_000;

/// The contents of a manifest.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) version: Version,
    /// Modes of files by property name, without `file.`.
    modes: BTreeMap<String, Mode>,
}

impl Manifest {
    /// The manifest assumed for a set of OneRoster 1.0, which has none.
    pub(super) fn of_1_0() -> Self {
        Self {
            version: Version::V1_0,
            modes: FileKind::ALL
                .iter()
                .map(|kind| (kind.property().to_owned(), Mode::Bulk))
                .collect(),
        }
    }

    /// Returns a file's mode, or `None` if the file is not listed.
    pub(super) fn mode(&self, kind: FileKind) -> Option<Mode> {
        self.modes.get(kind.property()).copied()
    }

    /// Reads a manifest and reports what is wrong with it.
    pub(super) fn read(mut rows: Ahead, diagnostics: &mut Diagnostics<'_>) -> Result<Self, Abort> {
        let mut properties: BTreeMap<String, (String, u32)> = BTreeMap::new();
        let mut count = 0;
        loop {
            match rows.advance().map_err(|error| fault(error, FILE, diagnostics))? {
                Next::Row => {}
                Next::End => break,
                other => {
                    refuse(other, FILE, diagnostics);
                    return Err(Abort::Refused);
                }
            }
            let cells: Vec<&str> =
                rows.cells().iter().map(|cell| cell.of(rows.text()).trim()).collect();
            if cells.iter().all(|cell| cell.is_empty()) {
                continue;
            }
            count += 1;
            if rows.oddities().unended && cells.len() < 2 {
                note_cut_off(FILE, rows.line(), (cells.len(), 2), diagnostics);
                return Err(Abort::Refused);
            }
            let (name, value) = (cells[0], cells.get(1).copied().unwrap_or_default());
            if count == 1 {
                check_header(&cells, rows.line(), diagnostics)?;
                continue;
            }
            if count > MAX_ROWS {
                diagnostics.note(&codes::MANIFEST_HEADER, |f| f.at(place(FILE, rows.line(), None)));
                return Err(Abort::Refused);
            }
            if let Some((_, first)) = properties.get(name) {
                let found = format!(
                    "the property {} is also on line {first}; the first one was used",
                    quoted(name)
                );
                property(diagnostics, rows.line(), found);
            } else {
                properties.insert(name.to_owned(), (value.to_owned(), rows.line()));
            }
        }
        if count == 0 {
            diagnostics.note(&codes::MANIFEST_HEADER, |f| f.at(place(FILE, 1, None)));
            return Err(Abort::Refused);
        }
        Ok(Self::of(properties, diagnostics))
    }

    fn of(
        mut properties: BTreeMap<String, (String, u32)>,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Self {
        let manifest_version = properties.remove("manifest.version");
        let value = manifest_version.as_ref().map_or("", |(value, _)| value);
        if value == "1" {
            diagnostics.sign(Sign::Version);
        }
        if value != "1.0" {
            let line = manifest_version.as_ref().map_or(0, |(_, line)| *line);
            diagnostics.note(&codes::MANIFEST_VERSION, |f| {
                let found = format!("manifest.version is {}, not 1.0", quoted(value));
                f.with(found).at(place(FILE, line, Some("manifest.version")))
            });
        }
        let oneroster = properties.remove("oneroster.version");
        let version = match oneroster.as_ref().map_or("", |(value, _)| value) {
            "1.2" | "1.2.1" | "1.2.0" => Version::V1_2,
            "1.1" | "1.1.1" | "1.1.0" => Version::V1_1,
            other => {
                let line = oneroster.as_ref().map_or(0, |(_, line)| *line);
                diagnostics.note(&codes::ONEROSTER_VERSION, |f| {
                    let found = format!(
                        "oneroster.version is {}; the version of the files was used",
                        quoted(other)
                    );
                    f.with(found).at(place(FILE, line, Some("oneroster.version")))
                });
                if properties.contains_key("file.roles") { Version::V1_2 } else { Version::V1_1 }
            }
        };
        let mut modes = BTreeMap::new();
        for (name, (value, line)) in &properties {
            let Some(file) = name.strip_prefix("file.").and_then(known_file) else {
                if !name.starts_with("source.") {
                    property(
                        diagnostics,
                        *line,
                        format!("the property {} is unknown", quoted(name)),
                    );
                }
                continue;
            };
            if Some(file) != name.strip_prefix("file.") {
                property(
                    diagnostics,
                    *line,
                    format!("the property {} has the wrong capitalization", quoted(name)),
                );
            }
            let mode = match value.to_ascii_lowercase().as_str() {
                "absent" => Mode::Absent,
                "bulk" => Mode::Bulk,
                "delta" => Mode::Delta,
                _ => {
                    property(
                        diagnostics,
                        *line,
                        format!(
                            "{} is {}, but must be absent, bulk or delta",
                            quoted(name),
                            quoted(value)
                        ),
                    );
                    continue;
                }
            };
            if !matches!(value.as_str(), "absent" | "bulk" | "delta") {
                property(
                    diagnostics,
                    *line,
                    format!(
                        "{} is {}, which has the wrong capitalization",
                        quoted(name),
                        quoted(value)
                    ),
                );
            }
            modes.insert(file.to_owned(), mode);
        }
        let listed = |name: &str| {
            modes.contains_key(name) || properties.contains_key(&format!("file.{name}"))
        };
        let of_version = FileKind::ALL.iter().map(|kind| kind.property()).chain(NOT_USED);
        for name in of_version.filter(|name| is_of(name, version) && !listed(name)) {
            property(diagnostics, 0, format!("the property `file.{name}` is missing"));
        }
        Self { version, modes }
    }
}

/// Whether a version of the standard has the file.
fn is_of(name: &str, version: Version) -> bool {
    let only_1_2 = name == "roles" || NOT_USED[NOT_USED_1_1..].contains(&name);
    name != "manifest" && (version == Version::V1_2 || !only_1_2)
}

/// Returns the file that a property is about, ignoring case.
fn known_file(name: &str) -> Option<&'static str> {
    let known = FileKind::ALL.iter().map(|kind| kind.property()).chain(NOT_USED);
    known.into_iter().find(|known| known.eq_ignore_ascii_case(name))
}

fn check_header(cells: &[&str], line: u32, diagnostics: &mut Diagnostics<'_>) -> Result<(), Abort> {
    let (name, value) = (cells[0], cells.get(1).copied().unwrap_or_default());
    if let Some(separator) = other_separator(cells, std::iter::once("propertyName")) {
        diagnostics.note(&codes::SEPARATOR, |f| {
            separated_by(f, FILE, separator).at(place(FILE, line, None))
        });
        return Err(Abort::Refused);
    }
    if name.eq_ignore_ascii_case("propertyName") && value.eq_ignore_ascii_case("value") {
        if (name, value) != ("propertyName", "value") {
            diagnostics.note(&codes::HEADER_CASE, |f| f.at(place(FILE, line, None)));
        }
        return Ok(());
    }
    diagnostics.note(&codes::MANIFEST_HEADER, |f| f.at(place(FILE, line, None)));
    Err(Abort::Refused)
}

fn property(diagnostics: &mut Diagnostics<'_>, line: u32, found: String) {
    diagnostics.note_as(&codes::MANIFEST_PROPERTY, Severity::Warn, |f| {
        f.with(found).at(place(FILE, line, None))
    });
}
