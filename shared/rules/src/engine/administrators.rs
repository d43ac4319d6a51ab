//! The administrators of the district (R-M5).

use super::hashes::{self, IdMap};
use roster::contract::{Administrator, PlanError, PlanInputs};
use roster::id::{AccountId, SourceId, hash64};
use roster::records::Person;

/// The administrators of the district, and the teachers whom support linked to them (R-M5). Nothing
/// that a source says is part of it.
#[derive(Default)]
pub(super) struct Administrators {
    /// Accounts by hashed e-mail address.
    accounts: IdMap<AccountId>,
    /// Accounts by the hashed key of the linked teacher.
    pub(super) teachers: IdMap<AccountId>,
}

impl Administrators {
    /// Reads the administrators, without the teachers linked to them.
    pub(super) fn read<I: PlanInputs>(inputs: &I) -> Result<Self, PlanError> {
        let administrators = inputs.administrators().map_err(PlanError::input)?;
        let with_email = |one: Administrator| (hash64(one.email.reveal()), one.account);
        let accounts = administrators.into_iter().map(with_email).collect();
        Ok(Self { accounts, ..Self::default() })
    }

    /// Returns the administrator's account of the teacher with this key, if support linked the two.
    pub(super) fn account_of(&self, key: &SourceId) -> Option<&AccountId> {
        self.teachers.get(&key.hash64())
    }

    /// Whether an account is an administrator's.
    pub(super) fn have(&self, account: &AccountId) -> bool {
        self.accounts.values().any(|known| known == account)
    }

    /// Whether a person's e-mail address is that of an administrator with another account.
    pub(super) fn have_email_of(&self, person: &Person, account: Option<&AccountId>) -> bool {
        hashes::email(person)
            .and_then(|email| self.accounts.get(&email))
            .is_some_and(|owner| Some(owner) != account)
    }
}
