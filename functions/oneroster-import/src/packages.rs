//! Opens uploads as packages and imports them. Runs on a thread that may block.

use std::io::{self, Read};
use std::sync::Arc;

use jiff::civil::Date;
use mirror::MirrorError;
use mirror::files::blocks::{ObjectReader, ObjectState, ObjectWatch};
use mirror::files::snapshot::{SnapshotWriter, UploadLineage};
use mirror::ports::objects::{ObjectRef, ReadObjects, WriteObjects};
use roster::finding::{Finding, upload as codes};
use roster::id::{DistrictId, RunId};
use roster::policy::Policy;
use roster::report::FindingList;
use roster::settings::SourceSettings;
use roster::snapshot::{FileRef, Part, Upload};
use sources::oneroster_csv::{
    FolderPackage, Job, Limits, OpenError, OpenNamed, Package, PackagedFile, ZipPackage, describe,
    import,
};
use sources::{Import, ImportError};
use tokio::runtime::Handle;

use crate::{ImportFailure, lineage};

/// Everything that reading an upload needs. Owned, because it is sent to another thread.
pub(crate) struct Reading<I, O> {
    pub(crate) inbox: I,
    pub(crate) internal: O,
    pub(crate) district: DistrictId,
    pub(crate) run: RunId,
    pub(crate) upload: Upload,
    /// Size of the zip, in bytes. Not used for a folder, whose files have their own sizes.
    pub(crate) size: u64,
    pub(crate) before: Option<UploadLineage>,
    pub(crate) settings: Arc<SourceSettings>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) today: Date,
}

/// Outcome of reading an upload.
pub(crate) enum ReadOutcome {
    Staged(Box<StagedParts>),
    Refused(FindingList),
    /// Another upload overwrote this one, or a newer bulk set supersedes it.
    Replaced,
}

/// A snapshot whose parts are written.
pub(crate) struct StagedParts {
    pub(crate) lineage: UploadLineage,
    pub(crate) parts: std::collections::BTreeMap<String, Part>,
    pub(crate) enrollments: u64,
    pub(crate) findings: FindingList,
}

fn refused(finding: Finding) -> ReadOutcome {
    let mut list = FindingList::default();
    list.push(finding);
    ReadOutcome::Refused(list)
}

/// Why a set could not be opened.
enum Unopened {
    Refused(Box<Finding>),
    Io(io::Error),
    Storage(MirrorError),
}

impl<I: ReadObjects, O: WriteObjects> Reading<I, O> {
    /// Reads the upload over the uploads that it updates, and writes the parts of the snapshot.
    pub(crate) fn read(self, handle: &Handle) -> Result<ReadOutcome, ImportFailure> {
        let (mine, earlier) = (ObjectWatch::default(), ObjectWatch::default());
        let result = self.read_watched(handle, &mine, &earlier);
        // The state of the objects takes precedence: a zip that was overwritten while it was read
        // may look damaged, but is not.
        match (mine.state(), earlier.state()) {
            (ObjectState::Replaced, _) => Ok(ReadOutcome::Replaced),
            (ObjectState::Gone, _) => Ok(refused(Finding::new(&codes::UPLOAD_GONE))),
            (_, ObjectState::Replaced | ObjectState::Gone) => {
                Ok(refused(Finding::new(&codes::EARLIER_UPLOAD_GONE)))
            }
            _ => result,
        }
    }

    fn read_watched(
        &self,
        handle: &Handle,
        mine: &ObjectWatch,
        earlier: &ObjectWatch,
    ) -> Result<ReadOutcome, ImportFailure> {
        match self.read_over(handle, mine, earlier, false)? {
            Some(outcome) => Ok(outcome),
            // The manifest says bulk, but the rows are a delta. The rows take precedence: read the
            // set over the uploads that it updates.
            None => Ok(self
                .read_over(handle, mine, earlier, true)?
                .unwrap_or_else(|| refused(Finding::new(&codes::EARLIER_UPLOAD_GONE)))),
        }
    }

