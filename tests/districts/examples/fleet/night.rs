//! Simulates a night of the whole fleet, second by second: invocations, concurrent executions, and
//! the reads and writes of the table.
//!
//! Each district has two invocations in sequence: one pulls and stages, the other plans and
//! applies. Both wait until the account's concurrency allows another execution. Fractions of a
//! second count as a whole second.

use std::collections::VecDeque;

use crate::districts::{District, ZONES};
use crate::quotas;

/// The cost of a district's night, per student. The arguments explain the defaults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    /// Seconds of a pull that do not depend on the size.
    pub(crate) pull_base: f64,
    /// Seconds per page. The lists are read in parallel, so the longest list counts.
    pub(crate) page_seconds: f64,
    /// Records per page.
    pub(crate) page: f64,
    /// Seconds of staging per student.
    pub(crate) stage: f64,
    /// Seconds of planning per student.
    pub(crate) plan: f64,
    /// Read units of the mirror per student.
    pub(crate) reads: f64,
    /// Write units per student.
    pub(crate) writes: f64,
}

/// Guardians per student: the longest list.
const LONGEST_LIST: f64 = 1.52;

/// Records of all lists per student.
const RECORDS: f64 = 2.9;

/// Number of lists, each with at least one page; S3 puts per page, including the list's progress;
/// other puts per run.
pub(crate) const LISTS: f64 = 9.0;
const PUTS_OF_A_PAGE: f64 = 2.0;
const PUTS_OF_A_RUN: f64 = 18.0;

impl Work {
    fn pull_seconds(&self, students: f64) -> f64 {
        let pages = (students * LONGEST_LIST / self.page).ceil().max(1.0);
        (self.pull_base + pages * self.page_seconds + students * self.stage).ceil()
    }

    fn puts(&self, students: f64) -> f64 {
        PUTS_OF_A_RUN + PUTS_OF_A_PAGE * (LISTS + students * RECORDS / self.page)
    }

    fn plan_seconds(&self, students: f64) -> f64 {
        (students * self.plan).max(students * self.reads / quotas::DISTRICT_READS).ceil().max(1.0)
    }
}

/// The limits of each resource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) concurrency: f64,
    pub(crate) environments: f64,
    pub(crate) reads: f64,
    pub(crate) writes: f64,
}

impl Limits {
    /// No limits. Shows the peak demand.
    pub(crate) const NONE: Self = Self {
        concurrency: f64::INFINITY,
        environments: f64::INFINITY,
        reads: f64::INFINITY,
        writes: f64::INFINITY,
    };

    /// The default quotas of an account.
    pub(crate) const DEFAULT: Self = Self {
        concurrency: quotas::CONCURRENCY,
        environments: quotas::ENVIRONMENTS,
        reads: quotas::TABLE_READS,
        writes: quotas::TABLE_WRITES,
    };
}

/// The peak of each resource in a night.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Peaks {
    /// Invocations by schedules per second.
    pub(crate) invocations: f64,
    /// Concurrent executions.
    pub(crate) concurrency: f64,
    /// New execution environments of a function in ten seconds.
    pub(crate) environments: f64,
    /// Read units per second.
    pub(crate) reads: f64,
    /// Write units per second.
    pub(crate) writes: f64,
    /// S3 puts per second.
    pub(crate) puts: f64,
}

/// The outcome of a night.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Night {
    pub(crate) peaks: Peaks,
    /// Finished districts.
    pub(crate) done: usize,
    /// Units read and written by all districts.
    pub(crate) read: f64,
    pub(crate) written: f64,
    /// Longest time that an event waited for an execution, in seconds.
    pub(crate) longest_wait: f64,
    /// Longest time in seconds from a district's scheduled time, before its window, to its end.
    pub(crate) longest: f64,
    /// The number of students of that district.
    pub(crate) of: f64,
}

/// The two functions.
const PULL: usize = 0;
const RECONCILE: usize = 1;

/// An event that waits for an execution.
#[derive(Clone, Copy)]
struct Waiting {
    district: usize,
    function: usize,
    since: f64,
}

/// An execution.
struct Running {
    district: usize,
    function: usize,
    /// Seconds of pulling, or of planning at full speed.
    seconds: f64,
    puts: f64,
    reads: f64,
    /// Write units that are left.
    writes: f64,
}

impl Running {
    fn new(work: &Work, students: f64, waiting: Waiting) -> Self {
        let Waiting { district, function, .. } = waiting;
        if function == PULL {
            let seconds = work.pull_seconds(students);
            return Self {
                district,
                function,
                seconds,
                puts: work.puts(students) / seconds,
                reads: 0.0,
                writes: 0.0,
            };
        }
        let seconds = work.plan_seconds(students);
        Self {
            district,
            function,
            seconds,
            puts: 0.0,
            reads: students * work.reads / seconds,
            writes: students * work.writes,
        }
    }

    /// Write units that it needs in the next second.
    fn wants(&self) -> f64 {
        if self.seconds > 0.0 { 0.0 } else { self.writes.min(quotas::DISTRICT_WRITES) }
    }

