//! Finds the record that a question is about, by its id, number, e-mail address or name, and
//! records whose ids are similar (R-X1).
//!
//! The caller offers every record to a [`Search`], which keeps a bounded number of the best ones,
//! whatever the order. Nothing is fetched here.

use serde::Serialize;

use crate::effective::{self, PersonInMirror, folded, full_name};
use roster::contact;
use roster::edit::{Edit, LocalEdit};
use roster::id::SourceId;
use roster::records::{ClassDetails, Origin, Person, Status};

/// The most matches that a search keeps.
pub const MOST_MATCHES: usize = 20;
/// The most similar ids that a search keeps.
pub const MOST_SIMILAR: usize = 5;
/// The longest prefix in which two similar ids may differ, in characters.
const LONGEST_PREFIX: usize = 8;
/// The shortest id that is similar to others by its end or by one character, in characters.
const SHORTEST: usize = 4;

/// How a record matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Matched {
    /// The source's id, or the key.
    Id,
    /// The student or staff number, the state's id, the id in the student information system, or a
    /// class's code.
    Number,
    /// The e-mail address, in the source or set here.
    Email,
    /// The whole name, in any order of its words.
    Name,
    /// A part of the name.
    PartOfName,
}

impl Matched {
    /// Whether the record is the one in question if no other one matches as well.
    pub fn is_exact(self) -> bool {
        self != Self::PartOfName
    }

    /// Matches of a higher rank hide those of a lower one. A number may be another record's id.
    fn rank(self) -> u8 {
        match self {
            Self::Id | Self::Number | Self::Email => 0,
            Self::Name => 1,
            Self::PartOfName => 2,
        }
    }
}

/// How an id, or a number, is similar to the one in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Similar {
    /// Only upper and lower case differ.
    Case,
    /// Only leading zeros differ.
    LeadingZeros,
    /// One of them has a prefix of at most eight characters.
    Prefix,
    /// One character is different, missing or too many, or two are swapped.
    OneCharacter,
}

/// What a person knows of a record.
#[derive(Clone, Debug)]
pub struct Query {
    text: String,
    folded: String,
    /// The words of a name, sorted.
    words: Vec<String>,
    email: Option<String>,
}

impl Query {
    /// Parses a text. `None` if it is blank.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut email = String::new();
        let email = contact::write_email(text, &mut email).then_some(email);
        let query = Self { text: text.into(), folded: folded(text), words: words(text), email };
        (!text.is_empty()).then_some(query)
    }

    /// Whether this is the whole text of an id or a number.
    fn is(&self, text: &str) -> bool {
        text.trim() == self.text
    }

    /// Returns how a record matches best.
    pub fn matches(&self, record: &Described<'_>) -> Option<Matched> {
        if record.ids.iter().any(|id| self.is(id)) {
            return Some(Matched::Id);
        }
        if record.numbers.iter().any(|number| folded(number) == self.folded) {
            return Some(Matched::Number);
        }
        if self.email.as_ref().is_some_and(|email| record.emails.contains(email)) {
            return Some(Matched::Email);
        }
        if self.words.is_empty() {
            return None;
        }
        if record.names.iter().any(|name| words(name) == self.words) {
            return Some(Matched::Name);
        }
        let has_all = |name: &String| {
            let name = folded(name);
            self.words.iter().all(|word| name.contains(word.as_str()))
        };
        record.names.iter().any(has_all).then_some(Matched::PartOfName)
    }

    /// Returns how an id or a number of the record is similar.
    pub fn similar(&self, record: &Described<'_>) -> Option<Similar> {
        let texts = record.ids.iter().chain(&record.numbers);
        texts.filter_map(|text| similar(&self.text, text.trim())).min()
    }
}

/// Returns the words of a name in lower case, sorted. Commas separate words: `Byron, Ada`.
fn words(name: &str) -> Vec<String> {
    let parts = name.split(|c: char| c.is_whitespace() || c == ',');
    let mut words: Vec<String> =
        parts.filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    words.sort_unstable();
    words
}

/// Returns how two different texts are similar.
fn similar(a: &str, b: &str) -> Option<Similar> {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    if a == b {
        return Some(Similar::Case);
    }
    let without_zeros = |text: &str| text.trim_start_matches('0').to_owned();
    let bare = without_zeros(&a);
    if !bare.is_empty() && bare == without_zeros(&b) {
        return Some(Similar::LeadingZeros);
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    if short.len() < SHORTEST {
        return None;
    }
    let more = long.len() - short.len();
    if (1..=LONGEST_PREFIX).contains(&more) && long.ends_with(short) {
        return Some(Similar::Prefix);
    }
    is_one_character_off(short, long).then_some(Similar::OneCharacter)
}

fn is_one_character_off(short: &[char], long: &[char]) -> bool {
    let begin = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    match long.len() - short.len() {
        0 => {
            let (a, b) = (&short[begin..], &long[begin..]);
            let is_replaced = a.get(1..) == b.get(1..);
            let is_swapped =
                a.len() > 1 && a[0] == b[1] && a[1] == b[0] && a.get(2..) == b.get(2..);
            is_replaced || is_swapped
        }
        1 => short[begin..] == long[begin + 1..],
        _ => false,
    }
}

/// What can be asked about a record.
#[derive(Clone, Debug, Default)]
pub struct Described<'a> {
    ids: Vec<&'a str>,
    numbers: Vec<&'a str>,
    emails: Vec<String>,
    names: Vec<String>,
}

