//! The JWT authorizer of an HTTP API. It verifies the token and passes its claims to the function.
//!
//! Source: "JWT authorizers" in the API Gateway developer guide. The token is in the header
//! `Authorization`, with or without `Bearer`. Only RSA algorithms are accepted, and `kid` must name
//! the key. It checks `iss`, `aud` (if missing, `client_id`), `exp`, `nbf` and `iat`.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use serde_json::{Map, Value};

use super::issuer::{AUDIENCE, Issuer};

/// Claims as the function receives them: every value is text.
pub(super) type TextClaims = Map<String, Value>;

/// Why a request is not authorized.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The token is missing.
    NoToken,
    /// The token is invalid, for this reason.
    Invalid(&'static str),
}

impl Refusal {
    /// The value of the header `www-authenticate`.
    pub(super) fn challenge(&self) -> String {
        match self {
            Self::NoToken => "Bearer".into(),
            Self::Invalid(why) => {
                format!(r#"Bearer scope="" error="invalid_token" error_description="{why}""#)
            }
        }
    }
}

/// Verifies a request's token and returns its claims.
pub(super) fn authorize(issuer: &Issuer, headers: &HeaderMap) -> Result<TextClaims, Refusal> {
    let header =
        headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    let token = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => header,
    };
    if token.is_empty() {
        return Err(Refusal::NoToken);
    }
    let keys =
        issuer.keys().map_err(|_| Refusal::Invalid("the issuer's keys are not available"))?;
    let head = jsonwebtoken::decode_header(token)
        .map_err(|_| Refusal::Invalid("the token is not a JWT"))?;
    if head.kid.as_deref() != Some(keys.id.as_str()) {
        return Err(Refusal::Invalid("signing method or key is not the issuer's"));
    }
    let mut rules = Validation::new(Algorithm::RS256);
    rules.algorithms = vec![Algorithm::RS256, Algorithm::RS384, Algorithm::RS512];
    rules.set_issuer(&[issuer.url()]);
    rules.set_audience(&[AUDIENCE]);
    rules.set_required_spec_claims(&["exp", "iss"]);
    rules.validate_nbf = true;
    rules.leeway = 0;
    let claims = jsonwebtoken::decode::<Map<String, Value>>(token, &keys.public, &rules)
        .map_err(|error| invalid(&error))?
        .claims;
    if !claims.contains_key("aud")
        && claims.get("client_id").and_then(Value::as_str) != Some(AUDIENCE)
    {
        return Err(Refusal::Invalid("the token does not have a valid audience"));
    }
    if claims
        .get("iat")
        .and_then(Value::as_f64)
        .is_some_and(|issued| issued > Timestamp::now().as_second() as f64)
    {
        return Err(Refusal::Invalid("the token was issued in the future"));
    }
    Ok(claims.into_iter().map(|(name, value)| (name, Value::String(text(&value)))).collect())
}

fn invalid(error: &jsonwebtoken::errors::Error) -> Refusal {
    Refusal::Invalid(match error.kind() {
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidIssuer => "the token does not have a valid issuer",
        ErrorKind::InvalidAudience => "the token does not have a valid audience",
        ErrorKind::InvalidSignature => "the token's signature is not valid",
        ErrorKind::InvalidAlgorithm => "the token's algorithm is not supported",
        _ => "the token is not valid",
    })
}

/// A claim as text. API Gateway writes lists as `[a b]` and objects as `map[a:1 b:2]`, so one value
/// with a space looks like two values.
fn text(claim: &Value) -> String {
    match claim {
        Value::Null => "<nil>".into(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => claim.to_string(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(" "))
        }
        Value::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| format!("{name}:{}", text(value))).collect();
            format!("map[{}]", fields.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn claims_become_text_as_api_gateway_writes_it() {
        for (claim, expected) in [
            (json!("a b"), "a b"),
            (json!(1_780_000_000), "1780000000"),
            (json!(true), "true"),
            (json!(["n", "s"]), "[n s]"),
            (json!([]), "[]"),
            (json!({ "a": ["x"], "b": 1 }), "map[a:[x] b:1]"),
        ] {
            assert_eq!(text(&claim), expected);
        }
    }
}
