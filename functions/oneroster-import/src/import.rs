//! Imports one upload, from its event to the snapshot's manifest.
//!
//! Writes happen in this order, so that a crash between any two of them is safe: parts, lineage,
//! the district's newest snapshot, manifest, the run's state. The manifest completes the snapshot;
//! the run's state only records that.

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

use crate::packages::{ReadOutcome, Reading, StagedParts};
use crate::{Config, ImportFailure, Outcome, Shape, Storage, UploadEvent, lineage};

/// The name of this source in snapshots and settings.
const SOURCE: &str = "oneroster_csv";

/// Maximum number of attempts. Another is needed whenever another upload of the district was
/// accepted during the last one.
const ATTEMPTS: u32 = 5;

pub(crate) async fn import<T, I, O>(
    config: &Config,
    storage: &Storage<T, I, O>,
    event: &UploadEvent,
    owner: &str,
) -> Result<Outcome, ImportFailure>
where
    T: Districts + Runs,
    I: ReadObjects,
    O: ReadObjects + WriteObjects,
{
    let Some(district) = storage.table.district(&event.district).await? else {
        return refuse_unknown_district(storage, event).await;
    };
    let Some(record) = take_ownership(config, storage, event, owner).await? else {
        return Ok(Outcome::Repeated);
    };
    let mut work = Work { config, storage, event, record, upload: upload_of(event) };
    work.run(district).await
}

fn upload_of(event: &UploadEvent) -> Upload {
    Upload {
        bucket: event.bucket.clone(),
        key: event.key.clone(),
        etag: event.etag.clone(),
        version: event.version.clone(),
        at: event.at,
        files: Vec::new(),
    }
}

/// Creates the run, or takes it over from an invocation that crashed. Returns `None` if the import
/// has already finished.
async fn take_ownership<T: Runs, I, O>(
    config: &Config,
    storage: &Storage<T, I, O>,
    event: &UploadEvent,
    owner: &str,
) -> Result<Option<RunRecord>, ImportFailure> {
    let now = storage.clock.now();
    let importer = Importer { owner: owner.to_owned(), until: now + config.ownership };
    let mut record = RunRecord::importing(event.district.clone(), event.run.clone(), event.at);
    record.upload = Some(upload_of(event));
    match importing::take(&storage.table, record, None, importer, now).await? {
        Taken::Ours(record) => Ok(Some(*record)),
        Taken::Done => Ok(None),
        Taken::Busy => Err(ImportFailure::InProgress),
    }
}

/// Why an attempt ended without a snapshot.
enum NotImported {
    Refused(Box<Finding>),
    Replaced,
    Failed(ImportFailure),
}

impl From<MirrorError> for NotImported {
    fn from(error: MirrorError) -> Self {
        NotImported::Failed(error.into())
    }
}

impl From<ImportFailure> for NotImported {
    fn from(failure: ImportFailure) -> Self {
        NotImported::Failed(failure)
    }
}

/// An import in progress.
struct Work<'a, T, I, O> {
    config: &'a Config,
    storage: &'a Storage<T, I, O>,
    event: &'a UploadEvent,
    record: RunRecord,
    upload: Upload,
}

