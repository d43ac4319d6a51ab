//! The header of a table: the position of each column (checks 13 to 18).

use roster::finding::{Finding, source as codes};

use super::diagnostics::{Diagnostics, place, quoted};
use super::header_names::{may_mean, other_separator};
use super::layout::{
    Column, FileKind, OLD_DEMOGRAPHICS_ID, OLD_NAMES, SDS_COLUMNS, Version, layout,
};

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
    /// Extra columns that a missing one may be.
    suggested: Vec<String>,
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
        if let Some(separator) = other_separator(cells, columns.iter().map(|column| column.name)) {
            diagnostics.note(&codes::SEPARATOR, |f| at(separated_by(f, file, separator), None));
            return Self::default();
        }
        for name in &mut names {
            rename(name, &columns, file, diagnostics);
        }
        if kind == FileKind::Demographics && !names.iter().any(|name| name == "sourcedId") {
            rename_demographics_id(&mut names, file, diagnostics);
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
        let missing: Vec<Column> =
            columns.iter().copied().filter(|column| position(column.name).is_none()).collect();
        let meant = suggestions(&missing, &names, columns);
        for (column, meant) in missing.iter().zip(&meant) {
            note_missing(*column, *meant, file, diagnostics);
        }
        let suggested = meant.into_iter().flatten().map(str::to_owned).collect();
        let width = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        let needed = columns
            .iter()
            .filter(|c| c.required)
            .filter_map(|c| position(c.name))
            .max()
            .map_or(0, |last| last + 1);
        Self { names, width, needed, suggested }
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
                || self.suggested.contains(name)
                || standard(name).is_some()
                || (is_extension && last_standard.is_none_or(|last| last < i))
            {
                continue;
            }
            // OneRoster 1.2.0 had `resourceSourcedIds` in users.csv.
            if name != "resourceSourcedIds" {
                diagnostics.note(&codes::EXTENSION_COLUMN, |f| {
                    let found = if is_extension {
                        format!("the extra column {} is left of a OneRoster column", quoted(name))
                    } else {
                        format!("the extra column {} is not named metadata.*", quoted(name))
                    };
                    f.with(found).at(place(file, 1, Some(&quoted(name))))
                });
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

/// The text of a finding about another separator than commas.
pub(super) fn separated_by(finding: Finding, file: &str, separator: &str) -> Finding {
    finding.with(format!("the cells of {file} are separated by {separator}, not by commas"))
}

/// Renames the id of demographics.csv of 1.0.
fn rename_demographics_id(
    names: &mut [String],
    file: &'static str,
    diagnostics: &mut Diagnostics<'_>,
) {
    let old = |name: &&mut String| name.eq_ignore_ascii_case(OLD_DEMOGRAPHICS_ID);
    if let Some(name) = names.iter_mut().find(old) {
        let found = format!("the column sourcedId is named {}", quoted(name));
        diagnostics
            .note(&codes::HEADER_OLD_NAME, |f| f.with(found).at(place(file, 1, Some("sourcedId"))));
        "sourcedId".clone_into(name);
    }
}

/// Reports a missing column, and the extra column that may be meant by it.
fn note_missing(
    column: Column,
    meant: Option<&str>,
    file: &'static str,
    diagnostics: &mut Diagnostics<'_>,
) {
    let name = column.name;
    let code = match (column.required, meant) {
        (true, _) => &codes::COLUMN_MISSING,
        (false, Some(_)) => &codes::COLUMN_RENAMED,
        (false, None) => &codes::OPTIONAL_COLUMN_MISSING,
    };
    let found = match (column.required, meant) {
        (true, Some(meant)) => {
            format!("{}: {name}; perhaps {} is meant", code.meaning, quoted(meant))
        }
        (false, Some(meant)) => {
            format!("the column {name} is missing; perhaps {} is meant", quoted(meant))
        }
        (_, None) => format!("{}: {name}", code.meaning),
    };
    diagnostics.note(code, |f| f.with(found).at(place(file, 1, Some(name))));
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

/// Finds for each missing column the extra column that may be meant by it. No extra column is
/// suggested for two.
fn suggestions<'n>(
    missing: &[Column],
    names: &'n [String],
    columns: &[Column],
) -> Vec<Option<&'n str>> {
    let extra: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| columns.iter().all(|column| column.name != *name))
        .collect();
    let mut pairs: Vec<(usize, usize, usize)> = Vec::new();
    for (i, column) in missing.iter().enumerate() {
        for (j, name) in extra.iter().enumerate() {
            if let Some(letters) = may_mean(name, column.name) {
                // A required column comes first.
                pairs.push((letters * 2 + usize::from(!column.required), i, j));
            }
        }
    }
    pairs.sort_unstable();
    let mut found = vec![None; missing.len()];
    let mut used = vec![false; extra.len()];
    for (_, i, j) in pairs {
        if found[i].is_none() && !used[j] {
            found[i] = Some(extra[j]);
            used[j] = true;
        }
    }
    found
}
