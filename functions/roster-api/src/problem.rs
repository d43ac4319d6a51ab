//! Errors as problem details (RFC 9457). Error texts of libraries and services are never passed on.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use mirror::MirrorError;
use roster::rule::Rule;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use tracing::error;

/// Media type of problem details.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The error response to a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    status: StatusCode,
    /// The last part of the problem's type.
    kind: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
    /// The rule that forbids the operation.
    rule: Option<Rule>,
    more: Map<String, Value>,
}

macro_rules! problems {
    ($(
        $(#[$doc:meta])*
        $name:ident($($detail:ident)?) =
            $status:ident, $kind:literal, $title:literal $(, $text:literal)?;
    )*) => {
        impl Problem {
    /// 409 for an address that belongs to another account. It does not say whose.
    pub(crate) fn address_taken() -> Self {
        Self::refused_by_rule(
            "this e-mail address belongs to another account: use an address of the person's own",
        )
        .under(Rule::I5)
    }

            $($(#[$doc])* pub fn $name($($detail: impl Into<Cow<'static, str>>)?) -> Self {
                #[allow(unused_variables, reason = "some problems have a fixed detail")]
                let detail: Cow<'static, str> = Cow::Borrowed("");
                $(let detail: Cow<'static, str> = Cow::Borrowed($text);)?
                $(let detail: Cow<'static, str> = $detail.into();)?
                Self {
                    status: StatusCode::$status,
                    kind: $kind,
                    title: $title,
                    detail,
                    rule: None,
                    more: Map::new(),
                }
            })*
        }
    };
}

problems! {
    /// 400: the request is not well-formed.
    bad_request(detail) = BAD_REQUEST, "bad-request", "The request is not valid";
    /// 401: no token, or one without a required claim.
    unauthorized() = UNAUTHORIZED, "unauthorized", "The request has no valid token",
        "A token must contain a subject, a role and a district.";
    /// 403: the role may not perform the operation, whatever the record.
    forbidden(detail) = FORBIDDEN, "forbidden", "The token's role does not allow this";
    /// 404: it does not exist, or is outside the caller's scope. The response does not say which.
    not_found() = NOT_FOUND, "not-found",
        "Not found", "The resource does not exist, or the token gives no access to it.";
    /// 405: the path has other methods.
    method_not_allowed() = METHOD_NOT_ALLOWED, "method-not-allowed",
        "The method is not allowed for this path",
        "The Allow header lists the allowed methods.";
    /// 409: the current state does not allow this.
    conflict(detail) = CONFLICT, "conflict", "Conflict with the current state";
    /// 409: a sync rule forbids this.
    refused_by_rule(detail) = CONFLICT, "refused-by-rule", "A sync rule does not allow this";
    /// 412: it has changed since it was read.
    changed_meanwhile() = PRECONDITION_FAILED, "changed-meanwhile",
        "The resource has changed (ETag mismatch)",
        "Read the resource again, then send the change with the new ETag.";
    /// 413: the body is too long.
    too_large() = PAYLOAD_TOO_LARGE, "too-large",
        "The body is too large", "A body can have at most 64 KiB.";
    /// 415: the body is not JSON.
    unsupported_media_type() = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type",
        "The content type is not supported",
        "Send application/json.";
    /// 422: well-formed, but not valid for the operation.
    unprocessable(detail) = UNPROCESSABLE_ENTITY, "unprocessable",
        "The body is not valid for this operation";
    /// 428: the request must name the version that it changes.
    precondition_required() = PRECONDITION_REQUIRED, "precondition-required",
        "The If-Match header is required",
        "Send the ETag that you have read in the If-Match header.";
    /// 500: an internal error.
    internal() = INTERNAL_SERVER_ERROR, "internal",
        "Internal error", "The error has been logged. Try again later.";
    /// 503: try again.
    busy() = SERVICE_UNAVAILABLE, "busy",
        "The service is busy", "Nothing was changed. Try again in a moment.";
}

impl Problem {
    /// Sets the rule that forbids the operation.
    #[must_use]
    pub fn under(mut self, rule: Rule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// Adds a field to the problem.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.into(), value);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    fn body(&self) -> Value {
        let mut body = self.more.clone();
        body.insert("type".into(), json!(format!("urn:rollbook:problem:{}", self.kind)));
        body.insert("title".into(), json!(self.title));
        body.insert("status".into(), json!(self.status.as_u16()));
        body.insert("detail".into(), json!(self.detail));
        if let Some(rule) = self.rule {
            body.insert("rule".into(), json!(rule.id()));
        }
        Value::Object(body)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

/// Logs a failure of the storage. The service's own text is not passed on, because it may quote the
/// request.
impl From<MirrorError> for Problem {
    fn from(failure: MirrorError) -> Self {
        error!(error_type = failure.error_type(), error = %failure, "storage failed");
        match failure {
            MirrorError::OutOfTime { .. } => Problem::busy(),
            _ => Problem::internal(),
        }
    }
}
