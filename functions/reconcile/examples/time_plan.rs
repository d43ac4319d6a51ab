//! Measures import, planning and application of zip files with table and objects in memory: the
//! cost of our own code without any server.
//!
//! ```text
//! cargo run --release -p reconcile --example time_plan -- [--preset NAME] [--again] FILE.zip...
//! ```
//!
//! Each zip file is one night of the same district; its plan is applied before the next file is
//! imported. `--again` repeats the last file.
#![expect(clippy::print_stdout, reason = "this is a command line tool")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use jiff::civil::Date;
use mirror::MirrorError;
use mirror::files::copy::{MirrorCopy, StoredPlanInputs};
use mirror::files::plan::{PlanWriter, StoredPlan, Work, prepare_changes};
use mirror::files::snapshot::{SnapshotCopy, SnapshotWriter};
use mirror::keys;
use mirror::ports::items::{Page, PutItem, Range, ReadItem, ReadItems, Write};
use mirror::testing::memory::MemoryObjects;
use roster::contract::PlanContext;
use roster::id::{DistrictId, RunId};
use roster::outcome::RecentRemovals;
use roster::policy::Policy;
use roster::settings::SourceSettings;
use roster::snapshot::{Manifest, Origin};
use roster::withheld::Withheld;
use rules::engine::plan;
use sources::Import;
use sources::oneroster_csv::{Job, Limits, ZipPackage, import};
use tokio::runtime::Handle;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Fault = Box<dyn Error + Send + Sync>;

const TODAY: Date = Date::constant(2026, 10, 1);

/// The mirror's items, read in pages of 1,000 items.
#[derive(Clone, Default)]
struct Items(Arc<Mutex<BTreeMap<(String, String), PutItem>>>);

impl ReadItems for Items {
    async fn page(
        &self,
        district: &DistrictId,
        shard: u8,
        _: Range<'_>,
        after: Option<&str>,
    ) -> Result<Page, MirrorError> {
        let pk = keys::shard_pk(district, shard);
        let from = (pk.clone(), after.unwrap_or_default().to_owned());
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = held
            .range((Bound::Excluded(from), Bound::Unbounded))
            .take_while(|((p, _), _)| *p == pk);
        let items: Vec<ReadItem> = behind
            .take(1000)
            .map(|(_, item)| ReadItem {
                sk: item.sk.clone(),
                body: item.body.clone(),
                more: item.more.clone(),
            })
            .collect();
        let next =
            if items.len() == 1000 { items.last().map(|item| item.sk.clone()) } else { None };
        Ok(Page { units: 0.0, items, next })
    }
}

struct Nights {
    district: DistrictId,
    policy: Policy,
    objects: MemoryObjects,
    items: Items,
}

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let (mut preset, mut again, mut zips) = ("sis".to_owned(), false, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--preset" => preset = arguments.next().ok_or("--preset needs a name")?,
            "--again" => again = true,
            _ => zips.push(argument),
        }
    }
    let last = zips.last().cloned().ok_or("name at least one zip file")?;
    zips.extend(again.then_some(last));
    let nights = Nights {
        district: DistrictId::new("oak"),
        policy: Policy::from_preset(&preset, &serde_json::Map::new())?,
        objects: MemoryObjects::default(),
        items: Items::default(),
    };
    for (number, zip) in zips.iter().enumerate() {
        let run = RunId::new(format!("{number:026}"));
        let manifest = nights.stage(zip, &run).await?;
        let stored = nights.plan(&manifest).await?;
        nights.apply(&run, stored).await?;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    Ok(())
}

/// CPU seconds of this process on all cores.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = |place: usize| {
        stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(place)?.parse::<f64>().ok())
    };
    (ticks(11).unwrap_or_default() + ticks(12).unwrap_or_default()) / 100.0
}

/// Prints elapsed seconds and CPU seconds of a step.
fn report(step: &str, begin: Instant, busy: f64) {
    println!(
        "{step:>8} {:>7.2} s, {:>7.2} s of CPU time",
        begin.elapsed().as_secs_f64(),
        cpu() - busy
    );
}