    /// Read units that it needs in the next second. The last second may need fewer.
    fn read_demand(&self) -> f64 {
        self.reads * self.seconds.clamp(0.0, 1.0)
    }
}

/// Execution environments of a function. They are reused, and added at a limited rate.
#[derive(Default)]
struct Environments {
    there: f64,
    busy: f64,
    allowed: f64,
    /// New ones in each of the last ten seconds.
    new: VecDeque<f64>,
}

impl Environments {
    fn begin_second(&mut self, limit: f64) {
        self.allowed = (self.allowed + limit / 10.0).min(limit);
        self.new.push_back(0.0);
        if self.new.len() > 10 {
            self.new.pop_front();
        }
    }

    fn take(&mut self) -> bool {
        if self.busy >= self.there {
            if self.allowed < 1.0 {
                return false;
            }
            self.allowed -= 1.0;
            self.there += 1.0;
            if let Some(now) = self.new.back_mut() {
                *now += 1.0;
            }
        }
        self.busy += 1.0;
        true
    }
}

/// The maximum share per execution of a second's units, if the demand exceeds the limit.
/// Executions that need less get all they need.
fn level(mut demands: Vec<f64>, limit: f64) -> f64 {
    if demands.iter().sum::<f64>() <= limit {
        return f64::INFINITY;
    }
    demands.sort_by(f64::total_cmp);
    let (mut left, mut count) = (limit, 0.0);
    demands.iter().for_each(|_| count += 1.0);
    for demand in demands {
        if demand * count > left {
            break;
        }
        left -= demand;
        count -= 1.0;
    }
    left / count
}

/// The scheduled time of a district, in seconds since midnight UTC.
fn due(district: &District, hour: f64) -> f64 {
    let zone = &ZONES[district.zone];
    // Hours that daylight saving time skips or repeats are not used.
    let hour = if zone.changes && (1.0..3.0).contains(&hour) { 3.0 } else { hour };
    (hour + f64::from(zone.behind)) * 3_600.0
}

/// Simulates a night. `hour` is the requested local time, `window` the flexible window in minutes.
pub(crate) fn play(
    fleet: &[District],
    work: &Work,
    hour: f64,
    window: f64,
    limits: &Limits,
) -> Night {
    let window = if window > 0.0 { window * 60.0 } else { quotas::MINUTE };
    let arrival = |district: &District| (due(district, hour) + district.place * window).floor();
    let mut arriving: Vec<usize> = (0..fleet.len()).collect();
    // Sorted so that the next one is last.
    arriving.sort_by(|a, b| arrival(&fleet[*b]).total_cmp(&arrival(&fleet[*a])));
    let mut now = arriving.last().map_or(0.0, |first| arrival(&fleet[*first]));
    let (mut queue, mut running): (VecDeque<Waiting>, Vec<Running>) = (VecDeque::new(), Vec::new());
    let mut environments = [Environments::default(), Environments::default()];
    environments.iter_mut().for_each(|of| of.allowed = limits.environments);
    let mut night = Night::default();
    while night.done < fleet.len() {
        let mut second = Peaks::default();
        while let Some(next) = arriving.pop_if(|next| arrival(&fleet[*next]) <= now) {
            queue.push_back(Waiting { district: next, function: PULL, since: now });
            second.invocations += 1.0;
        }
        environments.iter_mut().for_each(|of| of.begin_second(limits.environments));
        #[expect(clippy::cast_precision_loss, reason = "thousands at most")]
        while let Some(first) =
            queue.front().copied().filter(|_| (running.len() as f64) < limits.concurrency)
        {
            if !environments[first.function].take() {
                break;
            }
            queue.pop_front();
            night.longest_wait = night.longest_wait.max(now - first.since);
            running.push(Running::new(work, fleet[first.district].students, first));
        }
        let read = level(running.iter().map(Running::read_demand).collect(), limits.reads);
        let write = level(running.iter().map(Running::wants).collect(), limits.writes);
        for one in &running {
            second.concurrency += 1.0;
            second.puts += one.puts;
            second.reads += one.read_demand().min(read);
            second.writes += one.wants().min(write);
        }
        second.environments = environments.iter().map(|of| of.new.iter().sum()).fold(0.0, f64::max);
        night.read += second.reads;
        night.written += second.writes;
        night.peaks.raise(&second);
        now += 1.0;
        running.retain_mut(|one| {
            if one.seconds > 0.0 {
                one.seconds -=
                    if one.reads > 0.0 { one.read_demand().min(read) / one.reads } else { 1.0 };
                // A rounding error must not add a second.
                one.seconds = if one.seconds < 1e-9 { 0.0 } else { one.seconds };
            } else {
                one.writes -= one.wants().min(write);
            }
            let is_over = one.seconds <= 0.0 && one.writes < 1e-6;
            if is_over {
                environments[one.function].busy -= 1.0;
                if one.function == PULL {
                    queue.push_back(Waiting {
                        district: one.district,
                        function: RECONCILE,
                        since: now,
                    });
                } else {
                    night.done += 1;
                    let took = now - due(&fleet[one.district], hour);
                    if took > night.longest {
                        (night.longest, night.of) = (took, fleet[one.district].students);
                    }
                }
            }
            !is_over
        });
    }
    night
}

