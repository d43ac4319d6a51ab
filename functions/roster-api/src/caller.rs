//! Who calls: the claims of a token that API Gateway's authorizer has verified.

use std::collections::{BTreeSet, HashMap};

use lambda_http::request::RequestContext;
use roster::id::{AccountId, DistrictId, SourceId};

use crate::access::{Reach, Role};
use crate::problem::Problem;

/// Who calls, and the walls around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account, the token's `sub`.
    pub subject: AccountId,
    /// The role.
    pub role: Role,
    /// The district: the only one from which keys are ever made.
    pub district: DistrictId,
    /// The schools; none: the token names no schools.
    pub schools: Option<BTreeSet<SourceId>>,
    /// The caller's own record: its key.
    pub record: Option<SourceId>,
}

/// A caller, and how far they reach in the operation that the route stands for. What handlers get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    /// Who.
    pub(crate) caller: Caller,
    /// How far.
    pub(crate) reach: Reach,
}

impl Caller {
    /// Takes the claims of a request's verified token.
    ///
    /// # Errors
    /// 401 where there is none, or where it does not say what it must.
    pub fn from_context(context: Option<&RequestContext>) -> Result<Self, Problem> {
        let claims = match context {
            Some(RequestContext::ApiGatewayV2(context)) => {
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

    /// Whether a school is within the token's walls.
    pub fn sees_school(&self, school: &SourceId) -> bool {
        self.schools.as_ref().is_none_or(|schools| schools.contains(school))
    }

    /// Whether one of these schools is. What belongs to no school belongs to the district alone.
    pub fn sees_any(&self, schools: &[SourceId]) -> bool {
        self.schools.as_ref().is_none_or(|mine| schools.iter().any(|school| mine.contains(school)))
    }
}

/// A claim that is a list: API Gateway writes one as `[a b]`. Ids with spaces or brackets stand in
/// tokens percent-encoded, as they do in URLs.
fn list(text: &str) -> BTreeSet<SourceId> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    inner.split_whitespace().map(id).collect()
}

fn id(text: &str) -> SourceId {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let decoded =
            behind.get(..2).filter(|_| byte == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match decoded.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &behind[2..];
            }
            None => {
                bytes.push(byte);
                rest = behind;
            }
        }
    }
    SourceId::new(String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned()))
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
    fn claims_become_a_caller() {
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
    fn a_token_that_does_not_say_enough_opens_nothing() {
        for gone in ["sub", "role", "district"] {
            let base = [("sub", "a1"), ("role", "support"), ("district", "oak")];
            let claims: Vec<_> = base.into_iter().filter(|(name, _)| *name != gone).collect();
            assert_eq!(caller(&claims), None, "{gone}");
        }
        assert_eq!(caller(&[("sub", "a1"), ("role", "king"), ("district", "oak")]), None);
        assert_eq!(caller(&[("sub", "a1"), ("role", "support"), ("district", "oak#1")]), None);
        let leader =
            caller(&[("sub", "a1"), ("role", "school_leader"), ("district", "oak")]).unwrap();
        assert!(!leader.sees_school(&"s1".into()), "a leader of no school leads none");
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
