//! The districts of a country: how large they are, and where.
//!
//! The sizes are those of the public school districts of the United States in 2021-22, from the
//! National Center for Education Statistics: [Digest of Education Statistics, table
//! 214.20](https://nces.ed.gov/programs/digest/d22/tables/dt22_214.20.asp). The table has the
//! number of districts per size class. The distribution within a class is an assumption: even by
//! the logarithm of the size. Above 25,000 it is a power law up to one million, with the exponent
//! that gives the country's total number of students.

use std::f64::consts::SQRT_2;

/// The smallest and largest size of a class, and its number of districts. Districts without a
/// reported size are left out.
const CLASSES: [(f64, f64, u32); 7] = [
    (10_000.0, 24_999.0, 610),
    (5_000.0, 9_999.0, 996),
    (2_500.0, 4_999.0, 1_854),
    (1_000.0, 2_499.0, 3_185),
    (600.0, 999.0, 1_810),
    (300.0, 599.0, 1_922),
    // The class begins at one student; a district of fewer than 30 is an exception.
    (30.0, 299.0, 2_558),
];

/// Districts with 25,000 students or more: their number, and the students of the largest.
const LARGE: (f64, u32, f64) = (25_000.0, 266, 1_000_000.0);

/// A time zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Zone {
    /// The common name.
    pub(crate) name: &'static str,
    /// The zone's share of all districts, rounded: the regular districts of its states in 2016-17
    /// (table 214.30 of the same digest). A state with two zones counts for the zone of most of its
    /// population.
    pub(crate) share: f64,
    /// Offset from UTC in summer, in hours west.
    pub(crate) behind: u32,
    /// Whether the zone has daylight saving time. If so, the night is at 03:00 instead of 02:00
    /// (`roster::schedule::nightly`).
    pub(crate) changes: bool,
}

/// The zones of the states.
pub(crate) const ZONES: [Zone; 7] = [
    Zone { name: "Eastern", share: 0.390, behind: 4, changes: true },
    Zone { name: "Central", share: 0.411, behind: 5, changes: true },
    Zone { name: "Mountain", share: 0.064, behind: 6, changes: true },
    Zone { name: "Arizona", share: 0.017, behind: 7, changes: false },
    Zone { name: "Pacific", share: 0.114, behind: 7, changes: true },
    Zone { name: "Alaska", share: 0.0039, behind: 8, changes: true },
    Zone { name: "Hawaii", share: 0.0001, behind: 10, changes: false },
];

/// One district.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct District {
    pub(crate) students: f64,
    /// Index into [`ZONES`].
    pub(crate) zone: usize,
    /// When it is invoked within its window: 0 to 1.
    pub(crate) place: f64,
}

/// All districts, the largest first. Deterministic. `times` multiplies the country.
pub(crate) fn fleet(times: u32) -> Vec<District> {
    let mut sizes = Vec::new();
    let (least, count, most) = LARGE;
    let exponent = (most / least).ln() / f64::from(2 * count).ln();
    sizes.extend(
        (0..count).map(|rank| least * (f64::from(count) / (f64::from(rank) + 0.5)).powf(exponent)),
    );
    for (least, most, count) in CLASSES {
        sizes
            .extend((0..count).map(|rank| {
                most * (least / most).powf((f64::from(rank) + 0.5) / f64::from(count))
            }));
    }
    let all = sizes.into_iter().flat_map(|students| (0..times).map(move |_| students.round()));
    all.enumerate()
        .map(|(index, students)| District {
            students,
            zone: zone(even(index, 0.618_033_988_75)),
            place: even(index, SQRT_2 - 1.0),
        })
        .collect()
}

/// A sequence of numbers from 0 to 1 that is evenly spread at any length, so that each zone has
/// districts of all sizes.
fn even(index: usize, step: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "there are thousands of districts")]
    let index = index as f64;
    (index * step).fract()
}

fn zone(place: f64) -> usize {
    let mut end = 0.0;
    let ends = ZONES.iter().map(|zone| {
        end += zone.share;
        end
    });
    ends.take(ZONES.len() - 1).filter(|end| place >= *end).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fleet_matches_the_table() {
        let all = fleet(1);
        assert_eq!(all.len(), 13_201);
        assert!(all.is_sorted_by(|a, b| a.students >= b.students));
        assert_eq!(all[0].students, 1_000_000.0);
        let of = |least: f64, most: f64| {
            all.iter().filter(|d| (least..most).contains(&d.students)).count()
        };
        assert_eq!((of(25_000.0, 2e6), of(2_500.0, 5_000.0), of(0.0, 300.0)), (266, 1_854, 2_558));
        let median = all[all.len() / 2].students;
        assert!((1_000.0..1_500.0).contains(&median), "{median}");
        // 49.4 million students went to public schools in 2021-22.
        let students: f64 = all.iter().map(|d| d.students).sum();
        assert!((47e6..52e6).contains(&students), "{students}");
    }

    #[test]
    fn every_zone_has_its_share_of_every_size() {
        assert!((ZONES.iter().map(|zone| zone.share).sum::<f64>() - 1.0).abs() < 1e-9);
        let all = fleet(1);
        for part in [&all[..2_000], &all[2_000..]] {
            for (index, zone) in ZONES.iter().enumerate() {
                #[expect(clippy::cast_precision_loss, reason = "there are thousands of districts")]
                let share =
                    part.iter().filter(|d| d.zone == index).count() as f64 / part.len() as f64;
                assert!((share - zone.share).abs() < 0.005, "{}: {share}", zone.name);
            }
        }
        assert_eq!(fleet(3).len(), 3 * all.len());
    }
}
