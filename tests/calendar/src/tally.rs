//! Counts what happened, and prints it.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use jiff::civil::Date;

/// How a night with a bad export ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// The import refused the set.
    #[default]
    Refused,
    /// A guard held the plan, or parts of it.
    Held,
    /// The plan was applied.
    Applied,
}

/// A night with a bad export.
#[derive(Clone, Debug)]
pub(crate) struct BadNight {
    pub(crate) fault: &'static str,
    pub(crate) end: End,
    /// Changes that the good export of the same night would not have made.
    pub(crate) extra: u64,
    /// Changes of the good export that the bad one does not make.
    pub(crate) late: u64,
    pub(crate) wrong: u64,
    /// Changes of the schools that are not bad, and how many of them were applied.
    pub(crate) others: (u64, u64),
    pub(crate) date: Date,
    /// Why the plan was held.
    pub(crate) reasons: Vec<String>,
}

impl BadNight {
    pub(crate) fn new(fault: &'static str, date: Date) -> Self {
        Self {
            fault,
            end: End::Refused,
            extra: 0,
            late: 0,
            wrong: 0,
            others: (0, 0),
            date,
            reasons: Vec::new(),
        }
    }
}

/// A hold on a night whose export was right.
#[derive(Clone, Debug)]
pub(crate) struct FalseHold {
    pub(crate) district: usize,
    pub(crate) date: Date,
    /// The bad export of the night before, or the defect that makes no difference.
    pub(crate) after: Option<&'static str>,
    pub(crate) reasons: Vec<String>,
}

/// Things that people should have seen and that a run removed.
#[derive(Clone, Debug)]
pub(crate) struct WrongRemoval {
    district: usize,
    date: Date,
    export: &'static str,
    things: Vec<String>,
}

/// All nights with one kind of bad export.
#[derive(Clone, Copy, Debug, Default)]
struct Nights {
    refused: u64,
    held: u64,
    /// Of the held ones, those of which a part was applied that the good export would not have
    /// changed.
    held_altered: u64,
    /// Applied, and everything that the good export would have changed, and nothing else.
    equal: u64,
    /// Applied without some of the good export's changes, and without others.
    late: u64,
    /// Applied with changes that the good export would not have made.
    altered: u64,
    extra: u64,
    wrong: u64,
}

/// What happened in the calendar.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    district: usize,
    pub(crate) good: u64,
    /// Bad exports for which a year had too few nights.
    pub(crate) left: u64,
    /// Removals that a single edited row asks for.
    pub(crate) edited: u64,
    pub(crate) false_holds: Vec<FalseHold>,
    wrong: Vec<WrongRemoval>,
    nights: BTreeMap<&'static str, Nights>,
    others: (u64, u64),
    /// Nights on which one bad school delayed changes of others.
    delays: Vec<String>,
}

impl Tally {
    pub(crate) fn new(district: usize) -> Self {
        Self { district, ..Self::default() }
    }

    pub(crate) fn wrong_removals(&mut self, date: Date, export: &'static str, things: Vec<String>) {
        let district = self.district;
        self.wrong.push(WrongRemoval { district, date, export, things });
    }

    pub(crate) fn bad(&mut self, night: BadNight) {
        let nights = self.nights.entry(night.fault).or_default();
        nights.extra += night.extra;
        nights.wrong += night.wrong;
        nights.held_altered += u64::from(night.end == End::Held && night.extra > 0);
        *match (night.end, night.extra, night.late) {
            (End::Refused, ..) => &mut nights.refused,
            (End::Held, ..) => &mut nights.held,
            (End::Applied, 0, 0) => &mut nights.equal,
            (End::Applied, 0, _) => &mut nights.late,
            (End::Applied, ..) => &mut nights.altered,
        } += 1;
        let (all, done) = night.others;
        self.others.0 += all;
        self.others.1 += done;
        if done < all {
            let BadNight { fault, date, reasons, .. } = &night;
            let (district, reasons) = (self.district, few(reasons));
            self.delays.push(format!(
                "delay: district {district}, {date}, {fault}: {done} of {all} changes of other \
                 schools applied: {reasons}"
            ));
        }
    }

