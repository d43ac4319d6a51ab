//! Applies the defects of a night to the rows of a file before they are encoded.

use std::sync::Arc;

use csv::StringRecord;

use super::{Defect, cells};
use crate::Version;
use crate::night::Night;
use crate::rows::File;
use crate::world::World;

/// Placeholder for the byte FF in a cell, replaced when the cell is encoded.
pub(crate) const BAD_BYTE: char = '\u{e000}';
/// Placeholder for a quote that is neither doubled nor closed.
pub(crate) const BARE_QUOTE: char = '\u{e001}';

/// A row that can be changed.
pub(crate) type Cells = Vec<String>;

/// The defects of one file.
pub(crate) struct Editor {
    pub(super) file: File,
    pub(super) world: Arc<World>,
    pub(super) stamp: String,
    defects: Vec<Defect>,
    columns: Vec<String>,
    pub(super) second_school: String,
    pub(super) first_teacher: String,
    /// Number of the current record, from 0.
    pub(super) seen: u64,
    pub(super) first: Option<Cells>,
    pub(super) second: Option<Cells>,
    pub(super) third: Option<Cells>,
    pub(super) teacher_seen: bool,
}

impl Editor {
    /// An editor. `None` if the night has no defects.
    pub(crate) fn new(night: &Night, file: File) -> Option<Self> {
        (!night.defects.is_empty()).then(|| Self {
            file,
            world: Arc::clone(&night.moment.world),
            stamp: night.stamp(),
            defects: night.defects.clone(),
            columns: night.columns(file),
            second_school: night.second_school(),
            first_teacher: night.first_teacher(),
            seen: 0,
            first: None,
            second: None,
            third: None,
            teacher_seen: false,
        })
    }

    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.defects.contains(&defect)
    }

    /// The cell of a column. Empty if the file has no such column.
    pub(super) fn cell<'a>(&self, row: &'a Cells, column: &str) -> &'a str {
        self.column(column).map_or("", |index| row[index].as_str())
    }

    pub(super) fn set(&self, row: &mut Cells, column: &str, value: impl Into<String>) {
        if let Some(index) = self.column(column) {
            row[index] = value.into();
        }
    }

    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The header with its defects.
    pub(crate) fn header(&self) -> Cells {
        let mut header = self.columns.clone();
        let mut rename = |from: &str, to: &str| {
            if let Some(name) = header.iter_mut().find(|name| *name == from) {
                to.clone_into(name);
            }
        };
        if self.has(Defect::OldHeaderNames) {
            for (from, to) in
                [("agentSourcedIds", "agents"), ("userIds", "userId"), ("birthDate", "birthdate")]
            {
                rename(from, to);
            }
            if self.file == File::Users {
                rename("grades", "grade");
            }
        }
        if self.file == File::Users && self.has(Defect::HeaderMisspelt) {
            rename("familyName", "familyNmae");
        }
        if self.file == File::Users && self.has(Defect::EmailColumnRenamed) {
            rename("email", "Email Address");
        }
        if self.file == File::Users && self.has(Defect::HeaderDuplicate) {
            rename("sms", "email");
        }
        if self.has(Defect::HeaderCase) {
            header = header.into_iter().map(|name| name.to_lowercase()).collect();
        }
        self.shape(&mut header, Some(("homeLanguage", "resourceSourcedIds")));
        header
    }

    /// Appends the edited row: usually one row, sometimes none or two.
    pub(crate) fn edit(&mut self, row: &StringRecord, out: &mut Vec<Cells>) {
        let mut row: Cells = row.iter().map(str::to_owned).collect();
        let number = self.seen;
        let kept = cells::edit(self, number, &mut row);
        self.seen += 1;
        match number {
            0 => self.first = Some(row.clone()),
            1 => self.second = Some(row.clone()),
            2 => self.third = Some(row.clone()),
            _ => {}
        }
        if kept {
            self.finish_row(number, row, out);
        }
    }

    /// Appends the rows after the last one.
    pub(crate) fn end(&mut self, out: &mut Vec<Cells>) {
        for row in cells::more_rows(self) {
            self.finish_row(u64::MAX, row, out);
        }
        if let Some(row) = self.cut_off() {
            out.push(row);
        }
    }

    /// The row in which the file is cut off.
    fn cut_off(&self) -> Option<Cells> {
        let mut row = self.second.clone()?;
        if self.file == File::Users && self.has(Defect::FileCutOff) {
            row.truncate(4);
            return Some(row);
        }
        if self.file == File::Enrollments && self.has(Defect::FileCutOffInQuote) {
            row.truncate(self.column("role")?);
            row.push(format!("{BARE_QUOTE}stud"));
            return Some(row);
        }
        None
    }

    /// Whether the last line has no line end.
    pub(crate) fn ends_without_line_end(&self) -> bool {
        self.has(Defect::NoLastLineEnd) || self.cut_off().is_some()
    }

    fn finish_row(&self, number: u64, mut row: Cells, out: &mut Vec<Cells>) {
        self.shape(&mut row, None);
        let one = self.file == File::Users && number == 1;
        if self.has(Defect::ShortRows) {
            while row.len() > 1 && row.last().is_some_and(String::is_empty) {
                row.pop();
            }
        }
        if one && self.has(Defect::CutRow) {
            row.truncate(4);
        }
        if one && self.has(Defect::LongRow) {
            row.push("one too many".into());
        }
        if self.has(Defect::TrailingCells) {
            row.push(String::new());
        }
        out.push(row);
    }

    /// Changes the columns and their order, in the header (with the names of new columns) and in
    /// the rows.
    fn shape(&self, row: &mut Cells, names: Option<(&str, &str)>) {
        let drop = [
            (File::Enrollments, "userSourcedId", Defect::RequiredColumnMissing),
            (File::Users, "middleName", Defect::OptionalColumnMissing),
        ];
        let resource =
            self.column("preferredGivenName").filter(|_| self.has(Defect::ResourceColumn));
        if let Some(index) = resource {
            row.insert(index, names.map_or("", |names| names.1).to_owned());
        }
        for (file, column, defect) in drop {
            if let Some(index) =
                self.column(column).filter(|_| self.file == file && self.has(defect))
            {
                row.remove(index);
            }
        }
        if self.file == File::Users && self.has(Defect::OwnColumnFirst) {
            row.insert(0, names.map_or("en", |names| names.0).to_owned());
        }
        if self.has(Defect::ColumnOrder) {
            row.reverse();
        }
        if self.has(Defect::TrailingEmptyHeaders) {
            row.extend([String::new(), String::new()]);
        }
    }

    /// Whether the file ends after its header.
    pub(crate) fn header_only(&self) -> bool {
        match self.file {
            File::Users => self.has(Defect::UsersHeaderOnly),
            File::Enrollments => self.has(Defect::EnrollmentsHeaderOnly),
            _ => false,
        }
    }

    /// Whether this file holds the roles of people: users.csv in 1.1, roles.csv in 1.2.
    pub(super) fn has_roles(&self) -> bool {
        match self.world.version {
            Version::V1_1 => self.file == File::Users,
            Version::V1_2 => self.file == File::Roles,
        }
    }

    /// Encodes text that ends at the end of a line.
    pub(crate) fn encode(&self, text: &[u8], out: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(text);
        let little = self.has(Defect::Utf16Le) || self.has(Defect::Utf16Unmarked);
        if little || self.has(Defect::Utf16Be) {
            for unit in text.encode_utf16() {
                out.extend_from_slice(&if little {
                    unit.to_le_bytes()
                } else {
                    unit.to_be_bytes()
                });
            }
            return;
        }
        let narrow = self.has(Defect::Windows1252);
        for letter in text.chars() {
            match (letter, u8::try_from(letter)) {
                (BAD_BYTE, _) => out.push(0xff),
                (BARE_QUOTE, _) => out.push(b'"'),
                // Names contain only Latin-1 letters, which have the same codes in Windows-1252.
                (_, Ok(byte)) if narrow => out.push(byte),
                _ => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }

    /// The character between two cells.
    pub(crate) fn separator(&self) -> u8 {
        if self.has(Defect::Semicolons) { b';' } else { b',' }
    }

    /// The bytes before the header.
    pub(crate) fn mark(&self) -> &'static [u8] {
        if self.has(Defect::Bom) {
            b"\xef\xbb\xbf"
        } else if self.has(Defect::Utf16Le) {
            b"\xff\xfe"
        } else if self.has(Defect::Utf16Be) {
            b"\xfe\xff"
        } else {
            b""
        }
    }
}
