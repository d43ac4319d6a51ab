//! A night as a set of files: a zip or a folder, with its manifest.

use std::fs;
use std::io::{self, BufWriter, Read as _, Seek, Write};
use std::path::Path;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::Version;
use crate::night::{Mode, Night};
use crate::rows::File;

/// Kinds of file that a manifest names besides those of [`File`].
const ABSENT_1_1: [&str; 6] = ["categories", "classResources", "courseResources", "lineItems", "resources", "results"];
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
    /// The files of tonight's set: all in bulk; of the deltas those that have a row.
    pub fn files(&self) -> Vec<File> {
        File::of(self.version())
            .filter(|file| self.mode_of(*file) == Mode::Bulk || self.rows(*file).next_row().is_some())
            .collect()
    }

    /// The properties of manifest.csv.
    pub fn manifest(&self) -> Vec<(String, String)> {
        let present = self.files();
        let version = if self.version() == Version::V1_1 { "1.1" } else { "1.2" };
        let mut properties: Vec<(String, String)> =
            vec![("manifest.version".into(), "1.0".into()), ("oneroster.version".into(), version.into())];
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
        properties.extend(names.into_iter().map(|(name, mode)| (format!("file.{name}"), mode.to_owned())));
        properties.push(("source.systemName".into(), "Invented SIS".into()));
        properties.push(("source.systemCode".into(), format!("district-{}", self.moment.world.seed)));
        properties
    }

    fn manifest_text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        let line_end = self.moment.world.line_end;
        let header = ("propertyName".to_owned(), "value".to_owned());
        for (name, value) in std::iter::once(header).chain(self.manifest()) {
            crate::text::line(&csv::StringRecord::from(vec![name, value]), self.moment.world.quote_all, line_end, &mut text);
        }
        text
    }

    /// Writes the set as one zip, in constant memory. The same night gives the same bytes.
    pub fn write_zip<W: Write + Seek>(&self, out: W) -> io::Result<()> {
        let mut zip = ZipWriter::new(out);
        // Without a clock every member has the zip format's first day, 1980-01-01.
        let options = SimpleFileOptions::default()
            .last_modified_time(zip::DateTime::default())
            .large_file(self.moment.world.layout.students > 200_000);
        zip.start_file("manifest.csv", options)?;
        zip.write_all(&self.manifest_text())?;
        for file in self.files() {
            zip.start_file(format!("{}.csv", file.name()), options)?;
            let mut reader = self.read(file);
            loop {
                let chunk = reader.chunk();
                if chunk.is_empty() {
                    break;
                }
                zip.write_all(chunk)?;
            }
        }
        zip.finish()?.flush()
    }

    /// Writes the set as a zip file.
    pub fn write_zip_file(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let mut out = BufWriter::new(fs::File::create(path)?);
        self.write_zip(&mut out)?;
        out.flush()
    }

    /// Writes the set as files of a folder, which is made if need be; manifest.csv comes last.
    pub fn write_folder(&self, folder: impl AsRef<Path>) -> io::Result<()> {
        let folder = folder.as_ref();
        fs::create_dir_all(folder)?;
        for file in self.files() {
            let mut out = BufWriter::new(fs::File::create(folder.join(format!("{}.csv", file.name())))?);
            io::copy(&mut self.read(file), &mut out)?;
            out.flush()?;
        }
        fs::write(folder.join("manifest.csv"), self.manifest_text())
    }

    /// The bytes of one file of the set by its name in it, `manifest.csv` or that of a [`File`]; for tests of single files.
    pub fn bytes_of(&self, name: &str) -> io::Result<Vec<u8>> {
        if name == "manifest.csv" {
            return Ok(self.manifest_text());
        }
        let file = File::ALL.into_iter().find(|file| name.strip_suffix(".csv") == Some(file.name()));
        let mut bytes = Vec::new();
        self.read(file.ok_or(io::ErrorKind::NotFound)?).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
