//! A set of files: its files by kind, and what its manifest says of each (checks 1, 2, 8 to 11).

use roster::finding::source as codes;

use super::ahead::with_file;
use super::containers;
use super::diagnostics::{Abort, Diagnostics, place, quoted};
use super::header_names::distance;
use super::layout::{FileKind, NOT_USED, SDS_COLUMNS, Version};
use super::manifest::Manifest;
use super::package::{Package, PackagedFile};
use super::rows::Next;
use super::table::{Mode, fault};

/// File names that only Microsoft School Data Sync has.
const SDS_FILES: [&str; 7] = [
    "relationships.csv",
    "School.csv",
    "Section.csv",
    "StudentEnrollment.csv",
    "TeacherRoster.csv",
    "Guardianrelationship.csv",
    "Student.csv",
];

/// File names that only exports for Clever have, in lower case.
const CLEVER_FILES: [&str; 4] = ["schools.csv", "students.csv", "teachers.csv", "sections.csv"];

/// A set of files, sorted by kind.
#[derive(Debug)]
pub(super) struct FileSet {
    /// Index in the package of each kind of [`FileKind::ALL`].
    files: [Option<usize>; 8],
    pub(super) version: Version,
    modes: [Option<Mode>; 8],
}

/// Whether a set is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// All files that a roster needs, and the manifest marks none as a delta.
    Bulk,
    /// At least one file is a delta: records that it does not name are unchanged.
    Delta,
    /// A manifest without files: nothing changed.
    Nothing,
}

impl FileSet {
    /// Creates a set that was not opened yet.
    pub(super) fn unread() -> Self {
        Self { files: [None; 8], version: Version::V1_1, modes: [None; 8] }
    }

