//! Nights of one district: export, import, plan, guards, decision, apply, and the verdict of the
//! oracle.

use std::collections::VecDeque;
use std::error::Error;
use std::io::Cursor;
use std::sync::{Arc, OnceLock};

use districts::{Defect, District, Night, Size, Tables, Version};
use jiff::Span;
use jiff::civil::Date;
use roster::change::Change;
use roster::id::SourceId;
use roster::outcome::{Hold, Outcome, RecentRemovals};
use roster::policy::Policy;
use roster::settings::SourceSettings;
use sources::oneroster_csv::{Job, Limits, Package, ZipPackage, import};
use sources::{Import, ImportError};

use crate::Calendar;
use crate::export;
use crate::local::{self, LocalDefect};
use crate::mirror::{self, Mirror, NightPlan, Planned, Snapshot, schools};
use crate::oracle::Truth;
use crate::random::Random;
use crate::tally::{BadNight, End, FalseHold, Tally};
use crate::world::{Day, World};

/// Days over which removals add up (R-H1, guard 7).
const WINDOW: i64 = 7;

/// Days of a simulated year.
const DAYS: usize = 365;

/// The presets, which the districts use in turn.
const PRESETS: [&str; 4] = ["sis", "clever", "ats-stars", "family-directory"];

/// The delta defects: they change the status or the time of change, which bulk rows leave blank.
const IN_DELTAS: [Defect; 4] = [
    Defect::MixedCaseStatus,
    Defect::InactiveStatus,
    Defect::DateForDateTime,
    Defect::LooseDateTime,
];

/// The defects of files that only OneRoster 1.2 has.
const IN_1_2: [Defect; 3] = [Defect::ResourceColumn, Defect::NoRole, Defect::TwoPrimaryRoles];

/// Defects that are edits, not damage: one row says something else, and nothing in the file
/// contradicts it. No reader can know that it is not true, and the guards do not watch single rows.
const EDITS: [Defect; 4] = [
    // Line 3 of enrollments.csv enrolls another person, or the student in another class. That the
    // person or class does not exist is a finding; the student's enrollment is gone.
    Defect::DanglingUser,
    Defect::DanglingClass,
    // A student is enrolled as a teacher, and the first teacher as a student.
    Defect::RoleConflict,
    // A student is enrolled nowhere.
    Defect::StudentWithoutClasses,
];

/// The defects that make very large files.
const LARGE: [Defect; 3] = [Defect::HugeClass, Defect::ZipBomb, Defect::TooManyMembers];

pub(crate) type Failure = Box<dyn Error>;

/// What is wrong with a bad export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// A defect of real files.
    Whole(Defect),
    /// A defect in the rows of one school only.
    Local(LocalDefect),
}

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Fault::Whole(defect) => defect.name(),
            Fault::Local(defect) => defect.name(),
        }
    }
}

/// A district with its mirror.
pub(crate) struct Simulation {
    calendar: Calendar,
    world: World,
    version: Version,
    policy: Policy,
    settings: SourceSettings,
    mirror: Mirror,
    /// The runs of the last days that nobody had to approve.
    recent: VecDeque<(Date, Outcome)>,
    /// The last good export, over which a delta is read.
    base: Option<(Arc<Tables>, Vec<u8>)>,
    random: Random,
    /// The bad export of the night before.
    after: Option<&'static str>,
    tally: Tally,
}

impl Simulation {
    /// Makes a district, and imports and approves its first export (R-H7).
    pub(crate) fn start(calendar: Calendar, number: usize, year: i16) -> Result<Self, Failure> {
        let preset = PRESETS[number % PRESETS.len()];
        let mut simulation = Self {
            calendar,
            world: World::new(&calendar, number, year),
            version: if number % 3 == 2 { Version::V1_2 } else { Version::V1_1 },
            policy: Policy::from_preset(preset, &serde_json::Map::new())?,
            settings: SourceSettings::default(),
            mirror: Mirror::default(),
            recent: VecDeque::new(),
            base: None,
            random: Random::new(calendar.seed.rotate_left(17) ^ number as u64),
            after: None,
            tally: Tally::new(number),
        };
        let (tables, bytes) = simulation.good_export()?;
        let Some(first) = simulation.planned(&[&bytes])? else {
            return Err("the first export was refused".into());
        };
        first.complete.changes.iter().for_each(|change| simulation.mirror.apply(change));
        simulation.base = Some((tables, bytes));
        Ok(simulation)
    }

