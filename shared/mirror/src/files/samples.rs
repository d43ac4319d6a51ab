//! A few records of a snapshot for a review (R-O2). They are read from the snapshot so that
//! personal data is not stored a second time.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use roster::id::SourceId;
use roster::records::Kind;
use roster::snapshot::{Block, Manifest, PartName};

use crate::MirrorError;
use crate::files::scan::{in_block, parse};
use crate::keys;
use crate::ports::objects::ReadObjects;

const WHAT: &str = "a part of the snapshot";

/// The number of blocks to read. Records are stored in the order of a hash, so a few blocks are a
/// random sample of any district.
const BLOCKS: usize = 4;

/// Returns a few records of a kind from as many schools as possible; the same records every time.
/// `school` returns a record's main school.
pub async fn samples<K: Kind>(
    objects: &impl ReadObjects,
    manifest: &Manifest,
    at_most: usize,
    school: impl Fn(&K::Source) -> Option<SourceId>,
) -> Result<Vec<K::Source>, MirrorError> {
    let Some(part) = manifest.parts.get(K::KIND.name()) else { return Ok(Vec::new()) };
    let key = keys::part(&manifest.district, &manifest.run, PartName::Records(K::KIND));
    let mut schools: BTreeMap<Option<SourceId>, Vec<K::Source>> = BTreeMap::new();
    for block in spread(&part.blocks, BLOCKS) {
        let read = in_block(objects, &key, block, WHAT, |line| {
            let record: K::Source = parse(line, WHAT)?;
            let of_school = schools.entry(school(&record)).or_default();
            if of_school.len() < at_most {
                of_school.push(record);
            }
            Ok(ControlFlow::Continue(()))
        });
        let _ = read.await?;
    }
    Ok(choose(schools.into_values().collect(), at_most))
}

/// Returns all records of a kind with few records: schools.
pub async fn all<K: Kind>(
    objects: &impl ReadObjects,
    manifest: &Manifest,
) -> Result<Vec<K::Source>, MirrorError> {
    let Some(part) = manifest.parts.get(K::KIND.name()) else { return Ok(Vec::new()) };
    let key = keys::part(&manifest.district, &manifest.run, PartName::Records(K::KIND));
    let mut records = Vec::new();
    for block in &part.blocks {
        let read = in_block(objects, &key, block, WHAT, |line| {
            records.push(parse(line, WHAT)?);
            Ok(ControlFlow::Continue(()))
        });
        let _ = read.await?;
    }
    Ok(records)
}

/// Returns evenly spread elements of a list, including the first and the last.
fn places(of: usize, at_most: usize) -> impl Iterator<Item = usize> {
    let count = of.min(at_most);
    (0..count).map(move |nth| if count < 2 { 0 } else { nth * (of - 1) / (count - 1) })
}

fn spread(blocks: &[Block], at_most: usize) -> impl Iterator<Item = &Block> {
    places(blocks.len(), at_most).filter_map(|place| blocks.get(place))
}

/// Chooses one record of each school, then a second one of each, until there are enough.
fn choose<T>(schools: Vec<Vec<T>>, at_most: usize) -> Vec<T> {
    let mut schools: Vec<Option<std::vec::IntoIter<T>>> =
        schools.into_iter().map(|all| Some(all.into_iter())).collect();
    let chosen: Vec<usize> = places(schools.len(), at_most).collect();
    let mut turns: Vec<_> = chosen
        .into_iter()
        .filter_map(|place| schools.get_mut(place).and_then(Option::take))
        .collect();
    let mut all = Vec::new();
    loop {
        let before = all.len();
        for turn in &mut turns {
            if all.len() < at_most {
                all.extend(turn.next());
            }
        }
        if all.len() == before {
            return all;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_spread_evenly_from_the_first_to_the_last() {
        let of = |of, at_most| places(of, at_most).collect::<Vec<_>>();
        assert_eq!(of(0, 4), Vec::<usize>::new());
        assert_eq!(of(1, 4), [0]);
        assert_eq!(of(3, 4), [0, 1, 2]);
        assert_eq!(of(100, 4), [0, 33, 66, 99]);
        assert_eq!(of(100, 1), [0]);
    }

    #[test]
    fn the_choice_covers_as_many_schools_as_possible() {
        let schools = |many: usize, each: usize| {
            (0..many).map(|school| vec![school; each]).collect::<Vec<_>>()
        };
        assert_eq!(choose(schools(3, 5), 6), [0, 1, 2, 0, 1, 2]);
        assert_eq!(choose(schools(2, 1), 6), [0, 1], "there are no more");
        assert_eq!(choose(schools(50, 9), 6), [0, 9, 19, 29, 39, 49]);
        assert_eq!(choose(vec![vec![0], vec![1, 1, 1]], 3), [0, 1, 1]);
        assert_eq!(choose(schools(0, 0), 6), Vec::<usize>::new());
    }
}