    /// Adds the tally of another district.
    pub fn add(&mut self, other: Tally) {
        self.good += other.good;
        self.left += other.left;
        self.edited += other.edited;
        self.false_holds.extend(other.false_holds);
        self.delays.extend(other.delays);
        self.wrong.extend(other.wrong);
        self.others.0 += other.others.0;
        self.others.1 += other.others.1;
        for (fault, nights) in other.nights {
            let all = self.nights.entry(fault).or_default();
            all.refused += nights.refused;
            all.held += nights.held;
            all.held_altered += nights.held_altered;
            all.equal += nights.equal;
            all.late += nights.late;
            all.altered += nights.altered;
            all.extra += nights.extra;
            all.wrong += nights.wrong;
        }
    }

    /// The number of things that people should have seen and that a run removed.
    pub fn wrong(&self) -> usize {
        self.wrong.iter().map(|wrong| wrong.things.len()).sum()
    }

    /// The number of holds on nights whose export was right.
    pub fn false_holds(&self) -> usize {
        self.false_holds.len()
    }

    /// The number of nights with a good export.
    pub fn good_nights(&self) -> u64 {
        self.good
    }

    /// The number of nights with a bad export.
    pub fn bad_nights(&self) -> u64 {
        let of = |nights: &Nights| {
            nights.refused + nights.held + nights.equal + nights.late + nights.altered
        };
        self.nights.values().map(of).sum()
    }

    /// The number of bad exports that changed what people see and were neither refused nor held.
    pub fn altered(&self) -> u64 {
        self.nights.values().map(|nights| nights.altered).sum()
    }

    /// The percentage of the other schools' changes that were applied the same night when one
    /// school's rows were bad. `None` if there were no such changes.
    pub fn others_percent(&self) -> Option<f64> {
        let (all, done) = self.others;
        (all > 0).then(|| done as f64 * 100.0 / all as f64)
    }

    /// The nights with false holds and wrong removals, one line each.
    pub fn details(&self) -> String {
        let mut text = String::new();
        for hold in &self.false_holds {
            let FalseHold { district, date, after, reasons } = hold;
            let after = after.map(|name| format!(" ({name})")).unwrap_or_default();
            let _ =
                writeln!(text, "false hold: district {district}, {date}{after}: {}", few(reasons));
        }
        for delay in &self.delays {
            let _ = writeln!(text, "{delay}");
        }
        for wrong in &self.wrong {
            let WrongRemoval { district, date, export, things } = wrong;
            let (count, things) = (things.len(), few(things));
            let _ = writeln!(
                text,
                "wrong removal: district {district}, {date}, {export}: {count}: {things}"
            );
        }
        text
    }
}

/// The first of many reasons.
fn few(reasons: &[String]) -> String {
    let more = reasons.len().saturating_sub(3);
    let text = reasons.iter().take(3).map(String::as_str).collect::<Vec<_>>().join("; ");
    if more > 0 { format!("{text}; and {more} more") } else { text }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| bad export | refused | held | in part | equal | late | altered | changes | removals |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
        for (fault, nights) in &self.nights {
            let Nights { refused, held, held_altered, equal, late, altered, extra, wrong } = nights;
            writeln!(
                f,
                "| `{fault}` | {refused} | {held} | {held_altered} | {equal} | {late} | {altered} | {extra} | {wrong} |"
            )?;
        }
        writeln!(f, "\ngood exports: {}, bad exports: {}", self.good, self.bad_nights())?;
        writeln!(f, "bad exports without a night: {}", self.left)?;
        writeln!(f, "wrong removals: {}", self.wrong())?;
        writeln!(f, "removals that single edited rows ask for: {}", self.edited)?;
        writeln!(f, "false holds: {}", self.false_holds())?;
        writeln!(f, "bad exports that changed what people see: {}", self.altered())?;
        match self.others_percent() {
            Some(percent) => writeln!(
                f,
                "one bad school: {percent:.2} % of {} changes of other schools applied the same \
                 night",
                self.others.0
            ),
            None => Ok(()),
        }
    }
}
