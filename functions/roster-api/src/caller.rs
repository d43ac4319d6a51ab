//! The caller of a request: the claims of a token that API Gateway's authorizer has verified.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use lambda_http::request::RequestContext as GatewayContext;
use percent_encoding::percent_decode_str;
use roster::id::{AccountId, DistrictId, SourceId};

use crate::access::{Role, Scope};
use crate::problem::Problem;

/// The caller, and the district and schools that the token gives access to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account, the token's `sub`.
    pub subject: AccountId,
    /// The role.
    pub role: Role,
    /// The district. Table keys and object keys are only ever made from this one.
    pub district: DistrictId,
    /// The schools that the token names. `None`: it is not limited to schools.
    pub schools: Option<BTreeSet<SourceId>>,
    /// The key of the caller's own record.
    pub record: Option<SourceId>,
}

/// A caller who may perform the route's operation, and the scope in which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    /// The caller.
    pub(crate) caller: Caller,
    /// The records on which the caller may perform the operation.
    pub(crate) scope: Scope,
}

impl Caller {
    /// Reads the claims of a request's verified token.
    ///
    /// # Errors
    /// 401 if there is no token, or if a required claim is missing or invalid.
    pub fn from_context(context: Option<&GatewayContext>) -> Result<Self, Problem> {
        let claims = match context {
            Some(GatewayContext::ApiGatewayV2(context)) => {
                context.authorizer.as_ref().and_then(|a| a.jwt.as_ref())
            }
            _ => None,
        };
        claims.and_then(|jwt| Self::from_claims(&jwt.claims)).ok_or_else(Problem::unauthorized)
    }

    fn from_claims(claims: &HashMap<String, String>) -> Option<Self> {
        let claim = |name: &str| {
            claims
                .get(name)
                .map(|text| text.trim())
                .filter(|text| !text.is_empty() && *text != "<nil>")
        };
        let role = Role::named(claim("role")?)?;
        let district = claim("district").filter(|id| DistrictId::is_valid(id))?;
        let schools = claim("schools").map(list);
        Some(Self {
            subject: AccountId::new(claim("sub").filter(|sub| sub.len() <= 200)?),
            role,
            district: DistrictId::new(district),
            schools: if role.needs_schools() { Some(schools.unwrap_or_default()) } else { schools },
            record: claim("record").map(id),
        })
    }

    /// Whether the token gives access to a school.
    pub fn sees_school(&self, school: &SourceId) -> bool {
        self.schools.as_ref().is_none_or(|schools| schools.contains(school))
    }

    /// Whether the token gives access to one of these schools. A record without a school is visible
    /// only to tokens that are not limited to schools.
    pub fn sees_any(&self, schools: &[SourceId]) -> bool {
        self.schools.as_ref().is_none_or(|mine| schools.iter().any(|school| mine.contains(school)))
    }
}

/// Reads a claim that is a list. API Gateway writes it as `[a b]`. Ids with spaces or brackets are
/// percent-encoded in tokens.
fn list(text: &str) -> BTreeSet<SourceId> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    inner.split_whitespace().map(id).collect()
}

/// Decodes an id. A text that is not valid UTF-8 after decoding is used undecoded.
fn id(text: &str) -> SourceId {
    let decoded = percent_decode_str(text).decode_utf8();
    SourceId::new(decoded.unwrap_or(Cow::Borrowed(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(claims: &[(&str, &str)]) -> Option<Caller> {
        Caller::from_claims(
            &claims.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        )
    }

    #[test]
    fn claims_are_read_into_a_caller() {
        let base = [
            ("sub", "a1"),
            ("role", "school_leader"),
            ("district", "oak"),
            ("schools", "[s1 s%202]"),
        ];
        let caller_of = caller(&base).unwrap();
        assert_eq!((caller_of.role, caller_of.district.as_str()), (Role::SchoolLeader, "oak"));
        assert!(caller_of.sees_school(&"s 2".into()) && !caller_of.sees_school(&"s3".into()));
        assert!(caller_of.sees_any(&["s3".into(), "s1".into()]) && !caller_of.sees_any(&[]));
    }

    #[test]
    fn a_token_without_a_required_claim_is_rejected() {
        for missing in ["sub", "role", "district"] {
            let base = [("sub", "a1"), ("role", "support"), ("district", "oak")];
            let claims: Vec<_> = base.into_iter().filter(|(name, _)| *name != missing).collect();
            assert_eq!(caller(&claims), None, "{missing}");
        }
        assert_eq!(caller(&[("sub", "a1"), ("role", "king"), ("district", "oak")]), None);
        assert_eq!(caller(&[("sub", "a1"), ("role", "support"), ("district", "oak#1")]), None);
        let leader =
            caller(&[("sub", "a1"), ("role", "school_leader"), ("district", "oak")]).unwrap();
        assert!(!leader.sees_school(&"s1".into()), "a school leader without schools sees none");
        let operator = caller(&[
            ("sub", "a1"),
            ("role", "operator"),
            ("district", "oak"),
            ("schools", "<nil>"),
        ])
        .unwrap();
        assert!(operator.sees_school(&"s1".into()));
    }
}