    /// Simulates school years, and returns what happened.
    pub(crate) fn run(mut self, years: usize) -> Result<Tally, Failure> {
        for _ in 0..years {
            self.year()?;
        }
        Ok(self.tally)
    }

    /// A year with one bad export of each kind. The next night's export is good.
    fn year(&mut self) -> Result<(), Failure> {
        let mut faults = self.faults();
        self.random.shuffle(&mut faults);
        let pause = if self.calendar.small { 28 } else { 7 };
        let mut waiting = Day::default();
        for day in 0..DAYS {
            let today = self.world.next_day();
            let nights = (DAYS - day).div_ceil(2).max(1);
            let is_bad = self.random.chance(faults.len() as f64 / nights as f64);
            // What the district announces does not come together with a bad export.
            if is_bad
                && !today.rollover
                && self.after.is_none()
                && let Some(fault) = faults.pop()
            {
                self.bad_night(fault)?;
                waiting.changed |= today.changed;
                continue;
            }
            // An unchanged file on a day on which no date takes effect ends without a plan.
            let is_due = today.changed || waiting.changed || self.after.is_some();
            if is_due || day % pause == 0 || self.world.a_term_ends() {
                self.good_night(today)?;
                waiting = Day::default();
            }
        }
        self.tally.left += faults.len() as u64;
        Ok(())
    }

    /// The bad exports of a year.
    fn faults(&self) -> Vec<Fault> {
        let whole = Defect::ALL
            .iter()
            .filter(|defect| self.version == Version::V1_2 || !IN_1_2.contains(defect))
            .map(|defect| Fault::Whole(*defect));
        let all = whole.chain(LocalDefect::ALL.map(Fault::Local));
        if !self.calendar.small {
            return all.collect();
        }
        all.filter(|fault| !LARGE.map(Fault::Whole).contains(fault))
            .skip(self.world.number % 4)
            .step_by(4)
            .collect()
    }

    fn good_export(&self) -> Result<(Arc<Tables>, Vec<u8>), Failure> {
        let tables = Arc::new(export::tables(&self.world, self.version));
        let bytes = zip(&self.district().night_of(Arc::clone(&tables), None))?;
        Ok((tables, bytes))
    }

    fn district(&self) -> District {
        District::new(Size::students(60)).version(self.version).school_year(self.world.year)
    }

    fn good_night(&mut self, day: Day) -> Result<(), Failure> {
        let (tables, bytes) = self.good_export()?;
        let Some(planned) = self.planned(&[&bytes])? else {
            return Err("a good export was refused".into());
        };
        let after = self.after.take();
        self.tally.good += 1;
        let planned = planned.complete;
        let is_held = !planned.outcome.holds.is_empty();
        if is_held && !day.school_closed {
            self.false_hold(&planned.outcome.holds, after);
        }
        // The operator approves what is held.
        self.apply(&planned, is_held, "good export");
        self.base = Some((tables, bytes));
        Ok(())
    }

    fn false_hold(&mut self, holds: &[Hold], after: Option<&'static str>) {
        self.tally.false_holds.push(FalseHold {
            district: self.world.number,
            date: self.world.today,
            after,
            reasons: holds.iter().map(reason).collect(),
        });
    }