impl Nights {
    async fn stage(&self, zip: &str, run: &RunId) -> Result<Manifest, Fault> {
        let (begin, busy) = (Instant::now(), cpu());
        let (objects, district, run_of, policy) =
            (self.objects.clone(), self.district.clone(), run.clone(), self.policy.clone());
        let (handle, zip) = (Handle::current(), Path::new(zip).to_owned());
        let staged = tokio::task::spawn_blocking(move || -> Result<_, Fault> {
            let package = ZipPackage::open(
                BufReader::with_capacity(1 << 20, File::open(zip)?),
                &Limits::default(),
            )?;
            let settings = SourceSettings::default();
            let job = Job {
                packages: vec![Box::new(package)],
                has_base: false,
                settings: &settings,
                policy: &policy,
                today: TODAY,
                progress: None,
            };
            let mut writer = SnapshotWriter::new(handle, objects, &district, &run_of);
            let Import::Staged(staged) = import(job, &mut writer)? else {
                return Err("the zip file was rejected".into());
            };
            Ok((staged, writer.finish()?))
        });
        let (staged, parts) = staged.await??;
        report("import", begin, busy);
        let (mut bytes, mut packed) = (0, 0);
        for part in parts.values() {
            bytes += part.bytes;
            packed += part.blocks.iter().map(|block| block.size).sum::<u64>();
        }
        println!(
            "         {} enrollments, {} MB, packed {} MB",
            staged.enrollments,
            bytes >> 20,
            packed >> 20
        );
        let origin = Origin::of("oneroster_csv");
        Ok(Manifest {
            district: self.district.clone(),
            run: run.clone(),
            taken_at: Timestamp::UNIX_EPOCH,
            today: TODAY,
            origin,
            parts,
            enrollments: staged.enrollments,
            findings: Default::default(),
            seconds: 0.0,
        })
    }

    async fn plan(&self, manifest: &Manifest) -> Result<StoredPlan, Fault> {
        let (begin, busy) = (Instant::now(), cpu());
        let mirror = MirrorCopy::read(&self.items, &self.district).await?;
        report("read", begin, busy);
        let (begin, busy) = (Instant::now(), cpu());
        let snapshot = SnapshotCopy::fetch(&self.objects, manifest).await?;
        let inputs = StoredPlanInputs { snapshot, mirror, administrators: Vec::new() };
        let (objects, district, run) =
            (self.objects.clone(), self.district.clone(), manifest.run.clone());
        let (handle, policy) = (Handle::current(), self.policy.clone());
        let planned = tokio::task::spawn_blocking(move || -> Result<StoredPlan, Fault> {
            let context = PlanContext {
                district: &district,
                run: &run,
                today: TODAY,
                policy: &policy,
                withheld: &Withheld::default(),
                made_on: TODAY,
                recent: &RecentRemovals::default(),
            };
            let mut writer = PlanWriter::new(handle, objects, &district, &run);
            let outcome =
                plan(&context, &inputs, &mut writer).map_err(|error| error.to_string())?;
            Ok(writer.finish(outcome)?)
        });
        let stored = planned.await??;
        report("plan", begin, busy);
        let (bytes, findings) = (stored.changes.bytes >> 20, stored.findings.records);
        println!("         {} changes, {bytes} MB; {findings} findings", stored.changes.records);
        Ok(stored)
    }

    async fn apply(&self, run: &RunId, stored: StoredPlan) -> Result<(), Fault> {
        let (begin, busy) = (Instant::now(), cpu());
        let mut changes = prepare_changes(
            self.objects.clone(),
            self.district.clone(),
            run.clone(),
            stored.changes,
            0,
        );
        while let Some(packet) = changes.recv().await {
            let mut held = self.items.0.lock().unwrap_or_else(PoisonError::into_inner);
            for prepared in packet? {
                let Work::Free(record) = prepared.work else { continue };
                for write in record.before.into_iter().chain([record.item]).chain(record.after) {
                    match write {
                        Write::Put(item) => held.insert((item.pk.clone(), item.sk.clone()), item),
                        Write::Delete { pk, sk } => held.remove(&(pk, sk)),
                    };
                }
            }
        }
        report("apply", begin, busy);
        Ok(())
    }
}
