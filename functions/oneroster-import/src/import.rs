//! One upload, from its notice to the snapshot's manifest.
//!
//! The order of writes makes it safe to die anywhere: parts, chain, the district's newest snapshot,
//! manifest, the run's state. The manifest makes the snapshot; the run's state only says that it
//! was made.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use mirror::MirrorError;
use mirror::eventbridge;
use mirror::eventbridge::event::Event;
use mirror::files::report;
use mirror::files::snapshot;
use mirror::ops::importing::{self, Taken};
use mirror::ports::districts::{Changed, District, Districts, Latest};
use mirror::ports::objects::{ReadObjects, WriteObjects};
use mirror::ports::runs::{Importer, RunRecord, Runs};
use roster::finding::{Finding, upload as codes};
use roster::report::FindingList;
use roster::run::{RunState, Step};
use roster::snapshot::{FileRef, Manifest, Origin, Upload};
use tokio::runtime::Handle;
use tracing::warn;

use crate::packages::{Outcome, Reading, StagedParts};
use crate::{Config, Ended, ImportFailure, Notice, Shape, Storage, chain};

/// The name of this source in snapshots and settings.
const SOURCE: &str = "oneroster_csv";

/// How often an import is made again because another upload of the district was accepted meanwhile.
const TRIES: u32 = 5;

pub(crate) async fn import<T, I, O>(
    config: &Config,
    storage: &Storage<T, I, O>,
    notice: &Notice,
    owner: &str,
) -> Result<Ended, ImportFailure>
where
    T: Districts + Runs,
    I: ReadObjects,
    O: ReadObjects + WriteObjects,
{
    let Some(district) = storage.table.district(&notice.district).await? else {
        return refuse_stranger(storage, notice).await;
    };
    let Some(record) = own(config, storage, notice, owner).await? else {
        return Ok(Ended::Repeated);
    };
    let mut work = Work { storage, notice, record, upload: upload_of(notice) };
    let ended = work.run(district).await?;
    Ok(ended)
}

fn upload_of(notice: &Notice) -> Upload {
    Upload {
        bucket: notice.bucket.clone(),
        key: notice.key.clone(),
        etag: notice.etag.clone(),
        version: notice.version.clone(),
        at: notice.at,
        files: Vec::new(),
    }
}

/// Makes the run, or takes it over from an invocation that has died. None: the import was done
/// before.
async fn own<T: Runs, I, O>(
    config: &Config,
    storage: &Storage<T, I, O>,
    notice: &Notice,
    owner: &str,
) -> Result<Option<RunRecord>, ImportFailure> {
    let now = storage.clock.now();
    let importer = Importer { owner: owner.to_owned(), until: now + config.ownership };
    let mut fresh = RunRecord::importing(notice.district.clone(), notice.run.clone(), notice.at);
    fresh.upload = Some(upload_of(notice));
    match importing::take(&storage.table, fresh, None, importer, now).await? {
        Taken::Ours(record) => Ok(Some(*record)),
        Taken::Done => Ok(None),
        Taken::Busy => Err(ImportFailure::InProgress),
    }
}

/// What stands between an upload and its import.
enum Stop {
    Refused(Box<Finding>),
    Replaced,
    Failed(ImportFailure),
}

impl From<MirrorError> for Stop {
    fn from(error: MirrorError) -> Self {
        Stop::Failed(error.into())
    }
}

impl From<ImportFailure> for Stop {
    fn from(failure: ImportFailure) -> Self {
        Stop::Failed(failure)
    }
}

/// One import under way.
struct Work<'a, T, I, O> {
    storage: &'a Storage<T, I, O>,
    notice: &'a Notice,
    record: RunRecord,
    upload: Upload,
}