    /// Applies a plan, and asks the oracle. `approved`: by the operator.
    fn apply(&mut self, planned: &Planned, approved: bool, export: &'static str) -> u64 {
        let truth = Truth::of(&self.world);
        let mut wrong = Vec::new();
        for change in &planned.changes {
            wrong.extend(truth.wrong_removals(change));
            self.mirror.apply(change);
        }
        let count = wrong.len() as u64;
        if EDITS.iter().any(|defect| defect.name() == export) {
            self.tally.edited += count;
        } else if !wrong.is_empty() {
            self.tally.wrong_removals(self.world.today, export, wrong);
        }
        if !approved {
            self.recent.push_back((self.world.today, planned.outcome.clone()));
        }
        count
    }

    fn bad_night(&mut self, fault: Fault) -> Result<(), Failure> {
        let (tables, good) = self.good_export()?;
        let (bad, school) = self.bad_export(fault, &tables)?;
        let Some(bad) = bad else { return Ok(()) };
        self.after = Some(fault.name());
        let base = self.base.as_ref().map(|(_, bytes)| bytes.clone()).unwrap_or_default();
        let is_delta = matches!(fault, Fault::Whole(defect) if IN_DELTAS.contains(&defect));
        let packages: &[&[u8]] = if is_delta { &[&base, &bad] } else { &[&bad] };
        let mut night = BadNight::new(fault.name(), self.world.today);
        let is_bomb = fault == Fault::Whole(Defect::ZipBomb);
        // The import reads the same bomb once for all districts.
        static IS_REFUSED: OnceLock<()> = OnceLock::new();
        let planned = match IS_REFUSED.get() {
            Some(()) if is_bomb => None,
            _ => self.planned_over(packages, &base)?,
        };
        let Some(planned) = planned else {
            night.end = End::Refused;
            if is_bomb {
                IS_REFUSED.get_or_init(|| ());
            }
            self.tally.bad(night);
            return Ok(());
        };
        let Some(right) = self.planned(&[&good])? else {
            return Err("a good export was refused".into());
        };
        let (right, all) = (&right.complete, &planned.complete);
        let differs = |one: &Planned, other: &Planned| -> u64 {
            one.changes.iter().filter(|change| !contains(other, change)).count() as u64
        };
        let holds = &all.outcome.holds;
        if !holds.is_empty() {
            night.end = End::Held;
            night.reasons = holds.iter().map(reason).collect();
            // An export that says what the good one says is right.
            let is_right = differs(all, right) == 0 && differs(right, all) == 0;
            if is_right && right.outcome.holds.is_empty() {
                self.false_hold(holds, Some(fault.name()));
            }
        } else {
            night.end = End::Applied;
        }
        // The operator rejects what is held.
        night.extra = differs(&planned.free, right);
        night.late = differs(right, &planned.free);
        if let Some(school) = school.filter(|_| right.outcome.holds.is_empty()) {
            night.others = others(right, &planned.free, &school);
        }
        night.wrong = self.apply(&planned.free, false, fault.name());
        self.tally.bad(night);
        Ok(())
    }

    /// Returns the bytes of a bad export, and the school if only its rows are bad. No bytes if the
    /// district has no such school.
    fn bad_export(
        &mut self,
        fault: Fault,
        tables: &Arc<Tables>,
    ) -> Result<(Option<Vec<u8>>, Option<SourceId>), Failure> {
        let night = |tables: &Arc<Tables>| self.district().night_of(Arc::clone(tables), None);
        match fault {
            Fault::Whole(Defect::ZipBomb) => Ok((Some(zip_bomb(&night(tables))?), None)),
            Fault::Whole(defect) if IN_DELTAS.contains(&defect) => {
                let before = self.base.as_ref().map(|(tables, _)| Arc::clone(tables));
                let night = self.district().night_of(Arc::clone(tables), before).delta();
                Ok((Some(zip(&night.with(defect))?), None))
            }
            Fault::Whole(defect) => Ok((Some(zip(&night(tables).with(defect))?), None)),
            Fault::Local(defect) => {
                let Some(school) = self.world.a_school(&mut self.random) else {
                    return Ok((None, None));
                };
                let school = export::school_id(school);
                let spoiled = local::spoil(tables, self.version, defect, &school);
                let night = self.district().night_of(Arc::new(spoiled), None);
                Ok((Some(zip(&night)?), Some(SourceId::new(&school))))
            }
        }
    }

