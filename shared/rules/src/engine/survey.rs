//! Pass A over people: who they are, and who is in the rosters after this run.

use super::facts::Facts;
use super::gaps::Gaps;
use super::hashes::{self, IdSet};
use super::identity::{Aliases, Existing, Incoming, Links, Undecided};
use super::merge::{Reading, projections};
use super::relink::Candidate;
use roster::contract::{PlanContext, PlanError, PlanInputs};
use roster::finding::{Finding, sync};
use roster::id::SourceId;
use roster::policy::{RoleConflicts, Switch};
use roster::records::{
    Kind, Link, Mirrored, Origin, Person, RecordKind, Status, Student, StudentState, Teacher,
    TeacherState, kinds,
};
use roster::rule::Rule;

/// What the survey of a kind of person leaves behind. All sets hold hashes of keys.
#[derive(Default)]
pub(super) struct People {
    /// In the rosters after this run.
    pub(super) active: IdSet,
    /// Active, and their row is bad: their record stays, their enrollments follow the source
    /// (R-H3).
    pub(super) gapped: IdSet,
    /// Active, and nobody knows what the source says of them: a row without a readable id may be
    /// theirs; or the run removes nothing; or people here answer for them (origin manual); or they
    /// are pinned.
    pub(super) blind: IdSet,
    /// People here answer for them, and the source does not have them: whoever is in here is in
    /// `blind`, too.
    pub(super) by_hand: IdSet,
    /// Source ids (not keys) of records that count as absent, for only an enrollment gives them
    /// this role (R-T7).
    pub(super) left_out: IdSet,
    /// Archived, with every guardian gone too (R-A1); asked only where a policy says more than
    /// `soft`.
    pub(super) abandoned: IdSet,
    /// Ids that are not their own key.
    pub(super) aliases: Aliases,
}

impl People {
    /// Whether the person's record cannot be read tonight, for whatever reason: relationships and
    /// seats are left as they are.
    pub(super) fn unread(&self, key: u64) -> bool {
        self.blind.contains(&key) || self.gapped.contains(&key)
    }
}

/// A kind of person who comes into rosters.
pub(super) trait Individual: Kind {
    /// The person in a record of the source.
    fn person(source: &Self::Source) -> &Person;
    /// The person in the mirror.
    fn known(state: &Self::State) -> &Person;
    /// Whether only an enrollment gives the person this role (R-T7).
    fn by_enrollment(source: &Self::Source) -> bool;
    /// Whether the person may come in.
    fn meets(context: &PlanContext<'_>, facts: &Facts, source: &Self::Source) -> bool;
    /// Whether everybody is gone to whom the person belongs (R-A1).
    fn abandoned(facts: &Facts, item: &Mirrored<Self>) -> bool;
}

impl Individual for kinds::Teachers {
    fn person(source: &Teacher) -> &Person {
        &source.person
    }

    fn known(state: &TeacherState) -> &Person {
        &state.person
    }

    fn by_enrollment(source: &Teacher) -> bool {
        source.by_enrollment
    }

    fn meets(_: &PlanContext<'_>, _: &Facts, _: &Teacher) -> bool {
        true
    }

    fn abandoned(_: &Facts, _: &Mirrored<Self>) -> bool {
        false
    }
}

impl Individual for kinds::Students {
    fn person(source: &Student) -> &Person {
        &source.person
    }

    fn known(state: &StudentState) -> &Person {
        &state.person
    }

    fn by_enrollment(source: &Student) -> bool {
        source.by_enrollment
    }

    fn meets(context: &PlanContext<'_>, facts: &Facts, source: &Student) -> bool {
        facts.lacks(context, source).is_empty()
    }

