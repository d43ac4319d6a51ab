//! Opens uploads as sets of files, and reads them on a thread that may block.

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

use crate::{ImportFailure, chain};

/// All that one reading needs. It is sent to another thread.
pub(crate) struct Reading<I, O> {
    pub(crate) inbox: I,
    pub(crate) internal: O,
    pub(crate) district: DistrictId,
    pub(crate) run: RunId,
    pub(crate) upload: Upload,
    /// Of the upload's zip; nothing for a folder, whose files have sizes of their own.
    pub(crate) size: u64,
    pub(crate) before: Option<UploadLineage>,
    pub(crate) settings: Arc<SourceSettings>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) today: Date,
}

/// What reading an upload came to.
pub(crate) enum Outcome {
    Staged(Box<StagedParts>),
    Refused(FindingList),
    /// Another upload has taken its place, or a newer bulk set has.
    Replaced,
}

/// A snapshot whose parts are written.
pub(crate) struct StagedParts {
    pub(crate) chain: UploadLineage,
    pub(crate) parts: std::collections::BTreeMap<String, Part>,
    pub(crate) enrollments: u64,
    pub(crate) findings: FindingList,
}

fn refused(finding: Finding) -> Outcome {
    let mut list = FindingList::default();
    list.push(finding);
    Outcome::Refused(list)
}

/// Why a set could not be opened.
enum Unopened {
    Refused(Box<Finding>),
    Io(io::Error),
    Storage(MirrorError),
}

impl<I: ReadObjects, O: WriteObjects> Reading<I, O> {
    /// Reads the upload, over the chain that it follows, and writes the parts of the snapshot.
    pub(crate) fn read(self, handle: &Handle) -> Result<Outcome, ImportFailure> {
        let (mine, earlier) = (ObjectWatch::default(), ObjectWatch::default());
        let result = self.read_watched(handle, &mine, &earlier);
        // What the readers met outweighs what was made of it: a zip that ends in the middle because
        // it was replaced is no broken zip.
        match (mine.state(), earlier.state()) {
            (ObjectState::Replaced, _) => Ok(Outcome::Replaced),
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
    ) -> Result<Outcome, ImportFailure> {
        match self.read_over(handle, mine, earlier, false)? {
            Some(outcome) => Ok(outcome),
            // The manifest says bulk, and the rows say otherwise: the data wins, and the set is
            // read over what it follows.
            None => Ok(self
                .read_over(handle, mine, earlier, true)?
                .unwrap_or_else(|| refused(Finding::new(&codes::EARLIER_UPLOAD_GONE)))),
        }
    }

    /// Reads the upload over its chain. None: its rows, unlike its manifest, follow earlier sets.
    fn read_over(
        &self,
        handle: &Handle,
        mine: &ObjectWatch,
        earlier: &ObjectWatch,
        follows: bool,
    ) -> Result<Option<Outcome>, ImportFailure> {
        let mut package = match self.open(handle, &self.upload, Some(self.size), mine) {
            Ok(package) => package,
            Err(Unopened::Refused(finding)) => return Ok(Some(refused(*finding))),
            Err(Unopened::Io(error)) => return Err(ImportFailure::Read(ImportError::Read(error))),
            Err(Unopened::Storage(error)) => return Err(error.into()),
        };
        let whole =
            !follows && !describe(package.as_mut()).map_err(ImportFailure::Read)?.needs_base;
        let Some(chain) = chain::with(self.before.clone(), &self.upload, whole) else {
            return Ok(Some(Outcome::Replaced));
        };
        let mut packages = Vec::with_capacity(chain.links.len());
        let mut package = Some(package);
        for link in &chain.links {
            if link.upload == self.upload
                && let Some(mine) = package.take()
            {
                packages.push(mine);
                continue;
            }
            match self.open(handle, &link.upload, None, earlier) {
                Ok(package) => packages.push(package),
                Err(Unopened::Storage(error)) => return Err(error.into()),
                // It was read before: if it cannot be now, it is another or none.
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
            Ok(Import::Staged(staged)) => Ok(Some(Outcome::Staged(Box::new(StagedParts {
                chain,
                parts: writer.finish()?,
                enrollments: staged.enrollments,
                findings: staged.findings,
            })))),
            Ok(Import::Refused(refused)) => Ok(Some(Outcome::Refused(refused.findings))),
            Err(ImportError::NeedsBase) => Ok(None),
            Err(error) => Err(ImportFailure::Read(error)),
        }
    }

    /// Opens one upload. `size` is known for the one that the event names; of earlier ones it is
    /// asked for.
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

/// Opens the files of a folder as objects.
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
