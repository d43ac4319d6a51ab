//! The header of a table: the position of each column (checks 13 to 18).

use roster::finding::{Finding, source as codes};

use super::diagnostics::{Diagnostics, place, quoted};
use super::layout::{Column, FileKind, OLD_NAMES, SDS_COLUMNS, Version, layout};

/// A column of a file, which may be missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Col {
    pub(super) at: usize,
    pub(super) name: &'static str,
}

impl Col {
    const NOWHERE: usize = usize::MAX;

    /// The same column, marked as missing.
    pub(super) fn nowhere(self) -> Self {
        Self { at: Self::NOWHERE, ..self }
    }

    pub(super) fn is_there(self) -> bool {
        self.at != Self::NOWHERE
    }
}

/// A file's header.
#[derive(Debug, Default)]
pub(super) struct Header {
    names: Vec<String>,
    /// Number of cells that a row must have. Trailing columns without a name do not count.
    pub(super) width: usize,
    /// Minimum number of cells of a row: up to the last required column.
    pub(super) needed: usize,
}

impl Header {
    /// Reads a header and reports what is wrong with it. The findings decide whether it can be
    /// used.
    pub(super) fn read(
        cells: &[&str],
        kind: FileKind,
        version: Version,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Self {
        let file = kind.file();
        let at = |finding: Finding, column: Option<&str>| finding.at(place(file, 1, column));
        let mut names: Vec<String> = cells.iter().map(|cell| cell.trim().to_owned()).collect();
        if names.iter().any(|name| name.contains('\0')) {
            diagnostics.note(&codes::NOT_UTF8, |f| {
                at(
                    f.with("the header contains NUL bytes; the file may be UTF-16 without a byte order mark",
                    ),
                    None,
                )
            });
            return Self::default();
        }
        if let Some(name) =
            names.iter().find(|name| SDS_COLUMNS.iter().any(|sds| name.eq_ignore_ascii_case(sds)))
        {
            let found = format!(
                "the column {} belongs to Microsoft School Data Sync, not to OneRoster",
                quoted(name)
            );
            diagnostics.note(&codes::SDS_FILES, |f| at(f.with(found), None));
            return Self::default();
        }
        let has = |name: &str| names.iter().any(|n| n.eq_ignore_ascii_case(name));
        let with_roles = has("role") || has("orgSourcedIds");
        let columns = layout(kind, version, with_roles);
        for name in &mut names {
            rename(name, &columns, file, diagnostics);
        }
        let header = Self::bind(names, &columns, file, diagnostics);
        header.check_order(&columns, file, diagnostics);
        header
    }

    fn bind(
        names: Vec<String>,
        columns: &[Column],
        file: &'static str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Self {
        let at = |finding: Finding, column: Option<&str>| finding.at(place(file, 1, column));
        if names.iter().any(String::is_empty) {
            diagnostics.note(&codes::HEADER_EMPTY, |f| at(f, None));
        }
        for (i, name) in names.iter().enumerate() {
            if !name.is_empty() && names[..i].contains(name) {
                let found = format!("the column {} appears twice in the header", quoted(name));
                diagnostics.note(&codes::COLUMN_TWICE, |f| at(f.with(found), Some(name)));
            }
        }
        let position = |name: &str| names.iter().position(|n| n == name);
        if columns.iter().all(|column| position(column.name).is_none()) {
            diagnostics.note(&codes::HEADER_MISSING, |f| at(f, None));
            return Self::default();
        }
        for column in columns.iter().filter(|column| position(column.name).is_none()) {
            let near = nearest(column.name, &names, columns);
            let near =
                near.map(|name| format!("; perhaps {} is meant", quoted(name))).unwrap_or_default();
            let code = if column.required {
                &codes::COLUMN_MISSING
            } else {
                &codes::OPTIONAL_COLUMN_MISSING
            };
            let found = format!("{}: {}{near}", code.meaning, column.name);
            diagnostics.note(code, |f| at(f.with(found), Some(column.name)));
        }
        let width = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        let needed = columns
            .iter()
            .filter(|c| c.required)
            .filter_map(|c| position(c.name))
            .max()
            .map_or(0, |last| last + 1);
        Self { names, width, needed }
    }

    fn check_order(
        &self,
        columns: &[Column],
        file: &'static str,
        diagnostics: &mut Diagnostics<'_>,
    ) {
        let standard = |name: &String| columns.iter().position(|c| c.name == name);
        let found: Vec<usize> = self.names.iter().filter_map(standard).collect();
        if !found.is_sorted() {
            diagnostics.note(&codes::COLUMN_ORDER, |f| f.at(place(file, 1, None)));
        }
        let last_standard = self.names.iter().rposition(|name| standard(name).is_some());
        for (i, name) in self.names.iter().enumerate() {
            let is_extension = name.starts_with("metadata.");
            if name.is_empty()
                || standard(name).is_some()
                || (is_extension && last_standard.is_none_or(|last| last < i))
            {
                continue;
            }
            // OneRoster 1.2.0 had `resourceSourcedIds` in users.csv.
            if name != "resourceSourcedIds" {
                diagnostics
                    .note(&codes::EXTENSION_COLUMN, |f| f.at(place(file, 1, Some(&quoted(name)))));
            }
        }
    }

    /// Whether the required columns of a table are there.
    pub(super) fn has_all(&self, kind: FileKind, version: Version) -> bool {
        let has = |name: &str| self.names.iter().any(|n| n == name);
        let with_roles = has("role") || has("orgSourcedIds");
        let columns = layout(kind, version, with_roles);
        columns.iter().all(|column| !column.required || has(column.name))
    }

    /// Finds a column by its standard name.
    pub(super) fn col(&self, name: &'static str) -> Col {
        Col { at: self.names.iter().position(|n| n == name).unwrap_or(Col::NOWHERE), name }
    }

    /// Finds a column that the settings map, ignoring case.
    pub(super) fn own(&self, name: &str, called: &'static str) -> Col {
        Col {
            at: self
                .names
                .iter()
                .position(|n| n.eq_ignore_ascii_case(name))
                .unwrap_or(Col::NOWHERE),
            name: called,
        }
    }

    /// The names in standard spelling.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }
}

/// Renames a column to its standard name if its own is nearly that.
fn rename(
    name: &mut String,
    columns: &[Column],
    file: &'static str,
    diagnostics: &mut Diagnostics<'_>,
) {
    if columns.iter().any(|c| c.name == name) {
        return;
    }
    let with_case = columns
        .iter()
        .find(|c| c.name.eq_ignore_ascii_case(name))
        .map(|c| (c.name, &codes::HEADER_CASE));
    let old = || {
        let (new, _) = OLD_NAMES.iter().find(|(_, old)| old.eq_ignore_ascii_case(name))?;
        columns.iter().any(|c| c.name == *new).then_some((*new, &codes::HEADER_OLD_NAME))
    };
    if let Some((standard, code)) = with_case.or_else(old) {
        let found = format!("the column {standard} is named {}", quoted(name));
        diagnostics.note(code, |f| f.with(found).at(place(file, 1, Some(standard))));
        standard.clone_into(name);
    } else if name.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("metadata.")) {
        name.replace_range(..9, "metadata.");
    }
}

/// Finds a column that may be a misspelled form of a missing one: not a standard column, and at
/// most two letters different.
fn nearest<'a>(missing: &str, names: &'a [String], columns: &[Column]) -> Option<&'a str> {
    names
        .iter()
        .filter(|name| {
            !name.is_empty() && name.len() <= 64 && columns.iter().all(|c| c.name != name.as_str())
        })
        .map(|name| {
            (distance(&missing.to_ascii_lowercase(), &name.to_ascii_lowercase()), name.as_str())
        })
        .filter(|(distance, _)| *distance <= 2)
        .min()
        .map(|(_, name)| name)
}

/// Number of letters to insert, delete or replace to turn one word into the other.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, c) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, d) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(c != *d);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
