//! R-I: identity.

use roster::id::{RunId, SourceId};
use roster::policy::{Policy, Switch};
use roster::records::Link;
use roster::rule::Rule;

/// Whether a person who appears under a new id gets the account of one who is gone (R-I2).
#[inline]
pub fn relinks(policy: &Policy) -> bool {
    match policy.relink_identities {
        Switch::Off => false,
        Switch::On => true,
    }
}

/// Makes the key of a new account whose id is already the key of another one (R-I1). A run's id is
/// never used again, so neither is the key.
pub fn new_key(id: &SourceId, run: &RunId) -> SourceId {
    SourceId::new(format!("{}~{}", id.as_str(), run))
}

/// How strong the claim of a source id to an account is, the strongest first (R-I1 to R-I3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// Support linked the id to an administrator's account (R-M5).
    Administrator,
    /// Support linked the id to the account (R-I3).
    ByHand,
    /// The id was the account's before the run.
    Own,
    /// An earlier run linked the id to the account.
    Linked,
    /// The id is the account's key, and the mirror does not have the account.
    Key,
}

/// The account that a source id claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimedAccount {
    /// The claiming id was the account's before the run.
    pub has_this_id: bool,
    /// The account's own record is unreadable, or is in the source with another role.
    pub is_reserved: bool,
}

/// Ranks the claim of a source id to an account; `None` if it has none. `link` is the id's link,
/// and `account` is what the mirror has under the key.
///
/// An account whose own record is unreadable or in another role is no other record's. An id without
/// a link that is the key of an account with another id has been given to another person.
#[inline]
pub fn claim(link: Option<&Link>, account: Option<ClaimedAccount>) -> Option<Claim> {
    match (link, account) {
        (Some(link), _) if link.rule == Rule::I3 => Some(Claim::ByHand),
        (_, Some(account)) if account.has_this_id => Some(Claim::Own),
        (_, Some(account)) if account.is_reserved => None,
        (Some(_), _) => Some(Claim::Linked),
        (None, None) => Some(Claim::Key),
        (None, Some(_)) => None,
    }
}

/// Ranks the claim of a source id to the account of a teacher who is an administrator (R-M5): only
/// links made by hand count, first the one that `makes_administrator`. Nothing that a source says
/// gives anyone this account.
#[inline]
pub fn claim_of_administrator(claim: Option<Claim>, makes_administrator: bool) -> Option<Claim> {
    match claim? {
        Claim::ByHand if makes_administrator => Some(Claim::Administrator),
        Claim::ByHand | Claim::Administrator => Some(Claim::ByHand),
        Claim::Own | Claim::Linked | Claim::Key => None,
    }
}

/// Whether a new record is linked to the archived or vanished account that it matches (R-I2). A
/// person who was archived earlier must meet the conditions for admission again (readings, R-A4).
#[inline]
pub fn relinks_to(meets_conditions: bool, was_active: bool) -> bool {
    meets_conditions || was_active
}