impl<T, I, O> Work<'_, T, I, O>
where
    T: Districts + Runs,
    I: ReadObjects,
    O: ReadObjects + WriteObjects,
{
    async fn run(&mut self, mut district: District) -> Result<Outcome, ImportFailure> {
        for _ in 0..ATTEMPTS {
            match self.attempt(&district).await {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => {}
                Err(NotImported::Refused(finding)) => {
                    let mut findings = FindingList::default();
                    findings.push(*finding);
                    return self.refuse(findings).await;
                }
                Err(NotImported::Replaced) => return self.replace().await,
                Err(NotImported::Failed(failure)) => return Err(failure),
            }
            let reread = self.storage.table.district(&self.event.district).await?;
            district = reread.ok_or(MirrorError::Missing { what: "the district's item" })?;
        }
        Err(ImportFailure::Contended)
    }

    /// Imports over the district's newest snapshot. Returns `None` if another upload was accepted
    /// during the attempt.
    async fn attempt(&mut self, district: &District) -> Result<Option<Outcome>, NotImported> {
        let (internal, event) = (&self.storage.internal, self.event);
        let before = match &district.latest {
            None => None,
            Some(latest) => {
                let lineage = snapshot::read_chain(internal, &event.district, &latest.run).await?;
                Some(lineage.ok_or(MirrorError::Missing { what: "an upload lineage" })?)
            }
        };
        if lineage::is_superseded(before.as_ref(), &self.upload) {
            return Err(NotImported::Replaced);
        }
        let unusable = |why: String| {
            NotImported::Refused(Box::new(Finding::new(&codes::DISTRICT_SETTINGS).with(why)))
        };
        let policy = district.settings.policy().map_err(|error| unusable(error.to_string()))?;
        let zone = TimeZone::get(&district.settings.time_zone)
            .map_err(|_| unusable("the district's time zone does not exist".into()))?;
        let (size, as_of) = self.inspect().await?;
        let today = self.today(district, as_of.as_deref(), zone).await?;
        let reading = Reading {
            inbox: self.storage.inbox.clone(),
            internal: internal.clone(),
            district: event.district.clone(),
            run: event.run.clone(),
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
            ReadOutcome::Staged(staged) => self.stage(district, *staged, today).await,
            ReadOutcome::Refused(findings) => Ok(Some(self.refuse(findings).await?)),
            ReadOutcome::Replaced => Err(NotImported::Replaced),
        }
    }

    /// Fetches the upload's current size, its as-of date, and the files of a folder.
    async fn inspect(&mut self) -> Result<(u64, Option<String>), NotImported> {
        let inbox = &self.storage.inbox;
        let gone = || NotImported::Refused(Box::new(Finding::new(&codes::UPLOAD_GONE)));
        let info =
            inbox.head(&self.event.key, self.event.version.as_deref()).await?.ok_or_else(gone)?;
        if self.upload.etag.is_empty() {
            self.upload.etag.clone_from(&info.object.etag);
        }
        if info.object.etag != self.upload.etag {
            return Err(NotImported::Replaced);
        }
        if let Shape::Folder { prefix } = &self.event.shape {
            let mut files: Vec<FileRef> = Vec::new();
            for file in inbox.list(prefix).await? {
                let is_manifest = file.object.key == self.event.key;
                if is_manifest && file.object.etag != self.upload.etag {
                    return Err(NotImported::Replaced);
                }
                if file.object.key.to_ascii_lowercase().ends_with(".csv") {
                    let version = if is_manifest { self.event.version.clone() } else { None };
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

    /// Returns the day for which dates are read: the upload's as-of date, or the day of the upload
    /// in the district's time zone.
    ///
    /// # Errors
    /// Refuses an as-of date that is far from the day of the upload, or before the day of the last
    /// applied run: with such a date, terms, enrollments and pins would end, or end no more (R-H1).
    async fn today(
        &self,
        district: &District,
        as_of: Option<&str>,
        zone: TimeZone,
    ) -> Result<Date, NotImported> {
        let day = self.event.at.to_zoned(zone).date();
        let Some(named) = as_of else { return Ok(day) };
        let refused = |why: String| {
            NotImported::Refused(Box::new(Finding::new(&codes::AS_OF_NOT_USABLE).with(why)))
        };
        let Ok(named) = named.trim().parse::<Date>() else {
            return Err(refused("the upload's as-of is not a date such as 2026-09-01".into()));
        };
        let span = |days: u32| jiff::Span::new().days(i64::from(days));
        let Config { as_of_days_back, as_of_days_ahead, .. } = *self.config;
        let first = day.saturating_sub(span(as_of_days_back));
        let last = day.saturating_add(span(as_of_days_ahead));
        if !(first..=last).contains(&named) {
            return Err(refused(format!(
                "the upload's as-of date is {named}; for an upload of {day} it must be from \
                 {first} to {last}"
            )));
        }
        if let Some(applied) = &district.applied {
            let run = self.storage.table.run(&self.event.district, &applied.run).await?;
            // The day of an undo or a restore is that of its request, not of any data.
            let run = run.filter(|run| run.cause.is_source());
            let before = run.and_then(|run| run.today).filter(|before| named < *before);
            if let Some(before) = before {
                return Err(refused(format!(
                    "the upload's as-of date is {named}, which is before {before}, the day of the \
                     last applied run"
                )));
            }
        }
        Ok(named)
    }

    async fn stage(
        &mut self,
        district: &District,
        staged: StagedParts,
        today: Date,
    ) -> Result<Option<Outcome>, NotImported> {
        let StagedParts { lineage, parts, enrollments, findings } = staged;
        let (table, internal) = (&self.storage.table, &self.storage.internal);
        let (id, run) = (&self.event.district, &self.event.run);
        let taken_at = lineage.links.last().map_or(self.event.at, |link| link.upload.at);
        snapshot::put_chain(internal, id, run, &lineage).await?;
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
            origin: origin_of(lineage.links.iter().map(|link| link.upload.clone()).collect()),
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
        Ok(Some(Outcome::Staged))
    }

    async fn refuse(&mut self, findings: FindingList) -> Result<Outcome, ImportFailure> {
        let refused = Event::upload_refused(
            self.storage.clock.now(),
            &self.event.district,
            &self.event.run,
            &findings,
        );
        self.report(RunState::Refused, findings).await?;
        self.storage.notifications.send(refused).await;
        self.end(Step::Refuse, &[]).await?;
        Ok(Outcome::Refused)
    }

    async fn replace(&mut self) -> Result<Outcome, ImportFailure> {
        self.report(RunState::Replaced, FindingList::default()).await?;
        self.end(Step::Replace, &[]).await?;
        Ok(Outcome::Replaced)
    }

    async fn report(&self, state: RunState, findings: FindingList) -> Result<(), MirrorError> {
        let origin = origin_of(vec![self.upload.clone()]);
        let report = report::without_plan(&self.record, state, origin, findings, self.seconds());
        report::put(&self.storage.internal, &report).await
    }

    /// Saves the run in its final state for this function, and writes the metrics.
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
        count(self.storage.clock.now(), self.record.state, self.event, &all);
        Ok(())
    }

    fn seconds(&self) -> f64 {
        seconds_since(self.event.at, self.storage.clock.now())
    }
}

fn seconds_since(begin: Timestamp, now: Timestamp) -> f64 {
    now.duration_since(begin).as_secs_f64().max(0.0)
}

fn origin_of(uploads: Vec<Upload>) -> Origin {
    Origin { uploads, ..Origin::of(SOURCE) }
}

fn count(now: Timestamp, state: RunState, event: &UploadEvent, counts: &[(&'static str, f64)]) {
    let outcome = match state {
        RunState::Staged => "staged",
        RunState::Refused => "refused",
        _ => "replaced",
    };
    eventbridge::metrics(now, outcome, &event.district, &event.run, counts);
}

/// Refuses an upload for a district that does not exist: writes a report, but nothing to the table.
async fn refuse_unknown_district<T, I, O: WriteObjects>(
    storage: &Storage<T, I, O>,
    event: &UploadEvent,
) -> Result<Outcome, ImportFailure> {
    let mut findings = FindingList::default();
    findings.push(Finding::new(&codes::DISTRICT_UNKNOWN));
    let now = storage.clock.now();
    let refused = Event::upload_refused(now, &event.district, &event.run, &findings);
    let seconds = seconds_since(event.at, now);
    let record = RunRecord::importing(event.district.clone(), event.run.clone(), event.at);
    let origin = origin_of(vec![upload_of(event)]);
    let report = report::without_plan(&record, RunState::Refused, origin, findings, seconds);
    report::put_refused(&storage.internal, &report).await?;
    warn!(
        district = %event.district, run = %event.run,
        "an upload for a district that does not exist"
    );
    storage.notifications.send(refused).await;
    count(storage.clock.now(), RunState::Refused, event, &[("UnknownDistricts", 1.0)]);
    Ok(Outcome::Refused)
}