    /// Sorts a package's files, reads its manifest, and compares the two.
    pub(super) fn of(
        package: &mut dyn Package,
        accept_1_0: bool,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Result<Self, Abort> {
        let set = Self::sorted(package, accept_1_0, diagnostics)?;
        set.check(diagnostics);
        diagnostics.go_on()?;
        Ok(set)
    }

    /// Sorts a package's files and reads its manifest. If the manifest cannot be used, the finding
    /// that refuses the set is recorded, and the set is still returned, so that the headers
    /// of its files can be checked too (R-X4).
    pub(super) fn sorted(
        package: &mut dyn Package,
        accept_1_0: bool,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Result<Self, Abort> {
        let (files, manifest) = sort(package, diagnostics)?;
        let manifest = match manifest {
            Some(index) => {
                match with_file(package, index, None, |rows| Manifest::read(rows, diagnostics)) {
                    Err(Abort::Refused) => None,
                    read => Some(read?),
                }
            }
            None => {
                refuse_sds(package, &files, diagnostics)?;
                refuse_other_files(package.files(), &files, diagnostics)?;
                if !accept_1_0 {
                    diagnostics
                        .note(&codes::MANIFEST_MISSING, |f| f.at(place("manifest.csv", 0, None)));
                    return Err(Abort::Refused);
                }
                diagnostics.note(&codes::TAKEN_AS_1_0, |f| f.at(place("manifest.csv", 0, None)));
                Some(Manifest::of_1_0())
            }
        };
        Ok(match manifest {
            Some(manifest) => Self {
                files,
                version: manifest.version,
                modes: FileKind::ALL.map(|kind| manifest.mode(kind)),
            },
            None => Self {
                files,
                version: Version::V1_1,
                modes: files.map(|file| file.map(|_| Mode::Bulk)),
            },
        })
    }

    pub(super) fn file(&self, kind: FileKind) -> Option<usize> {
        self.files[kind as usize]
    }

    /// Returns the mode in the manifest; [`Mode::Absent`] if it has none.
    pub(super) fn mode(&self, kind: FileKind) -> Mode {
        self.modes[kind as usize].unwrap_or(Mode::Absent)
    }

    pub(super) fn nature(&self) -> Nature {
        let roster = || {
            FileKind::ALL
                .into_iter()
                .filter(|kind| *kind != FileKind::Roles || self.version == Version::V1_2)
        };
        if roster().any(|kind| self.mode(kind) == Mode::Delta) {
            Nature::Delta
        } else if self.files.iter().all(Option::is_none)
            && roster().all(|kind| self.mode(kind) == Mode::Absent)
        {
            Nature::Nothing
        } else {
            Nature::Bulk
        }
    }

    /// Compares the files that are listed with those that exist (checks 5 and 8).
    pub(super) fn check(&self, diagnostics: &mut Diagnostics<'_>) {
        for kind in FileKind::ALL {
            let is_needed =
                kind.is_needed() || (kind == FileKind::Roles && self.version == Version::V1_2);
            let (mode, listed) = (self.mode(kind), self.modes[kind as usize].is_some());
            let at = |f: roster::finding::Finding| f.at(place(kind.file(), 0, None));
            match (self.file(kind), mode) {
                (None, Mode::Bulk | Mode::Delta) if self.version == Version::V1_0 => {}
                (None, Mode::Bulk | Mode::Delta) if is_needed => {
                    diagnostics.note(&codes::FILE_MISSING, |f| {
                        at(f.with(format!(
                            "manifest.csv lists {}, but the file is missing",
                            kind.file()
                        )))
                    })
                }
                (None, Mode::Bulk | Mode::Delta) => {
                    diagnostics.note(&codes::FILE_LISTED_MISSING, at)
                }
                (Some(_), Mode::Absent) if is_needed => {
                    diagnostics.note(&codes::MANIFEST_MODE, |f| {
                        let what = if listed {
                            "marks it as absent"
                        } else {
                            "does not say whether it is bulk or delta"
                        };
                        at(f.with(format!(
                            "the export contains {}, but manifest.csv {what}",
                            kind.file()
                        )))
                    })
                }
                (Some(_), Mode::Absent) => diagnostics.note(&codes::FILE_NOT_LISTED, at),
                (Some(_), Mode::Bulk | Mode::Delta) | (None, Mode::Absent) => {}
            }
        }
    }

    /// Refuses a set that must be complete but is not (check 9). [`FileSet::check`] reports the
    /// files that the manifest lists.
    pub(super) fn require_all(&self, diagnostics: &mut Diagnostics<'_>) {
        let is_missing = |kind: &FileKind| {
            kind.is_needed()
                && self.file(*kind).is_none()
                && (self.mode(*kind) == Mode::Absent || self.version == Version::V1_0)
        };
        for kind in FileKind::ALL.into_iter().filter(is_missing) {
            diagnostics.note(&codes::FILE_MISSING, |f| {
                f.with(format!("{} is missing", kind.file())).at(place(kind.file(), 0, None))
            });
        }
    }
}

type Sorted = ([Option<usize>; 8], Option<usize>);

fn sort(package: &dyn Package, diagnostics: &mut Diagnostics<'_>) -> Result<Sorted, Abort> {
    let mut files = [None; 8];
    let mut manifest = None;
    let mut folder: Option<&str> = None;
    for (index, file) in package.files().iter().enumerate() {
        let (path, name) = file.name.rsplit_once(['/', '\\']).unwrap_or(("", &file.name));
        let is_debris = file.name.split(['/', '\\']).any(|part| part == "__MACOSX")
            || name == ".DS_Store"
            || name.starts_with("._");
        if is_debris {
            diagnostics.note(&codes::FILE_UNKNOWN, |f| {
                f.with(format!(
                    "{} was added by macOS when the files were zipped",
                    quoted(&file.name)
                ))
            });
            continue;
        }
        let stem = name
            .len()
            .checked_sub(4)
            .filter(|&at| name.is_char_boundary(at) && name[at..].eq_ignore_ascii_case(".csv"));
        let stem = stem.map_or("", |at| &name[..at]);
        let kind =
            FileKind::ALL.into_iter().find(|kind| kind.property().eq_ignore_ascii_case(stem));
        let known = kind
            .map(FileKind::property)
            .or_else(|| NOT_USED.into_iter().find(|known| known.eq_ignore_ascii_case(stem)));
        let Some(known) = known else {
            note_unknown(&file.name, stem, diagnostics);
            continue;
        };
        if *folder.get_or_insert(path) != path {
            diagnostics.note(&codes::FILES_IN_SEVERAL_FOLDERS, |f| f);
            return Err(Abort::Refused);
        }
        if name.strip_suffix(".csv") != Some(known) {
            diagnostics.note(&codes::FILE_NAME_CASE, |f| {
                f.with(format!("{} should be named {known}.csv", quoted(name)))
            });
        }
        let slot = match kind {
            Some(kind) => &mut files[kind as usize],
            None if known == "manifest" => &mut manifest,
            None => {
                diagnostics.note(&codes::FILE_NOT_USED, |f| {
                    f.with(format!("a roster does not need {known}.csv"))
                });
                continue;
            }
        };
        if slot.replace(index).is_some() {
            diagnostics.note(&codes::ZIP_DUPLICATE_MEMBER, |f| {
                f.with(format!("the export contains {known}.csv twice"))
            });
        }
    }
    if folder.is_some_and(|folder| !folder.is_empty()) {
        diagnostics.note(&codes::FILES_IN_FOLDER, |f| f);
    }
    diagnostics.go_on()?;
    Ok((files, manifest))
}

fn note_unknown(name: &str, stem: &str, diagnostics: &mut Diagnostics<'_>) {
    let near = FileKind::ALL.into_iter().find(|kind| {
        !stem.is_empty()
            && stem.len() < 40
            && distance(&stem.to_ascii_lowercase(), &kind.property().to_ascii_lowercase()) <= 2
    });
    let near = near.map(|kind| format!("; perhaps {} is meant", kind.file())).unwrap_or_default();
    diagnostics.note(&codes::FILE_UNKNOWN, |f| {
        f.with(format!("the export contains {}, which is not a OneRoster file{near}", quoted(name)))
    });
}

/// Recognizes files of Microsoft School Data Sync, which also have no manifest.
fn refuse_sds(
    package: &mut dyn Package,
    files: &[Option<usize>; 8],
    diagnostics: &mut Diagnostics<'_>,
) -> Result<(), Abort> {
    let mut is_sds = package.files().iter().any(|file| {
        let name = file.name.rsplit(['/', '\\']).next().unwrap_or_default();
        SDS_FILES.iter().any(|sds| sds.eq_ignore_ascii_case(name))
    });
    for kind in [FileKind::Users, FileKind::Roles, FileKind::Classes, FileKind::Enrollments] {
        let Some(index) = files[kind as usize].filter(|_| !is_sds) else { continue };
        is_sds = with_file(package, index, None, |mut rows| {
            let next = rows.advance().map_err(|error| fault(error, kind.file(), diagnostics))?;
            let cells = rows.cells().iter().map(|cell| cell.of(rows.text()).trim());
            let names: Vec<&str> = cells.filter(|_| next == Next::Row).collect();
            let has = |name: &str| names.iter().any(|own| own.eq_ignore_ascii_case(name));
            // School Data Sync 2 gives enrollments and roles no ids.
            let without_ids = has("userSourcedId") && !has("sourcedId") && !has("status");
            Ok::<_, Abort>(without_ids || SDS_COLUMNS.iter().any(|sds| has(sds)))
        })?;
    }
    if is_sds {
        diagnostics.note(&codes::SDS_FILES, |f| f);
        return Err(Abort::Refused);
    }
    Ok(())
}

/// Recognizes uploads without a manifest that are something else: another archive in the zip, files
/// for Clever, or no OneRoster file at all.
fn refuse_other_files(
    found: &[PackagedFile],
    files: &[Option<usize>; 8],
    diagnostics: &mut Diagnostics<'_>,
) -> Result<(), Abort> {
    let base = |file: &PackagedFile| {
        file.name.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase()
    };
    let of_clever = found.iter().filter(|file| CLEVER_FILES.contains(&base(file).as_str())).count();
    if of_clever >= 2 {
        diagnostics.note(&codes::CLEVER_FILES, |f| f);
        return Err(Abort::Refused);
    }
    if files.iter().any(Option::is_some) {
        return Ok(());
    }
    if let Some((name, what)) = containers::nested(found) {
        diagnostics.note(&codes::CONTAINER_NESTED, |f| {
            let found = if name.is_empty() {
                format!("the upload is {what}, not a zip with OneRoster files")
            } else {
                format!("the upload contains {what}, {}, and no OneRoster file", quoted(name))
            };
            f.with(found)
        });
        return Err(Abort::Refused);
    }
    diagnostics.note(&codes::NO_ONEROSTER_FILES, |f| {
        let names: Vec<String> = found.iter().take(5).map(|file| quoted(&file.name)).collect();
        f.with(format!("the upload contains no OneRoster file, but {}", names.join(", ")))
    });
    Err(Abort::Refused)
}
