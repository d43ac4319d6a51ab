//! Uploads a file set as a district does, and follows the run that it starts.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use jiff::Timestamp;
use jiff::civil::Date;
use mirror::MirrorError;
use mirror::keys;
use mirror::ports::objects::ReadObjects;
use mirror::ports::runs::{RunRecord, Runs};
use roster::id::{DistrictId, RunId};
use roster::report::Report;
use roster::run::RunState;

use crate::stack::{INBOX, INTERNAL, Stack};

/// The file whose upload starts the import of a folder. It is uploaded last.
const MANIFEST: &str = "manifest.csv";

/// How often a waiting caller gets the state of a run.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(300);

/// How many of the newest runs are searched for an upload's run.
const SEARCHED_RUNS: usize = 50;

/// An uploaded file set: the object whose event starts the import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// The district.
    pub district: DistrictId,
    /// The key of the zip, or of the folder's manifest.
    pub key: String,
    /// The object's version. Every upload has its own, also of the same file.
    pub version: String,
    /// Size of the whole set in bytes.
    pub bytes: u64,
}

/// Why an upload failed. Some files of a folder may have been uploaded.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The path does not exist.
    #[error("there is no file or folder {}", .0.display())]
    NotThere(PathBuf),
    /// The path is neither a zip nor a folder.
    #[error(
        "{} is neither a folder nor a .zip file; give the exported zip, or the folder with the \
         unpacked files",
        .0.display()
    )]
    NotAZip(PathBuf),
    /// The folder has no manifest, so its import would never start.
    #[error(
        "{} has no file manifest.csv, which marks a set as complete; upload the files as one zip \
         instead",
        .0.display()
    )]
    NoManifest(PathBuf),
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The object store rejected the upload.
    #[error("the upload to {key} failed")]
    Store {
        /// The object's key.
        key: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Stack {
    /// Uploads a zip, or the files of a folder, to `uploads/<district>/`. With `as_of` the import
    /// treats that day as today.
    pub async fn upload(
        &self,
        district: &DistrictId,
        path: &Path,
        as_of: Option<Date>,
    ) -> Result<Uploaded, UploadError> {
        let read = |source| UploadError::Read { path: path.to_owned(), source };
        let about = match std::fs::metadata(path) {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(UploadError::NotThere(path.to_owned()));
            }
            Err(error) => return Err(read(error)),
        };
        let path = path.canonicalize().map_err(read)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if about.is_dir() {
            return self.upload_folder(district, &path, &name, as_of).await;
        }
        if !name.to_ascii_lowercase().ends_with(".zip") {
            return Err(UploadError::NotAZip(path));
        }
        // The filter of the notification is case-sensitive.
        let name = format!("{}.zip", &name[..name.len() - 4]);
        let (key, version) =
            self.put_file(&path, format!("uploads/{district}/{name}"), as_of).await?;
        Ok(Uploaded { district: district.clone(), key, version, bytes: about.len() })
    }

    async fn upload_folder(
        &self,
        district: &DistrictId,
        folder: &Path,
        name: &str,
        as_of: Option<Date>,
    ) -> Result<Uploaded, UploadError> {
        let read = |source| UploadError::Read { path: folder.to_owned(), source };
        let mut files = Vec::new();
        for file in std::fs::read_dir(folder).map_err(read)? {
            let file = file.map_err(read)?;
            let name = file.file_name().to_string_lossy().into_owned();
            let about = file.metadata().map_err(read)?;
            // Only CSV files: a zip in the same folder would be a separate set.
            if about.is_file()
                && name.to_ascii_lowercase().ends_with(".csv")
                && !name.starts_with('.')
            {
                files.push((name, file.path(), about.len()));
            }
        }
        // The manifest last. The others are sorted, so that uploads of one folder are identical.
        files.sort_by(|a, b| (a.0 == MANIFEST, &a.0).cmp(&(b.0 == MANIFEST, &b.0)));
        if files.last().is_none_or(|(name, ..)| name != MANIFEST) {
            return Err(UploadError::NoManifest(folder.to_owned()));
        }
        // A new folder for every upload, so that it contains no files of an earlier one.
        let folder =
            format!("uploads/{district}/{name}-{}", Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ"));
        let mut last = (String::new(), String::new());
        let bytes = files.iter().map(|(_, _, bytes)| bytes).sum();
        for (name, path, _) in files {
            let day = as_of.filter(|_| name == MANIFEST);
            last = self.put_file(&path, format!("{folder}/{name}"), day).await?;
        }
        let (key, version) = last;
        Ok(Uploaded { district: district.clone(), key, version, bytes })
    }

    async fn put_file(
        &self,
        path: &Path,
        key: String,
        as_of: Option<Date>,
    ) -> Result<(String, String), UploadError> {
        let failed = |source| UploadError::Store { key: key.clone(), source };
        let body = ByteStream::from_path(path).await.map_err(|error| failed(error.into()))?;
        let mut put = self.s3().put_object().bucket(INBOX).key(&key).body(body);
        if let Some(day) = as_of {
            put = put.metadata("as-of", day.to_string());
        }
        let done = put.send().await.map_err(|error| failed(error.into()))?;
        Ok((key, done.version_id.unwrap_or_default()))
    }

    /// The run of an upload. `None` until the run exists.
    pub async fn run_of(&self, uploaded: &Uploaded) -> Result<Option<RunRecord>, MirrorError> {
        let newest = self.table().newest(&uploaded.district, SEARCHED_RUNS).await?;
        Ok(newest.into_iter().find(|run| {
            run.upload.as_ref().is_some_and(|upload| {
                upload.key == uploaded.key
                    && upload.version.as_deref() == Some(uploaded.version.as_str())
            })
        }))
    }

    /// Waits until an upload's run has ended or is held, and returns it. Meanwhile `progress` gets
    /// the run's state.
    ///
    /// Returns `None`, or a run in an intermediate state, if the run failed and nothing will
    /// continue it. If the run continues in a scheduled invocation, the clock is advanced.
    pub async fn finished(
        &self,
        uploaded: &Uploaded,
        mut progress: impl FnMut(RunState),
    ) -> Result<Option<RunRecord>, MirrorError> {
        loop {
            let settled = self.settled();
            tokio::pin!(settled);
            while tokio::time::timeout(PROGRESS_INTERVAL, &mut settled).await.is_err() {
                if let Some(run) = self.run_of(uploaded).await? {
                    progress(run.state);
                }
            }
            let run = self.run_of(uploaded).await?;
            let ended =
                run.as_ref().is_some_and(|run| run.state.is_final() || run.state == RunState::Held);
            match self.next_schedule() {
                Some(due) if !ended => self.clock().advance_to(due),
                _ => return Ok(run),
            }
        }
    }

    /// The report of a run. `None` until it is written.
    pub async fn report(
        &self,
        district: &DistrictId,
        run: &RunId,
    ) -> Result<Option<Report>, MirrorError> {
        let Some(text) = self.bucket(INTERNAL).get(&keys::report(district, run)).await? else {
            return Ok(None);
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| MirrorError::corrupt("the report", error))
    }
}
