//! Shared parts of the end-to-end tests: the school application on its local stack, uploads by
//! districts, and access to the mirror.
//!
//! The functions run as their real binaries and use DynamoDB and S3 through the real SDKs. Nothing
//! here sleeps to wait for a result.

pub mod requests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::civil::Date;
use mirror::ports::districts::Districts;
use mirror::ports::runs::RunRecord;
use roster::change::Counts;
use roster::id::DistrictId;
use roster::outcome;
use roster::records::RecordKind;
use roster::report::Report;
use roster::run::{Decided, RunState};
use roster::settings::{DistrictStatus, Settings};
use roster::snapshot::Upload;
use serde_json::{Value, json};
use stack::{Binaries, Notification, Stack, StackConfig, Uploaded};
use tempfile::TempDir;

/// Returns the path of a file in the folder `events`.
pub fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(name)
}

/// A local stack with the functions, and a folder for the files that districts upload.
pub struct Application {
    /// The stack.
    pub stack: Stack,
    files: TempDir,
    /// Number of notifications to operators that earlier calls of `notifications` have returned.
    seen: AtomicUsize,
}

/// A run that has ended or waits for a person, with its report.
#[derive(Debug)]
pub struct Night {
    /// The run's record.
    pub run: RunRecord,
    /// Its report.
    pub report: Report,
}

impl Night {
    /// State in which the run ended or waits.
    pub fn state(&self) -> RunState {
        self.run.state
    }

    /// Counts of one kind of record; zeros if the report has none.
    pub fn counts(&self, kind: &str) -> Counts {
        self.report.counts.get(kind).copied().unwrap_or_default()
    }

    /// Number of removed records of all kinds, enrollments included.
    pub fn removed(&self) -> u64 {
        outcome::removed(&self.report.counts)
    }

    /// Whether the report contains a finding with this code.
    pub fn found(&self, code: &str) -> bool {
        self.report.finding_totals.contains_key(code)
    }
}

impl Application {
    /// Starts a stack without faults.
    pub async fn start() -> Self {
        Self::with(StackConfig::default()).await
    }

    /// Starts a stack with the given faults and limits.
    pub async fn with(config: StackConfig) -> Self {
        let config = StackConfig {
            functions: Some(Binaries::of_this_test().expect("the functions are built")),
            ..config
        };
        let stack = Stack::start(config).await.expect("the stack starts");
        Self {
            stack,
            files: tempfile::tempdir().expect("a folder for files"),
            seen: AtomicUsize::new(0),
        }
    }

    /// Creates a live district.
    pub async fn district(&self, id: &str, settings: Settings) -> DistrictId {
        let id = DistrictId::new(id);
        self.stack
            .table()
            .create(&id, &settings, DistrictStatus::Live)
            .await
            .expect("the district can be created");
        id
    }

    /// Returns a path for a file to upload.
    pub fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Uploads a synthetic night as a zip, with its own date, and waits for the end of its run.
    pub async fn night(&self, district: &DistrictId, night: &districts::Night) -> Night {
        let file = self.file(&format!("{district}.zip"));
        night.write_zip_file(&file).expect("the zip can be written");
        self.upload(district, &file, Some(night.date())).await
    }

    /// Uploads a file or folder and waits for the end of its run.
    pub async fn upload(&self, district: &DistrictId, path: &Path, as_of: Option<Date>) -> Night {
        let uploaded = self.stack.upload(district, path, as_of).await.expect("the upload arrives");
        self.outcome(&uploaded).await
    }

    /// Waits for the end of the run of an upload and returns the run with its report.
    pub async fn outcome(&self, uploaded: &Uploaded) -> Night {
        let run = self.stack.finished(uploaded, |_| ()).await.expect("the table answers");
        let run = run
            .unwrap_or_else(|| panic!("the upload became no run; failures: {:?}", self.failures()));
        let report =
            self.stack.report(&run.district, &run.run).await.expect("the report can be read");
        let report = report.unwrap_or_else(|| panic!("no report; failures: {:?}", self.failures()));
        Night { run, report }
    }

