//! Writes a night as a file set: a zip or a folder, with a manifest.

use std::fs;
use std::io::{self, BufWriter, Read as _, Seek, Write};
use std::path::Path;

use csv::StringRecord;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::defect::archive::SECOND_USERS;
use crate::defect::editor::Editor;
use crate::defect::set::Content;
use crate::night::{Mode, Night};
use crate::rows::File;
use crate::text::line;
use crate::{Defect, Version};

/// Approximate number of bytes per write for repeated lines.
const CHUNK: usize = 64 * 1024;

/// The kinds of files in a manifest that are not a [`File`].
const ABSENT_1_1: [&str; 6] =
    ["categories", "classResources", "courseResources", "lineItems", "resources", "results"];
const ABSENT_1_2: [&str; 7] = [
    "lineItemLearningObjectiveIds",
    "lineItemScoreScales",
    "resultLearningObjectiveIds",
    "resultScoreScales",
    "scoreScales",
    "userProfiles",
    "userResources",
];

impl Night {
    /// The files of the set: every bulk file, and the deltas that have rows.
    pub fn files(&self) -> Vec<File> {
        File::of(self.version())
            .filter(|file| {
                self.mode_of(*file) == Mode::Bulk || self.rows(*file).next_row().is_some()
            })
            .collect()
    }

    /// The properties of manifest.csv.
    pub fn manifest(&self) -> Vec<(String, String)> {
        let present = self.files();
        let version = if self.version() == Version::V1_1 { "1.1" } else { "1.2" };
        let mut properties: Vec<(String, String)> = vec![
            ("manifest.version".into(), "1.0".into()),
            ("oneroster.version".into(), version.into()),
        ];
        let mut names: Vec<(&str, &str)> = File::of(self.version())
            .map(|file| match (present.contains(&file), self.mode_of(file)) {
                (false, _) => (file.name(), "absent"),
                (true, Mode::Bulk) => (file.name(), "bulk"),
                (true, Mode::Delta) => (file.name(), "delta"),
            })
            .collect();
        names.extend(ABSENT_1_1.map(|name| (name, "absent")));
        if self.version() == Version::V1_2 {
            names.extend(ABSENT_1_2.map(|name| (name, "absent")));
        }
        names.sort_unstable();
        properties.extend(
            names.into_iter().map(|(name, mode)| (format!("file.{name}"), mode.to_owned())),
        );
        properties.push(("source.systemName".into(), "Invented SIS".into()));
        properties
            .push(("source.systemCode".into(), format!("district-{}", self.moment.world.seed)));
        self.spoil_manifest(&mut properties);
        properties
    }

    pub(crate) fn manifest_text(&self) -> Vec<u8> {
        let world = &self.moment.world;
        let header = if self.has(Defect::ManifestHeader) {
            ["property", "setting"]
        } else {
            ["propertyName", "value"]
        };
        let header = header.map(str::to_owned);
        let mut text = Vec::new();
        let editor = Editor::new(self, File::Orgs);
        let separator = editor.as_ref().map_or(b',', Editor::separator);
        for row in std::iter::once(header)
            .chain(self.manifest().into_iter().map(|(name, value)| [name, value]))
        {
            let row = StringRecord::from(row.to_vec());
            line(&row, separator, world.quote_all, world.line_end, &mut text);
        }
        match editor {
            None => text,
            Some(editor) => {
                let mut encoded = editor.mark().to_vec();
                editor.encode(&text, &mut encoded);
                encoded
            }
        }
    }

    /// Writes the set as a zip, in constant memory (except with archive defects). The same night
    /// writes the same bytes.
    pub fn write_zip<W: Write + Seek>(&self, mut out: W) -> io::Result<()> {
        if !self.spoils_archive() {
            return self.write_members(out);
        }
        let mut whole = io::Cursor::new(Vec::new());
        self.write_members(&mut whole)?;
        out.write_all(&self.spoil_archive(whole.into_inner()))?;
        out.flush()
    }

    fn write_members(&self, out: impl Write + Seek) -> io::Result<()> {
        let mut zip = ZipWriter::new(out);
        // The zip crate dates every member 1980-01-01, so the bytes do not depend on the time.
        let options = SimpleFileOptions::default()
            .last_modified_time(zip::DateTime::default())
            .large_file(self.moment.world.layout.students > 200_000);
        for member in self.members() {
            zip.start_file(member.name, options)?;
            write_content(self, member.content, &mut zip)?;
        }
        if self.has(Defect::DuplicateMembers) {
            zip.start_file(SECOND_USERS, options)?;
            zip.write_all(&self.clone().with(Defect::DuplicateDifferent).bytes_of("users.csv")?)?;
        }
        zip.finish()?.flush()
    }

    /// Writes the set as a zip file.
    pub fn write_zip_file(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let mut out = BufWriter::new(fs::File::create(path)?);
        self.write_zip(&mut out)?;
        out.flush()
    }

    /// Writes the set as files in a folder, manifest.csv last. Creates the folder if necessary.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for an archive defect.
    pub fn write_folder(&self, folder: impl AsRef<Path>) -> io::Result<()> {
        if let Some(defect) = self.defects.iter().find(|defect| defect.is_archive_defect()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("a folder cannot have the defect {defect}"),
            ));
        }
        let folder = folder.as_ref();
        for member in self.members() {
            let path = folder.join(member.name);
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            let mut out = BufWriter::new(fs::File::create(path)?);
            write_content(self, member.content, &mut out)?;
            out.flush()?;
        }
        Ok(())
    }

    /// The bytes of one file of the set, by its name: `manifest.csv` or that of a [`File`].
    pub fn bytes_of(&self, name: &str) -> io::Result<Vec<u8>> {
        if name == "manifest.csv" {
            return Ok(self.manifest_text());
        }
        let file =
            File::ALL.into_iter().find(|file| name.strip_suffix(".csv") == Some(file.name()));
        let mut bytes = Vec::new();
        self.read(file.ok_or(io::ErrorKind::NotFound)?).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn write_content(night: &Night, content: Content, out: &mut impl Write) -> io::Result<()> {
    match content {
        Content::Bytes(bytes) => out.write_all(&bytes),
        Content::Repeated(first, again, size) => {
            out.write_all(&first)?;
            let block = again.repeat(1 + CHUNK / again.len().max(1));
            for _ in 0..size / block.len() as u64 {
                out.write_all(&block)?;
            }
            Ok(())
        }
        Content::Table(file) => {
            let mut reader = night.read(file);
            loop {
                let chunk = reader.chunk();
                if chunk.is_empty() {
                    return Ok(());
                }
                out.write_all(chunk)?;
            }
        }
    }
}