    /// Reads the upload over its lineage. Returns `None` if its rows are a delta although its
    /// manifest says bulk. `is_delta`: treat the upload as a delta, whatever its manifest says.
    fn read_over(
        &self,
        handle: &Handle,
        mine: &ObjectWatch,
        earlier: &ObjectWatch,
        is_delta: bool,
    ) -> Result<Option<ReadOutcome>, ImportFailure> {
        let mut package = match self.open(handle, &self.upload, Some(self.size), mine) {
            Ok(package) => package,
            Err(Unopened::Refused(finding)) => return Ok(Some(refused(*finding))),
            Err(Unopened::Io(error)) => return Err(ImportFailure::Read(ImportError::Read(error))),
            Err(Unopened::Storage(error)) => return Err(error.into()),
        };
        let whole =
            !is_delta && !describe(package.as_mut()).map_err(ImportFailure::Read)?.needs_base;
        let Some(lineage) = lineage::with(self.before.clone(), &self.upload, whole) else {
            return Ok(Some(ReadOutcome::Replaced));
        };
        let mut packages = Vec::with_capacity(lineage.links.len());
        let mut package = Some(package);
        for link in &lineage.links {
            if link.upload == self.upload
                && let Some(mine) = package.take()
            {
                packages.push(mine);
                continue;
            }
            match self.open(handle, &link.upload, None, earlier) {
                Ok(package) => packages.push(package),
                Err(Unopened::Storage(error)) => return Err(error.into()),
                // It was readable before, so it was overwritten or deleted since.
                Err(_) => return Ok(Some(refused(Finding::new(&codes::EARLIER_UPLOAD_GONE)))),
            }
        }
        let mut writer =
            SnapshotWriter::new(handle.clone(), self.internal.clone(), &self.district, &self.run);
        let job = Job {
            has_base: self.before.is_some(),
            packages,
            settings: &self.settings,
            policy: &self.policy,
            today: self.today,
            progress: None,
        };
        match import(job, &mut writer) {
            Ok(Import::Staged(staged)) => Ok(Some(ReadOutcome::Staged(Box::new(StagedParts {
                lineage,
                parts: writer.finish()?,
                enrollments: staged.enrollments,
                findings: staged.findings,
            })))),
            Ok(Import::Refused(refused)) => Ok(Some(ReadOutcome::Refused(refused.findings))),
            Err(ImportError::NeedsBase) => Ok(None),
            Err(error) => Err(ImportFailure::Read(error)),
        }
    }

    /// Opens one upload. If `size` is `None`, it is fetched.
    fn open<'a>(
        &self,
        handle: &Handle,
        upload: &Upload,
        size: Option<u64>,
        watch: &ObjectWatch,
    ) -> Result<Box<dyn Package + 'a>, Unopened>
    where
        I: 'a,
    {
        if !upload.files.is_empty() {
            let prefix = upload.key.rsplit_once('/').map_or(0, |(folder, _)| folder.len() + 1);
            let name = |file: &FileRef| file.key.get(prefix..).unwrap_or_default().to_owned();
            let files = upload
                .files
                .iter()
                .map(|file| PackagedFile { name: name(file), size: file.size })
                .collect();
            let opener = FolderObjects {
                handle: handle.clone(),
                inbox: self.inbox.clone(),
                files: upload.files.iter().map(|file| (name(file), file.clone())).collect(),
                watch: watch.clone(),
            };
            return Ok(Box::new(FolderPackage::new(files, opener)));
        }
        let object = ObjectRef {
            key: upload.key.clone(),
            etag: upload.etag.clone(),
            version: upload.version.clone(),
        };
        let size = match size {
            Some(size) => size,
            None => {
                let head = handle.block_on(self.inbox.head(&upload.key, upload.version.as_deref()));
                match head.map_err(Unopened::Storage)? {
                    Some(info) if info.object.etag == upload.etag => info.size,
                    _ => {
                        return Err(Unopened::Refused(Box::new(Finding::new(
                            &codes::EARLIER_UPLOAD_GONE,
                        ))));
                    }
                }
            }
        };
        let reader = ObjectReader::new(handle.clone(), self.inbox.clone(), object, size, watch);
        match ZipPackage::open(reader, &Limits::default()) {
            Ok(package) => Ok(Box::new(package)),
            Err(OpenError::Refused(refusal)) => Err(Unopened::Refused(refusal.0)),
            Err(OpenError::Read(error)) => Err(Unopened::Io(error)),
        }
    }
}

/// Opens the files of an uploaded folder.
struct FolderObjects<I> {
    handle: Handle,
    inbox: I,
    files: Vec<(String, FileRef)>,
    watch: ObjectWatch,
}

impl<I: ReadObjects> OpenNamed for FolderObjects<I> {
    fn open(&mut self, name: &str) -> io::Result<Box<dyn Read + '_>> {
        let (_, file) =
            self.files.iter().find(|(found, _)| found == name).ok_or(io::ErrorKind::NotFound)?;
        let object = ObjectRef {
            key: file.key.clone(),
            etag: file.etag.clone(),
            version: file.version.clone(),
        };
        Ok(Box::new(ObjectReader::new(
            self.handle.clone(),
            self.inbox.clone(),
            object,
            file.size,
            &self.watch,
        )))
    }
}
