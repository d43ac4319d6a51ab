//! E-mail addresses to sign in with: who has one, and whether it is free (R-I5).
//!
//! An address is in the mirror (found by the index, eventually consistent), in a local edit (found
//! by its reservation, consistent) or an administrator's. The index may lag behind a run, so an
//! address that two people have nevertheless cannot be used to sign in.

use mirror::ports::directory::Place;
use roster::id::{AccountId, SourceId};
use roster::personal::Personal;
use roster::records::RecordKind;

use crate::context::{RequestContext, is_active};
use crate::people::{Item, PersonFound};
use crate::problem::Problem;
use crate::{Objects, Table};

impl<T: Table, O: Objects> RequestContext<T, O> {
    /// Returns the people with an address in the mirror or in a local edit, active or archived,
    /// without a check of the caller's scope. Some may sign in with another address.
    async fn known_at(&self, address: &Personal) -> Result<Vec<PersonFound>, Problem> {
        let district = self.district();
        let (places, holder) = tokio::try_join!(
            self.api.table.with_email(district, address),
            self.api.table.holder_of_address(district, address),
        )?;
        let holder = holder.map(|(kind, key)| Place::of(kind, &key));
        let mut places: Vec<Place> = places.into_iter().chain(holder).collect();
        places.sort();
        places.dedup();
        let mut people = Vec::with_capacity(places.len());
        for place in places {
            let found = self.api.table.found(district, &place).await?;
            if let Some(item) = Item::read(place.kind, &found)? {
                people.push(PersonFound { item, found });
            }
        }
        Ok(people)
    }

    /// Returns the people who would sign in with an address: those whose temporary sign-in e-mail,
    /// changed contact or else e-mail in the source it is. Without a check of the caller's scope.
    pub(crate) async fn people_with_address(
        &self,
        address: &Personal,
    ) -> Result<Vec<PersonFound>, Problem> {
        let mut people = self.known_at(address).await?;
        people.retain(|person| person.has_address(address));
        Ok(people)
    }

    /// Returns the e-mail address with which a person signs in. `None` if there is none, or if
    /// another active account or an administrator has it too.
    pub(crate) async fn sign_in_email(
        &self,
        person: &PersonFound,
    ) -> Result<Option<Personal>, Problem> {
        let Some(address) = person.sign_in_address().filter(|address| !address.is_shared) else {
            return Ok(None);
        };
        if self.is_administrators(address.email, person.item.account()).await? {
            return Ok(None);
        }
        let others = self.people_with_address(address.email).await?;
        let is_shared =
            others.iter().any(|other| is_active(other.item.status()) && !other.is(person));
        Ok((!is_shared).then(|| address.email.clone()))
    }

    /// Checks that a person may have an address: no other active account has it, in the mirror or
    /// by a local edit, nor an administrator. A new person has no `account`.
    ///
    /// # Errors
    /// 409, which does not say whose the address is.
    pub(crate) async fn require_free_address(
        &self,
        address: &Personal,
        (kind, key): (RecordKind, &SourceId),
        account: Option<&AccountId>,
    ) -> Result<(), Problem> {
        let others = self.known_at(address).await?;
        let is_other = |known: &PersonFound| {
            let is_own = known.kind() == kind && known.item.key() == key;
            let email = known.item.person_in_mirror().person.email.as_ref();
            let has = email == Some(address) || known.has_address(address);
            !is_own && has && is_active(known.item.status())
        };
        if others.iter().any(is_other) || self.is_administrators(address, account).await? {
            return Err(Problem::address_taken());
        }
        Ok(())
    }

    /// Stores a new person made by hand, if the person's e-mail address is free.
    pub(crate) async fn add_person(&self, item: Item) -> Result<(), Problem> {
        if let Some(address) = &item.person_in_mirror().person.email {
            self.require_free_address(address, (item.kind(), item.key()), None).await?;
        }
        self.put_manual(item.wrap(), None).await
    }

    /// Whether an address is that of an administrator with another account (R-M5).
    async fn is_administrators(
        &self,
        address: &Personal,
        account: Option<&AccountId>,
    ) -> Result<bool, Problem> {
        let administrators = self.api.table.administrators(self.district()).await?;
        Ok(administrators
            .iter()
            .any(|known| known.email == *address && Some(&known.account) != account))
    }
}