impl<'a> Described<'a> {
    /// Describes a person. `ids` are the source's id and the key. `edits` are the local edits of
    /// the record.
    pub fn person(
        ids: impl IntoIterator<Item = &'a SourceId>,
        person: &'a Person,
        edits: &[LocalEdit],
    ) -> Self {
        let (status, origin) = (Status::Active, Origin::Source);
        let record = PersonInMirror { status, origin, person, email_shared: false };
        let registered = Person { preferred_given: None, preferred_family: None, ..person.clone() };
        let here = effective::person(record, edits);
        let names = [&here, person, &registered].map(full_name);
        let addresses = edits.iter().filter_map(|edit| edit.edit.sign_in_address());
        let emails = person.email.iter().chain(addresses);
        let numbers = [&person.number, &person.state_id, &person.sis_id].into_iter().flatten();
        Self {
            ids: ids.into_iter().map(SourceId::as_str).collect(),
            numbers: numbers.map(|number| number.reveal()).collect(),
            emails: emails.map(|email| email.reveal().to_owned()).collect(),
            names: names.into(),
        }
    }

    /// Describes a class.
    pub fn class(
        ids: impl IntoIterator<Item = &'a SourceId>,
        details: &'a ClassDetails,
        edits: &[LocalEdit],
    ) -> Self {
        let custom = edits.iter().filter_map(|edit| match &edit.edit {
            Edit::CustomName { name } => Some(name.reveal().to_owned()),
            _ => None,
        });
        Self {
            ids: ids.into_iter().map(SourceId::as_str).collect(),
            numbers: details.code.as_deref().into_iter().collect(),
            emails: Vec::new(),
            names: custom.chain([details.title.clone()]).collect(),
        }
    }

    /// Returns the name for display, with the local edits applied.
    pub fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }
}

/// The best records of those that were offered: a bounded number, in a fixed order.
#[derive(Clone, Debug)]
pub struct Search<T> {
    query: Query,
    matches: Vec<(Matched, SourceId, T)>,
    similar: Vec<(Similar, SourceId, T)>,
    /// Whether matches of the best rank were dropped.
    more: bool,
}

impl<T> Search<T> {
    /// Starts a search.
    pub fn new(query: Query) -> Self {
        Self { query, matches: Vec::new(), similar: Vec::new(), more: false }
    }

    /// Offers a record with this source id. `make` is called if the record is kept.
    pub fn offer(
        &mut self,
        id: &SourceId,
        record: &Described<'_>,
        make: impl FnOnce(&Described<'_>) -> T,
    ) {
        if let Some(matched) = self.query.matches(record) {
            self.add_match(matched, id.clone(), make(record));
        } else if let Some(similar) = self.query.similar(record) {
            self.add_similar(similar, id.clone(), make(record));
        }
    }

    fn add_match(&mut self, matched: Matched, id: SourceId, record: T) {
        match self.matches.first().map(|(best, ..)| best.rank()) {
            Some(best) if best < matched.rank() => return,
            Some(best) if best > matched.rank() => {
                self.matches.clear();
                self.more = false;
            }
            _ => {}
        }
        insert(&mut self.matches, (matched, id, record));
        self.more |= self.matches.len() > MOST_MATCHES;
        self.matches.truncate(MOST_MATCHES);
    }

    fn add_similar(&mut self, similar: Similar, id: SourceId, record: T) {
        insert(&mut self.similar, (similar, id, record));
        self.similar.truncate(MOST_SIMILAR);
    }

    /// Adds what another search with the same query found. `same` combines the two records of one
    /// source id: the other search's is the second.
    pub fn merge(&mut self, other: Self, same: impl Fn(&mut T, T)) {
        let rank = |search: &Self| search.matches.first().map_or(u8::MAX, |(best, ..)| best.rank());
        let more = other.more && rank(&other) <= rank(self);
        for (matched, id, record) in other.matches {
            match self.matches.iter_mut().find(|(.., known, _)| *known == id) {
                Some((best, _, known)) if best.rank() == matched.rank() => {
                    *best = matched.min(*best);
                    same(known, record);
                }
                _ => self.add_match(matched, id, record),
            }
        }
        self.more |= more;
        for (similar, id, record) in other.similar {
            match self.similar.iter_mut().find(|(_, known, _)| *known == id) {
                Some((best, _, known)) => {
                    *best = similar.min(*best);
                    same(known, record);
                }
                None => self.add_similar(similar, id, record),
            }
        }
    }

    /// Closes the search.
    pub fn finish(mut self) -> Found<T> {
        // A record that matches in one place may only be similar in another one.
        let matches = &self.matches;
        self.similar.retain(|(_, id, _)| !matches.iter().any(|(_, known, _)| known == id));
        // Merging may have found a better way in which a record matches.
        self.matches.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        self.similar.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        Found { matches: self.matches, similar: self.similar, more: self.more }
    }
}

/// Inserts an entry into a list that is sorted by how well the record fits, then by id.
fn insert<H: Ord + Copy, T>(list: &mut Vec<(H, SourceId, T)>, entry: (H, SourceId, T)) {
    let place = list.partition_point(|known| (known.0, &known.1) <= (entry.0, &entry.1));
    list.insert(place, entry);
}

/// The result of a search, each list with the best first.
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// The records that match equally well: by an identifier, or else by the whole name, or else by
    /// a part of it.
    pub matches: Vec<(Matched, SourceId, T)>,
    /// Records with similar ids or numbers.
    pub similar: Vec<(Similar, SourceId, T)>,
    /// Whether more records match.
    pub more: bool,
}