impl Peaks {
    fn raise(&mut self, other: &Self) {
        self.invocations = self.invocations.max(other.invocations);
        self.concurrency = self.concurrency.max(other.concurrency);
        self.environments = self.environments.max(other.environments);
        self.reads = self.reads.max(other.reads);
        self.writes = self.writes.max(other.writes);
        self.puts = self.puts.max(other.puts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::districts::fleet;

    const WORK: Work = Work {
        pull_base: 3.0,
        page_seconds: 1.0,
        page: 1_000.0,
        stage: 0.000_12,
        plan: 0.000_12,
        reads: 0.57,
        writes: 0.2,
    };

    fn a_tenth() -> Vec<District> {
        fleet(1).into_iter().step_by(10).collect()
    }

    #[test]
    fn a_single_district_takes_the_sum_of_its_steps() {
        // New York: 03:00, because 02:00 does not exist every night, and the middle of a window of
        // 30 minutes.
        let alone = [District { students: 100_000.0, zone: 0, place: 0.5 }];
        let night = play(&alone, &WORK, 2.0, 30.0, &Limits::NONE);
        // 3 s, 152 pages and 12 s of staging; 12 s of planning; 20,000 units at 16,000 a second.
        assert_eq!((night.longest, night.done), (900.0 + 167.0 + 12.0 + 2.0, 1));
        assert_eq!(
            (night.peaks.concurrency, night.peaks.invocations, night.longest_wait),
            (1.0, 1.0, 0.0)
        );
        assert!(
            (night.read - 57_000.0).abs() < 1e-6 && (night.written - 20_000.0).abs() < 1e-6,
            "{night:?}"
        );
        assert_eq!((night.peaks.reads.round(), night.peaks.writes), (4_750.0, 16_000.0));
        // Half the reads that it needs: planning takes twice as long.
        let slow = play(&alone, &WORK, 2.0, 30.0, &Limits { reads: 2_375.0, ..Limits::NONE });
        assert_eq!((slow.longest, slow.peaks.reads), (night.longest + 12.0, 2_375.0));
        assert!((slow.read - night.read).abs() < 1e-6, "{slow:?}");
    }

    #[test]
    fn small_demands_are_met_and_the_others_share_the_rest() {
        assert_eq!(level(vec![5.0, 1.0, 10.0], 16.0), f64::INFINITY);
        assert_eq!(level(vec![5.0, 1.0, 10.0], 9.0), 4.0);
        assert_eq!(level(vec![5.0, 1.0, 10.0], 11.0), 5.0);
        assert_eq!(level(vec![2.0; 4], 1.0), 0.25);
    }

    #[test]
    fn nights_start_at_the_local_time_of_each_zone() {
        let at = |zone: usize, hour: f64| {
            due(&District { students: 1.0, zone, place: 0.0 }, hour) / 3_600.0
        };
        assert_eq!(
            [at(0, 2.0), at(1, 2.0), at(3, 2.0), at(4, 2.0), at(6, 2.0)],
            [7.0, 8.0, 9.0, 10.0, 12.0]
        );
        assert_eq!((at(0, 1.0), at(0, 4.0)), (7.0, 8.0));
    }

    #[test]
    fn limits_change_the_duration_but_not_the_work() {
        let fleet = a_tenth();
        let free = play(&fleet, &WORK, 2.0, 5.0, &Limits::NONE);
        let tight = Limits { concurrency: 20.0, environments: 10.0, reads: 3_000.0, writes: 500.0 };
        let bound = play(&fleet, &WORK, 2.0, 5.0, &tight);
        let students: f64 = fleet.iter().map(|d| d.students).sum();
        for night in [free, bound] {
            assert_eq!(night.done, fleet.len());
            assert!((night.read - students * WORK.reads).abs() < 1.0, "{night:?}");
            assert!((night.written - students * WORK.writes).abs() < 1.0, "{night:?}");
        }
        assert!(free.peaks.concurrency > 20.0 && bound.peaks.concurrency <= 20.0);
        assert!(bound.peaks.reads <= 3_000.0 + 1e-6 && bound.peaks.writes <= 500.0 + 1e-6);
        assert!(bound.longest > free.longest && bound.longest_wait > 0.0);
    }

    #[test]
    fn a_wider_window_lowers_the_peaks_and_ends_no_earlier() {
        let fleet = a_tenth();
        let nights =
            [0.0, 15.0, 60.0].map(|window| play(&fleet, &WORK, 2.0, window, &Limits::NONE));
        for pair in nights.windows(2) {
            let [narrow, wide] = [&pair[0].peaks, &pair[1].peaks];
            assert!(
                wide.invocations <= narrow.invocations && wide.concurrency <= narrow.concurrency,
                "{pair:?}"
            );
            assert!(
                wide.environments <= narrow.environments && wide.puts <= narrow.puts,
                "{pair:?}"
            );
            assert!(pair[1].longest >= pair[0].longest, "{pair:?}");
        }
    }
}
