//! What the end-to-end tests share: a school application with its local stack, districts that
//! upload, and a look at the mirror.
//!
//! The functions run as their real binaries; DynamoDB and S3 are reached through the real SDKs.
//! Nothing here sleeps for a result.

pub mod requests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::civil::Date;
use mirror::ports::districts::Districts;
use mirror::ports::runs::RunRecord;
use roster::change::Counts;
use roster::id::DistrictId;
use roster::records::RecordKind;
use roster::report::Report;
use roster::run::RunState;
use roster::settings::{DistrictStatus, Settings};
use roster::snapshot::Upload;
use serde_json::{Value, json};
use stack::{Binaries, Notification, Stack, StackConfig, Uploaded};
use tempfile::TempDir;

/// A file of the folder `events`.
pub fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(name)
}

/// A local stack with the functions, and a folder for the files that districts upload.
pub struct Application {
    /// The stack.
    pub stack: Stack,
    files: TempDir,
    /// How much of what operators were told was looked at.
    heard: AtomicUsize,
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
    /// How it ended.
    pub fn state(&self) -> RunState {
        self.run.state
    }

    /// The counts of a kind.
    pub fn counts(&self, kind: &str) -> Counts {
        self.report.counts.get(kind).copied().unwrap_or_default()
    }

    /// How many records of all kinds, enrollments included, were taken away.
    pub fn removed(&self) -> u64 {
        self.report.counts.values().map(|counts| counts.removed).sum()
    }

    /// Whether a finding of this code was made.
    pub fn found(&self, code: &str) -> bool {
        self.report.finding_totals.contains_key(code)
    }
}

impl Application {
    /// A stack as AWS would be on a good day.
    pub async fn start() -> Self {
        Self::with(StackConfig::default()).await
    }

    /// A stack with faults or limits of its own.
    pub async fn with(config: StackConfig) -> Self {
        let config = StackConfig {
            functions: Some(Binaries::of_this_test().expect("the functions are built")),
            ..config
        };
        let stack = Stack::start(config).await.expect("the stack starts");
        Self {
            stack,
            files: tempfile::tempdir().expect("a folder for files"),
            heard: AtomicUsize::new(0),
        }
    }

    /// Makes a live district.
    pub async fn district(&self, id: &str, settings: Settings) -> DistrictId {
        let id = DistrictId::new(id);
        self.stack
            .table()
            .create(&id, &settings, DistrictStatus::Live)
            .await
            .expect("the district can be made");
        id
    }

    /// Where a file to be uploaded can be written.
    pub fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Uploads a synthetic night as a zip, as of its own date, and waits for the end of its run.
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

    /// What became of an upload.
    pub async fn outcome(&self, uploaded: &Uploaded) -> Night {
        let run = self.stack.finished(uploaded, |_| ()).await.expect("the table answers");
        let run = run
            .unwrap_or_else(|| panic!("the upload became no run; failures: {:?}", self.failures()));
        let report =
            self.stack.report(&run.district, &run.run).await.expect("the report can be read");
        let report = report.unwrap_or_else(|| panic!("no report; failures: {:?}", self.failures()));
        Night { run, report }
    }

    /// A person's decision about a held run, as an operator's tool sends it.
    pub async fn decide(&self, held: &Night, decision: &str) -> Night {
        let decide = json!({ "decide": {
            "district": held.run.district, "run": held.run.run, "decision": decision, "by": "operator", "reason": "checked with the district",
        } });
        self.stack.invoke(stack::RECONCILE, decide).await.expect("the function is there");
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

    /// The notification of an upload, as S3 sends it (the sample event, made out to this object).
    pub fn notice(upload: &Upload) -> Value {
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

    /// What operators were told since this was asked last.
    pub fn told(&self) -> Vec<Notification> {
        let mut told = self.stack.notifications();
        told.split_off(self.heard.swap(told.len(), Ordering::SeqCst))
    }

    /// What the functions failed for good.
    pub fn failures(&self) -> Vec<String> {
        [stack::IMPORT, stack::PULL, stack::RECONCILE, stack::API, stack::WEBHOOK]
            .into_iter()
            .flat_map(|name| self.stack.failures(name))
            .map(|failure| failure.response_payload.to_string())
            .collect()
    }

    /// Everything that the mirror holds of a district, by kind and key.
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

    /// Every item of the table, of all districts: by partition and sort key, as text.
    pub async fn items(&self) -> BTreeMap<(String, String), String> {
        let mut items = BTreeMap::new();
        let mut pages =
            self.stack.dynamodb().scan().table_name(stack::TABLE).into_paginator().send();
        while let Some(page) = pages.next().await {
            for item in page.expect("the table answers").items.unwrap_or_default() {
                let text = |name: &str| item[name].as_s().cloned().expect("a key is text");
                // A map's order is by chance.
                let sorted: BTreeMap<_, _> = item.iter().collect();
                items.insert((text("PK"), text("SK")), format!("{sorted:?}"));
            }
        }
        items
    }

    /// The keys of the records of a kind that have a status.
    pub async fn keys(&self, district: &DistrictId, kind: RecordKind, status: &str) -> Vec<String> {
        let all = self.mirror(district).await;
        all.into_iter()
            .filter(|((tag, _), record)| *tag == kind && record["status"] == status)
            .map(|((_, key), _)| key)
            .collect()
    }
}