impl<T> Found<T> {
    /// Returns the record in question, if exactly one matches.
    pub fn only(&self) -> Option<&(Matched, SourceId, T)> {
        match self.matches.as_slice() {
            [one] if one.0.is_exact() && !self.more => Some(one),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_similar_by_case_zeros_a_prefix_or_one_character() {
        for (a, b, how) in [
            ("ab-1", "AB-1", Some(Similar::Case)),
            ("0042", "42", Some(Similar::LeadingZeros)),
            ("42", "000042", Some(Similar::LeadingZeros)),
            ("1000842", "SIS-1000842", Some(Similar::Prefix)),
            ("x1000842", "1000842", Some(Similar::Prefix)),
            ("1000842", "1000843", Some(Similar::OneCharacter)),
            ("1000842", "100842", Some(Similar::OneCharacter)),
            ("1000842", "10008420", Some(Similar::OneCharacter)),
            ("1000842", "1000824", Some(Similar::OneCharacter)),
            ("çedille", "cedille", Some(Similar::OneCharacter)),
            ("1000842", "1000951", None),
            ("1000842", "very-long-1000842", None),
            // Short ids are similar to too many others.
            ("42", "43", None),
            ("42", "x42", None),
            ("0", "00", None),
            ("", "a", None),
        ] {
            assert_eq!(similar(a, b), how, "{a} {b}");
            assert_eq!(similar(b, a), how, "{b} {a}");
        }
    }

    fn named(name: &str) -> Described<'static> {
        Described { names: vec![name.into()], ..Described::default() }
    }

    #[test]
    fn names_match_in_any_order_and_case() {
        let query = |text: &str| Query::new(text).unwrap();
        for text in ["Ada Byron", "byron,  ADA", "Byron Ada"] {
            assert_eq!(query(text).matches(&named("Ada Byron")), Some(Matched::Name), "{text}");
        }
        for text in ["ada", "byr", "byr ad"] {
            assert_eq!(query(text).matches(&named("Ada Byron")), Some(Matched::PartOfName));
        }
        assert_eq!(query("Ada Lovelace").matches(&named("Ada Byron")), None);
        assert!(Query::new(" \t").is_none());
        assert_eq!(query(",").matches(&named("Ada, Byron")), None, "no word");
    }

    #[test]
    fn the_best_are_kept_in_any_order_of_offers() {
        let ids: Vec<SourceId> = (0..60).map(|n| SourceId::new(format!("s{n:02}"))).collect();
        let search = |ids: &mut dyn Iterator<Item = &SourceId>| {
            let mut search = Search::new(Query::new("Ann").unwrap());
            for id in ids {
                search.offer(id, &named("Ann Lee"), |_| ());
            }
            search
        };
        let forward = search(&mut ids.iter()).finish();
        let backward = search(&mut ids.iter().rev()).finish();
        let mut halves = search(&mut ids[30..].iter());
        halves.merge(search(&mut ids[..30].iter()), |(), ()| ());
        let halves = halves.finish();
        for found in [&forward, &backward, &halves] {
            assert!(found.more && found.only().is_none());
            let kept: Vec<&SourceId> = found.matches.iter().map(|(_, id, ())| id).collect();
            assert_eq!(kept, ids[..MOST_MATCHES].iter().collect::<Vec<_>>());
        }
        let mut better = Search::new(Query::new("Ann").unwrap());
        better.offer(&ids[59], &named("Ann"), |_| ());
        better.merge(search(&mut ids.iter()), |(), ()| ());
        assert!(better.finish().only().is_some(), "worse matches of another part are dropped");
        // A better match hides all of these.
        let mut all = search(&mut ids.iter());
        all.offer(&ids[59], &named("Ann"), |_| ());
        let found = all.finish();
        assert_eq!(found.only(), Some(&(Matched::Name, ids[59].clone(), ())));
    }
}