    fn abandoned(facts: &Facts, item: &Mirrored<Self>) -> bool {
        facts.family_is_gone(item)
    }
}

/// What a survey found out besides [`People`].
pub(super) struct Surveyed {
    /// The kind's facts.
    pub(super) people: People,
    /// Links that change.
    pub(super) links: Vec<(Option<Link>, Link)>,
    /// Findings about identity.
    pub(super) findings: Vec<Finding>,
}

/// Reads the snapshot's and the mirror's people of a kind once and settles who is who and who is
/// in.
///
/// `schools` and `emails` take what the others want to know: the schools that the source refers to
/// (R-A6), and the e-mail addresses of all who are in (R-I5).
pub(super) fn survey<K: Individual, I: PlanInputs>(
    context: &PlanContext<'_>,
    from: &Reading<'_, I>,
    gaps: &Gaps,
    links: &Links,
    facts: &Facts,
    schools: &mut IdSet,
    emails: &mut Vec<u64>,
) -> Result<Surveyed, PlanError> {
    let mut people = People::default();
    let mut undecided = Undecided::default();
    let mut conflicts = Vec::new();
    let comer = |id: &SourceId, source: &K::Source| Incoming {
        who: Candidate::new(K::KIND, id.clone(), K::person(source)),
        meets: K::meets(context, facts, source),
        email: hashes::email(K::person(source)),
        key_taken: false,
    };
    projections::<K, I>(from, |at, mirror_is_empty| {
        let (source, item) = at.parts();
        let source = source.filter(|source| {
            let out = leaves_out(context, K::by_enrollment(source));
            if out {
                let id = K::id(source);
                people.left_out.insert(id.hash64());
                let what = format!(
                    "an enrollment lists {} as a {}, but the person does not have that role",
                    id.as_str(),
                    K::KIND
                );
                let finding = Finding::new(&sync::ROLE_CONFLICT).with(what);
                conflicts.push(finding.under(Rule::T7).about(K::KIND.name(), id));
            }
            !out
        });
        if let Some(source) = &source {
            schools.extend(K::person(source).schools.iter().map(SourceId::hash64));
        }
        match (source, item) {
            (Some(_), Some(item)) if item.origin == Origin::Manual => {
                let past = past::<K, _>(&item, from, gaps, facts);
                absent(past, K::KIND, gaps, &mut people, schools, emails);
            }
            (None, None) => {}
            // Nobody is here whom anybody could be: whoever comes is new, under the id that the
            // source has.
            (Some(source), None) if mirror_is_empty && links.is_empty() => {
                if K::meets(context, facts, &source) {
                    people.active.insert(K::id(&source).hash64());
                    emails.extend(hashes::email(K::person(&source)));
                }
            }
            (Some(source), None) => {
                let id = K::id(&source);
                let waiting = comer(id, &source);
                if links.concern(id.hash64()) {
                    undecided.claims.push(waiting)
                } else {
                    undecided.new.push(waiting)
                }
            }
            (None, Some(item)) => {
                let key = item.key.hash64();
                let past = past::<K, _>(&item, from, gaps, facts);
                if item.id != item.key || links.concern(key) {
                    undecided.claimed.insert(key, past);
                } else {
                    undecided.gone.push(past);
                }
            }
            (Some(source), Some(item)) => {
                let key = item.key.hash64();
                if item.id != item.key || links.concern(key) {
                    undecided.claims.push(comer(K::id(&source), &source));
                    undecided.claimed.insert(key, past::<K, _>(&item, from, gaps, facts));
                } else if item.status == Status::Active || K::meets(context, facts, &source) {
                    people.active.insert(key);
                    emails.extend(hashes::email(K::person(&source)));
                }
            }
        }
        Ok(())
    })?;

    // Who is there with another role only has left this one, but is nobody's past: the account is
    // not to be given to a living namesake.
    for past in undecided.gone.iter_mut().chain(undecided.claimed.values_mut()) {
        past.left_out = people.left_out.contains(&past.id.hash64());
        past.who.may_relink &= !past.left_out;
    }
    let own_key = |id: &SourceId| fresh_key(context, id);
    let relinking = context.policy.relink_identities == Switch::On;
    let decisions = undecided.decide(K::KIND, links, &mut people.aliases, relinking, own_key);
    for decided in decisions.present {
        if decided.active {
            people.active.insert(decided.key.hash64());
            emails.extend(decided.email);
        }
    }
    for past in decisions.absent {
        absent(past, K::KIND, gaps, &mut people, schools, emails);
    }
    emails.shrink_to_fit();
    conflicts.extend(decisions.findings);
    Ok(Surveyed { people, links: decisions.links, findings: conflicts })
}

/// Whether a record counts as absent because only an enrollment gives the person this role (R-T7).
pub(super) fn leaves_out(context: &PlanContext<'_>, by_enrollment: bool) -> bool {
    by_enrollment && context.policy.role_conflicts == RoleConflicts::User
}

/// A key for a person whose id is another account's key (R-I1). A run's id is never used again, so
/// neither is the key.
pub(super) fn fresh_key(context: &PlanContext<'_>, id: &SourceId) -> SourceId {
    SourceId::new(format!("{}~{}", id.as_str(), context.run))
}

fn past<K: Individual, I>(
    item: &Mirrored<K>,
    from: &Reading<'_, I>,
    gaps: &Gaps,
    facts: &Facts,
) -> Existing {
    let key = item.key.hash64();
    let gapped = gaps.has(K::KIND, item.id.hash64());
    let active = item.status == Status::Active;
    let by_hand = item.origin == Origin::Manual;
    let stays = gapped || (active && gaps.keeps_all(K::KIND) && !by_hand);
    let pinned = gaps.pins(K::KIND, key);
    let mut who = Candidate::new(K::KIND, item.key.clone(), K::known(&item.state));
    // Whom the source brings under another id is not gone, pinned or not.
    who.may_relink = !stays && (active || !by_hand);
    Existing {
        who,
        id: item.id.clone(),
        status: item.status,
        email: hashes::email(K::known(&item.state)),
        schools: if (stays || pinned) && active {
            schools_of(K::known(&item.state))
        } else {
            Vec::new()
        },
        gapped,
        pinned,
        left_out: false,
        by_hand,
        owns: from.owners[K::KIND as usize].contains(&key),
        abandoned: !stays && !pinned && !by_hand && K::abandoned(facts, item),
    }
}

/// The schools of a person, hashed.
pub(super) fn schools_of(person: &Person) -> Vec<u64> {
    person.schools.iter().map(SourceId::hash64).collect()
}

/// Somebody whom the snapshot does not have: here still, if the row is bad or the run removes
/// nothing; else gone.
pub(super) fn absent(
    past: Existing,
    tag: RecordKind,
    gaps: &Gaps,
    people: &mut People,
    schools: &mut IdSet,
    emails: &mut Vec<u64>,
) {
    let key = past.who.id.hash64();
    if past.by_hand {
        // It is in the lists where people here put it, and no run asks why.
        people.active.insert(key);
        people.blind.insert(key);
        people.by_hand.insert(key);
        if past.status == Status::Active {
            emails.extend(past.email);
        }
    } else if past.status == Status::Active && (past.gapped || past.pinned || gaps.keeps_all(tag)) {
        people.active.insert(key);
        if past.gapped {
            people.gapped.insert(key)
        } else {
            people.blind.insert(key)
        };
        emails.extend(past.email);
        schools.extend(past.schools);
    } else if past.abandoned {
        people.abandoned.insert(key);
    }
}
