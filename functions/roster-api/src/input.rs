//! The validation of requests: bodies, path and query parameters, and the values in them. Anything
//! invalid becomes a [`Problem`].

use std::collections::HashMap;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use roster::contact;
use roster::id::{RunId, SourceId};
use roster::personal::Personal;
use roster::records::RecordKind;
use roster::rule::Rule;
use serde::de::DeserializeOwned;

use crate::problem::Problem;
use crate::reference::Reference;

/// The longest body, in bytes.
pub const LONGEST_BODY: usize = 64 * 1024;
/// The longest name, in characters.
const LONGEST_TEXT: usize = 200;
/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// A JSON body.
#[derive(Clone, Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let media_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let media_type =
            media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if media_type != "application/json" {
            return Err(Problem::unsupported_media_type());
        }
        let bytes =
            to_bytes(request.into_body(), LONGEST_BODY).await.map_err(|_| Problem::too_large())?;
        // serde's message may quote personal data from the body; the position does not.
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            match error.classify() {
                serde_json::error::Category::Data => Problem::unprocessable(format!(
                    "a field is missing, unknown or of the wrong type ({place})"
                )),
                _ => Problem::bad_request(format!("the body is not JSON ({place})")),
            }
        })
    }
}

/// The query parameters.
#[derive(Clone, Debug)]
pub(crate) struct Parameters<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Query::<T>::from_request_parts(parts, state)
            .await
            .map(|Query(parameters)| Self(parameters))
            .map_err(|_| Problem::bad_request("the query parameters are not valid"))
    }
}

/// The parameters in the path, by their names in the router's paths.
#[derive(Clone, Debug)]
pub(crate) struct PathParameters(HashMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for PathParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Path::<HashMap<String, String>>::from_request_parts(parts, state)
            .await
            .map(|Path(parameters)| Self(parameters))
            .map_err(|_| Problem::not_found())
    }
}

impl PathParameters {
    fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Returns the id of the record that a parameter names.
    pub(crate) fn record(&self, name: &str) -> Result<SourceId, Problem> {
        Reference::parse(self.text(name)).ok_or_else(Problem::not_found)
    }

    /// Returns the kind of person that the path names.
    pub(crate) fn people(&self) -> Result<RecordKind, Problem> {
        person_kind(self.text("kind")).ok_or_else(Problem::not_found)
    }

    /// Returns the run that the path names.
    pub(crate) fn run(&self) -> Result<RunId, Problem> {
        let run = self.text("run");
        let is_ulid =
            run.len() == 26 && run.bytes().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
        if is_ulid { Ok(RunId::new(run)) } else { Err(Problem::not_found()) }
    }
}

/// Returns the kind of person with this name.
pub(crate) fn person_kind(name: &str) -> Option<RecordKind> {
    [RecordKind::Student, RecordKind::Teacher, RecordKind::Guardian]
        .into_iter()
        .find(|kind| kind.name() == name)
}

/// Validates a name and trims it.
pub(crate) fn name(text: &str, field: &'static str) -> Result<Personal, Problem> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST_TEXT || text.chars().any(char::is_control)
    {
        return Err(Problem::unprocessable(format!(
            "`{field}` must have 1 to {LONGEST_TEXT} characters"
        )));
    }
    Ok(Personal::new(text))
}

/// Validates a reason, which is stored with the action, and trims it.
pub(crate) fn reason(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty()
        || text.chars().count() > LONGEST_REASON
        || text.chars().any(|c| c.is_control() && c != '\n')
    {
        return Err(Problem::unprocessable(format!(
            "`reason` must have 1 to {LONGEST_REASON} characters"
        )));
    }
    Ok(text.to_owned())
}

/// Validates an e-mail address, trims it and converts it to lower case, as the importer does with
/// the source's addresses.
pub(crate) fn email(text: &str) -> Result<Personal, Problem> {
    let mut email = String::new();
    if contact::write_email(text, &mut email) {
        Ok(Personal::new(email))
    } else {
        Err(Problem::unprocessable("`email` must be a valid e-mail address"))
    }
}

/// Validates a phone number in E.164 format, `+12025550100`, and trims it.
pub(crate) fn phone(text: &str, field: &'static str) -> Result<Personal, Problem> {
    let text = text.trim();
    if contact::is_e164(text) {
        Ok(Personal::new(text))
    } else {
        Err(Problem::unprocessable(format!("`{field}` must be a phone number in E.164 format")))
    }
}

/// Builds the 409 problem for an edit that a sync rule forbids.
pub(crate) fn refused(rule: Rule, why: &'static str) -> Problem {
    Problem::refused_by_rule(why).under(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_normalized_or_rejected() {
        assert_eq!(email(" Kim@Example.ORG ").unwrap(), Personal::new("kim@example.org"));
        for wrong in [
            "",
            "kim",
            "kim@",
            "@example.org",
            "kim@example",
            "k im@example.org",
            "kim@-x.org",
            "a@b@c.org",
        ] {
            assert!(email(wrong).is_err(), "{wrong}");
        }
        assert_eq!(phone("+12025550100", "phone").unwrap(), Personal::new("+12025550100"));
        for wrong in ["2025550100", "+0123456789", "+12", "+1 202 555 0100", "+1234567890123456"] {
            assert!(phone(wrong, "phone").is_err(), "{wrong}");
        }
    }

    #[test]
    fn blank_and_long_names_and_reasons_are_rejected() {
        assert!(
            name("  ", "given").is_err()
                && name(&"x".repeat(201), "given").is_err()
                && name("a\u{7}", "given").is_err()
        );
        assert_eq!(name(" Ada ", "given").unwrap(), Personal::new("Ada"));
        assert!(reason("").is_err() && reason("moved house").is_ok());
    }
}