    /// Imports a set over `base` if it needs one, and plans it.
    fn planned_over(&self, packages: &[&[u8]], base: &[u8]) -> Result<Option<NightPlan>, Failure> {
        match self.planned(packages) {
            Err(error) if matches!(error.downcast_ref(), Some(ImportError::NeedsBase)) => {
                let all: Vec<&[u8]> =
                    std::iter::once(base).chain(packages.iter().copied()).collect();
                self.planned(&all)
            }
            ended => ended,
        }
    }

    /// Imports a set (the last package) and plans it. `None` if the import refuses it.
    fn planned(&self, packages: &[&[u8]]) -> Result<Option<NightPlan>, Failure> {
        let mut opened: Vec<Box<dyn Package + '_>> = Vec::new();
        for bytes in packages {
            match ZipPackage::open(Cursor::new(*bytes), &Limits::default()) {
                Ok(package) => opened.push(Box::new(package)),
                Err(_) => return Ok(None),
            }
        }
        let mut snapshot = Snapshot::default();
        let job = Job {
            packages: opened,
            has_base: self.base.is_some(),
            settings: &self.settings,
            policy: &self.policy,
            today: self.world.today,
            progress: None,
        };
        match import(job, &mut snapshot)? {
            Import::Refused(_) => Ok(None),
            Import::Staged(_) => {
                let (today, recent) = (self.world.today, self.recent_removals());
                Ok(Some(mirror::plan(&self.mirror, &snapshot, &self.policy, today, &recent)?))
            }
        }
    }

    fn recent_removals(&self) -> RecentRemovals {
        let first = self.world.today.saturating_sub(Span::new().days(WINDOW));
        let mut recent = RecentRemovals::default();
        for (_, outcome) in self.recent.iter().rev().take_while(|(date, _)| *date >= first) {
            recent.add(&outcome.counts, &outcome.review);
        }
        recent
    }
}

/// Returns how many of the changes of other schools a right plan has, and how many of these were
/// applied.
fn others(right: &Planned, applied: &Planned, bad: &SourceId) -> (u64, u64) {
    let is_other = |change: &&Change| {
        let sides = [change.before.as_ref(), change.after.as_ref()];
        let of: Vec<&SourceId> = sides.into_iter().flatten().flat_map(schools).collect();
        !of.is_empty() && !of.contains(&bad)
    };
    let all = right.changes.iter().filter(is_other);
    let done = all.clone().filter(|change| contains(applied, change)).count();
    (all.count() as u64, done as u64)
}

/// Whether a plan has this change.
fn contains(planned: &Planned, change: &Change) -> bool {
    planned.changes.iter().any(|other| other.key == change.key && other.after == change.after)
}

/// Says why a plan was held, without what differs from case to case.
fn reason(hold: &Hold) -> String {
    let scope = if hold.class.is_some() {
        "a class"
    } else if hold.school.is_some() {
        "a school"
    } else {
        "the district"
    };
    format!("{:?} {} in {scope}: {} of {}", hold.guard, hold.kind, hold.count, hold.of)
}

fn zip(night: &Night) -> Result<Vec<u8>, Failure> {
    let mut out = Cursor::new(Vec::new());
    night.write_zip(&mut out)?;
    Ok(out.into_inner())
}

/// The zip bomb. It takes long to write and is the same for every district, as far as anybody reads
/// it.
fn zip_bomb(night: &Night) -> Result<Vec<u8>, Failure> {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(bytes) = BOMB.get() {
        return Ok(bytes.clone());
    }
    let bytes = zip(&night.clone().with(Defect::ZipBomb))?;
    Ok(BOMB.get_or_init(|| bytes).clone())
}