impl<T, I, O> Work<'_, T, I, O>
where
    T: Districts + Runs,
    I: ReadObjects,
    O: ReadObjects + WriteObjects,
{
    async fn run(&mut self, mut district: District) -> Result<Ended, ImportFailure> {
        for _ in 0..TRIES {
            match self.try_once(&district).await {
                Ok(Some(ended)) => return Ok(ended),
                Ok(None) => {}
                Err(Stop::Refused(finding)) => {
                    let mut findings = FindingList::default();
                    findings.push(*finding);
                    return self.refuse(findings).await;
                }
                Err(Stop::Replaced) => return self.replace().await,
                Err(Stop::Failed(failure)) => return Err(failure),
            }
            let again = self.storage.table.district(&self.notice.district).await?;
            district = again.ok_or(MirrorError::Missing { what: "the district's item" })?;
        }
        Err(ImportFailure::Contended)
    }

    /// Imports over the newest snapshot that is known. None: another one was accepted meanwhile.
    async fn try_once(&mut self, district: &District) -> Result<Option<Ended>, Stop> {
        let (internal, notice) = (&self.storage.internal, self.notice);
        let before = match &district.latest {
            None => None,
            Some(latest) => {
                let chain = snapshot::read_chain(internal, &notice.district, &latest.run).await?;
                Some(chain.ok_or(MirrorError::Missing { what: "an upload lineage" })?)
            }
        };
        if chain::is_moot(before.as_ref(), &self.upload) {
            return Err(Stop::Replaced);
        }
        let unusable = |why: String| {
            Stop::Refused(Box::new(Finding::new(&codes::DISTRICT_SETTINGS).with(why)))
        };
        let policy = district.settings.policy().map_err(|error| unusable(error.to_string()))?;
        let zone = TimeZone::get(&district.settings.time_zone)
            .map_err(|_| unusable("the district's time zone does not exist".into()))?;
        let (size, as_of) = self.look().await?;
        let today = self.today(as_of.as_deref(), zone);
        let reading = Reading {
            inbox: self.storage.inbox.clone(),
            internal: internal.clone(),
            district: notice.district.clone(),
            run: notice.run.clone(),
            upload: self.upload.clone(),
            size,
            before,
            settings: Arc::new(district.settings.source.clone()),
            policy: Arc::new(policy),
            today,
        };
        let handle = Handle::current();
        let read = tokio::task::spawn_blocking(move || reading.read(&handle)).await;
        let read = read.map_err(|error| MirrorError::service("read the upload", error))?;
        match read? {
            Outcome::Staged(staged) => self.stage(district, *staged, today).await,
            Outcome::Refused(findings) => Ok(Some(self.refuse(findings).await?)),
            Outcome::Replaced => Err(Stop::Replaced),
        }
    }

    /// Looks at the upload as it is now: its size, the day for which it speaks, the files of a
    /// folder.
    async fn look(&mut self) -> Result<(u64, Option<String>), Stop> {
        let inbox = &self.storage.inbox;
        let gone = || Stop::Refused(Box::new(Finding::new(&codes::UPLOAD_GONE)));
        let info =
            inbox.head(&self.notice.key, self.notice.version.as_deref()).await?.ok_or_else(gone)?;
        if self.upload.etag.is_empty() {
            self.upload.etag.clone_from(&info.object.etag);
        }
        if info.object.etag != self.upload.etag {
            return Err(Stop::Replaced);
        }
        if let Shape::Folder { prefix } = &self.notice.shape {
            let mut files: Vec<FileRef> = Vec::new();
            for file in inbox.list(prefix).await? {
                let is_manifest = file.object.key == self.notice.key;
                if is_manifest && file.object.etag != self.upload.etag {
                    return Err(Stop::Replaced);
                }
                if file.object.key.to_ascii_lowercase().ends_with(".csv") {
                    let version = if is_manifest { self.notice.version.clone() } else { None };
                    files.push(FileRef {
                        key: file.object.key,
                        etag: file.object.etag,
                        version,
                        size: file.size,
                    });
                }
            }
            if files.is_empty() {
                return Err(gone());
            }
            self.upload.files = files;
        }
        Ok((info.size, info.as_of))
    }

    /// The day for which dates are read: the one that the upload names, else the day of the upload
    /// where the district is.
    fn today(&self, as_of: Option<&str>, zone: TimeZone) -> Date {
        let day = self.notice.at.to_zoned(zone).date();
        let Some(named) = as_of else { return day };
        named.trim().parse().unwrap_or_else(|_| {
            warn!(district = %self.notice.district, run = %self.notice.run, "the upload's as-of is not a date; the day of the upload is used");
            day
        })
    }

    async fn stage(
        &mut self,
        district: &District,
        staged: StagedParts,
        today: Date,
    ) -> Result<Option<Ended>, Stop> {
        let StagedParts { chain, parts, enrollments, findings } = staged;
        let (table, internal) = (&self.storage.table, &self.storage.internal);
        let (id, run) = (&self.notice.district, &self.notice.run);
        let taken_at = chain.links.last().map_or(self.notice.at, |link| link.upload.at);
        snapshot::put_chain(internal, id, run, &chain).await?;
        let latest = Latest { run: run.clone(), taken_at };
        let seen = district.latest.as_ref().map(|latest| &latest.run);
        if table.accept(id, &latest, seen).await? == Changed::No {
            return Ok(None);
        }
        let manifest = Manifest {
            district: id.clone(),
            run: run.clone(),
            taken_at,
            today,
            origin: origin_of(chain.links.iter().map(|link| link.upload.clone()).collect()),
            parts,
            enrollments,
            findings: findings
                .totals
                .iter()
                .map(|(code, total)| (code.clone(), total.count))
                .collect(),
            seconds: self.seconds(),
        };
        snapshot::put_manifest(internal, &manifest).await?;
        self.record.today = Some(today);
        self.end(Step::Stage, &eventbridge::staged(&manifest)).await?;
        Ok(Some(Ended::Staged))
    }

    async fn refuse(&mut self, findings: FindingList) -> Result<Ended, ImportFailure> {
        let refused = Event::upload_refused(
            self.storage.clock.now(),
            &self.notice.district,
            &self.notice.run,
            &findings,
        );
        self.report(RunState::Refused, findings).await?;
        self.storage.operators.tell(refused).await;
        self.end(Step::Refuse, &[]).await?;
        Ok(Ended::Refused)
    }

    async fn replace(&mut self) -> Result<Ended, ImportFailure> {
        self.report(RunState::Replaced, FindingList::default()).await?;
        self.end(Step::Replace, &[]).await?;
        Ok(Ended::Replaced)
    }

    async fn report(&self, state: RunState, findings: FindingList) -> Result<(), MirrorError> {
        let origin = origin_of(vec![self.upload.clone()]);
        let report = report::without_plan(&self.record, state, origin, findings, self.seconds());
        report::put(&self.storage.internal, &report).await
    }

    /// Saves the run in its last state here, and counts it.
    async fn end(
        &mut self,
        step: Step,
        counts: &[(&'static str, f64)],
    ) -> Result<(), ImportFailure> {
        self.record.step(step)?;
        self.record.upload = Some(Upload { files: Vec::new(), ..self.upload.clone() });
        if !importing::leave(&self.storage.table, &mut self.record, step).await? {
            return Err(ImportFailure::InProgress);
        }
        let mut all = vec![("Imports", 1.0), ("ImportSeconds", self.seconds())];
        all.extend_from_slice(counts);
        count(self.storage.clock.now(), self.record.state, self.notice, &all);
        Ok(())
    }

    fn seconds(&self) -> f64 {
        seconds_since(self.notice.at, self.storage.clock.now())
    }
}

fn seconds_since(begin: Timestamp, now: Timestamp) -> f64 {
    now.duration_since(begin).as_secs_f64().max(0.0)
}

fn origin_of(uploads: Vec<Upload>) -> Origin {
    Origin { uploads, ..Origin::of(SOURCE) }
}

fn count(now: Timestamp, state: RunState, notice: &Notice, counts: &[(&'static str, f64)]) {
    let outcome = match state {
        RunState::Staged => "staged",
        RunState::Refused => "refused",
        _ => "replaced",
    };
    eventbridge::metrics(now, outcome, &notice.district, &notice.run, counts);
}

/// An upload for a district that does not exist leaves a report and nothing in the table.
async fn refuse_stranger<T, I, O: WriteObjects>(
    storage: &Storage<T, I, O>,
    notice: &Notice,
) -> Result<Ended, ImportFailure> {
    let mut findings = FindingList::default();
    findings.push(Finding::new(&codes::DISTRICT_UNKNOWN));
    let now = storage.clock.now();
    let refused = Event::upload_refused(now, &notice.district, &notice.run, &findings);
    let seconds = seconds_since(notice.at, now);
    let record = RunRecord::importing(notice.district.clone(), notice.run.clone(), notice.at);
    let origin = origin_of(vec![upload_of(notice)]);
    let report = report::without_plan(&record, RunState::Refused, origin, findings, seconds);
    report::put_refused(&storage.internal, &report).await?;
    warn!(district = %notice.district, run = %notice.run, "an upload for a district that does not exist");
    storage.operators.tell(refused).await;
    count(storage.clock.now(), RunState::Refused, notice, &[("UnknownDistricts", 1.0)]);
    Ok(Ended::Refused)
}