    /// Sends a decision about a held run, as the tool of an operator does, and waits for the
    /// result.
    pub async fn decide(&self, held: &Night, decision: &str) -> Night {
        let decided = Decided {
            decision: serde_json::from_value(decision.into()).expect("a decision"),
            by: "operator".into(),
            reason: "checked with the district".into(),
        };
        let (district, run) = (&held.run.district, &held.run.run);
        let plan = held.run.plan.as_ref().expect("a held run has a plan").hash.as_str();
        self.stack.decide(district, (run, plan), decided).await.expect("the request is stored");
        self.stack.settled().await;
        let report = self
            .stack
            .report(&held.run.district, &held.run.run)
            .await
            .expect("the report can be read")
            .expect("a report");
        let mut run = held.run.clone();
        run.state = report.state;
        Night { run, report }
    }

    /// Builds the notification that S3 sends for an upload, from the sample event.
    pub fn upload_event(upload: &Upload) -> Value {
        let sample = std::fs::read_to_string(sample("s3-put-zip.json")).expect("the sample event");
        let mut event: Value = serde_json::from_str(&sample).expect("the sample is JSON");
        let record = &mut event["Records"][0];
        record["eventTime"] = json!(upload.at.to_string());
        record["s3"]["bucket"]["name"] = json!(upload.bucket);
        let object = &mut record["s3"]["object"];
        object["key"] = json!(upload.key);
        object["eTag"] = json!(upload.etag);
        object["versionId"] = json!(upload.version);
        event
    }

    /// Returns the notifications to operators since the last call.
    pub fn notifications(&self) -> Vec<Notification> {
        let mut told = self.stack.notifications();
        told.split_off(self.seen.swap(told.len(), Ordering::SeqCst))
    }

    /// Returns the errors of all invocations that failed after the last retry.
    pub fn failures(&self) -> Vec<String> {
        [stack::IMPORT, stack::PULL, stack::RECONCILE, stack::API, stack::WEBHOOK]
            .into_iter()
            .flat_map(|name| self.stack.failures(name))
            .map(|failure| failure.response_payload.to_string())
            .collect()
    }

    /// Returns all records in the mirror of a district, by kind and key.
    pub async fn mirror(&self, district: &DistrictId) -> BTreeMap<(RecordKind, String), Value> {
        let mut all = BTreeMap::new();
        for kind in RecordKind::ALL {
            let each = |record: Value| {
                let key = record["key"].as_str().unwrap_or_default().to_owned();
                all.insert((kind, key), record);
                Ok::<(), mirror::MirrorError>(())
            };
            self.stack.records(district, kind, each).await.expect("the mirror can be read");
        }
        all
    }

    /// Returns every item of the table, of all districts, by partition key and sort key, as text.
    pub async fn items(&self) -> BTreeMap<(String, String), String> {
        let mut items = BTreeMap::new();
        let mut pages =
            self.stack.dynamodb().scan().table_name(stack::TABLE).into_paginator().send();
        while let Some(page) = pages.next().await {
            for item in page.expect("the table answers").items.unwrap_or_default() {
                let text = |name: &str| item[name].as_s().cloned().expect("a key is text");
                // The iteration order of the map is random.
                let sorted: BTreeMap<_, _> = item.iter().collect();
                items.insert((text("PK"), text("SK")), format!("{sorted:?}"));
            }
        }
        items
    }

    /// Returns the keys of all records of a kind with the given status.
    pub async fn keys(&self, district: &DistrictId, kind: RecordKind, status: &str) -> Vec<String> {
        let all = self.mirror(district).await;
        all.into_iter()
            .filter(|((tag, _), record)| *tag == kind && record["status"] == status)
            .map(|((_, key), _)| key)
            .collect()
    }
}
