//! Converts a request to the function's event: payload format 2.0 of a Lambda proxy integration.
//!
//! Source: "Lambda proxy integrations" in the API Gateway developer guide. Undocumented details
//! follow published observations: the path is decoded, the query is not, and an encoded `?` in the
//! path ends it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, COOKIE, USER_AGENT};
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::authorizer::TextClaims;

/// The source address of all requests.
const SOURCE: &str = "127.0.0.1";
/// The API's id. In AWS it is also the first part of the domain.
const API: &str = "local";

/// The decoded path of a request.
pub(super) fn path(parts: &Parts) -> String {
    let decoded = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    decoded.split_once('?').map_or(decoded.as_ref(), |(path, _)| path).to_owned()
}

/// The parts of an event.
pub(super) struct Request<'a> {
    pub(super) parts: &'a Parts,
    pub(super) path: &'a str,
    pub(super) body: &'a [u8],
    /// `GET /v1/{id}`, or `$default`.
    pub(super) route_key: String,
    pub(super) parameters: BTreeMap<String, String>,
    /// `None`: the route is open.
    pub(super) claims: Option<TextClaims>,
    pub(super) id: &'a str,
    pub(super) account: &'a str,
    /// The API's port.
    pub(super) port: u16,
}

impl Request<'_> {
    /// The event.
    pub(super) fn event(self) -> Value {
        let (parts, now) = (self.parts, Timestamp::now());
        let headers = self.headers();
        let agent =
            parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        let mut context = json!({
            "accountId": self.account,
            "apiId": API,
            "domainName": headers.get("host"),
            "domainPrefix": API,
            "http": {
                "method": parts.method.as_str(),
                "path": self.path,
                "protocol": "HTTP/1.1",
                "sourceIp": SOURCE,
                "userAgent": agent,
            },
            "requestId": self.id,
            "routeKey": self.route_key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S %z").to_string(),
            "timeEpoch": now.as_millisecond(),
        });
        if let Some(claims) = self.claims {
            // No route requires scopes.
            context["authorizer"] = json!({ "jwt": { "claims": claims, "scopes": null } });
        }
        let query = parts.uri.query().unwrap_or_default();
        let mut event = json!({
            "version": "2.0",
            "routeKey": self.route_key,
            "rawPath": self.path,
            "rawQueryString": query,
            "headers": headers,
            "requestContext": context,
            "isBase64Encoded": false,
        });
        let cookies = cookies(&parts.headers);
        if !cookies.is_empty() {
            event["cookies"] = json!(cookies);
        }
        if !query.is_empty() {
            event["queryStringParameters"] = joined(query).into();
        }
        if !self.parameters.is_empty() {
            event["pathParameters"] = json!(self.parameters);
        }
        if !self.body.is_empty() {
            match text(&parts.headers, self.body) {
                Some(text) => event["body"] = text.into(),
                None => {
                    event["body"] = STANDARD.encode(self.body).into();
                    event["isBase64Encoded"] = true.into();
                }
            }
        }
        event
    }

    /// The headers: names in lower case, repeated headers joined with commas, without cookies, and
    /// with the headers that API Gateway adds.
    fn headers(&self) -> Map<String, Value> {
        let mut headers = Map::new();
        for name in self.parts.headers.keys().filter(|name| **name != COOKIE) {
            let values = self.parts.headers.get_all(name).iter();
            let values: Vec<Cow<'_, str>> =
                values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
            headers.insert(name.as_str().to_owned(), values.join(",").into());
        }
        headers.insert("content-length".into(), self.body.len().to_string().into());
        headers.insert("x-amzn-trace-id".into(), format!("Root=1-{}", self.id).into());
        headers.insert("x-forwarded-for".into(), SOURCE.into());
        headers.insert("x-forwarded-port".into(), self.port.to_string().into());
        headers.insert("x-forwarded-proto".into(), "http".into());
        headers
    }
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let all = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    all.flat_map(|cookies| cookies.split(';'))
        .map(|cookie| cookie.trim().to_owned())
        .filter(|cookie| !cookie.is_empty())
        .collect()
}

/// The decoded query. Values of the same name are joined with commas.
fn joined(query: &str) -> Map<String, Value> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let entry = values.entry(name.into_owned());
        entry
            .and_modify(|all| *all = format!("{all},{value}"))
            .or_insert_with(|| value.to_string());
    }
    values.into_iter().map(|(name, value)| (name, value.into())).collect()
}

/// The body as text: uncompressed JSON, XML, JavaScript or plain text. `None`: the body is sent in
/// base64.
fn text<'a>(headers: &HeaderMap, body: &'a [u8]) -> Option<&'a str> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_text = kind.starts_with("text/")
        || matches!(kind, "application/json" | "application/xml" | "application/javascript");
    if is_text && !headers.contains_key(CONTENT_ENCODING) {
        std::str::from_utf8(body).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::routes::Route;
    use super::*;

    fn event(request: axum::http::request::Builder, body: &[u8]) -> Value {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let route = Route::new("PUT", "/v1/{district}/{id}");
        let path = path(&parts);
        let parameters = [("district", "oak"), ("id", "a/b")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let claims = Some([("sub".to_owned(), json!("a1"))].into_iter().collect());
        let request = Request {
            parts: &parts,
            path: &path,
            body,
            route_key: route.key(),
            parameters,
            claims,
            id: "r1",
            account: "000000000000",
            port: 1,
        };
        request.event()
    }

    #[test]
    fn a_request_becomes_an_event() {
        let request = axum::http::Request::put("/v1/oak/a%2Fb%20c?x=1&y=a%20b&x=2")
            .header("Host", "127.0.0.1:1")
            .header("If-Match", "\"1\"")
            .header("X-Twice", "a")
            .header("X-Twice", "b")
            .header("Cookie", "c=1; d=2")
            .header("Content-Type", "application/json; charset=utf-8");
        let event = event(request, br#"{"a":1}"#);
        assert_eq!(event["version"], "2.0");
        assert_eq!(event["routeKey"], "PUT /v1/{district}/{id}");
        assert_eq!(event["rawPath"], "/v1/oak/a/b c");
        assert_eq!(event["rawQueryString"], "x=1&y=a%20b&x=2");
        assert_eq!(event["queryStringParameters"], json!({ "x": "1,2", "y": "a b" }));
        assert_eq!(event["pathParameters"], json!({ "district": "oak", "id": "a/b" }));
        assert_eq!(event["cookies"], json!(["c=1", "d=2"]));
        assert_eq!(event["headers"]["x-twice"], "a,b");
        assert_eq!(event["headers"]["if-match"], "\"1\"");
        assert_eq!(event["headers"]["content-length"], "7");
        assert!(event["headers"]["cookie"].is_null());
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!(r#"{"a":1}"#), &json!(false))
        );
        let context = &event["requestContext"];
        assert_eq!((&context["stage"], &context["requestId"]), (&json!("$default"), &json!("r1")));
        assert_eq!(
            (&context["http"]["method"], &context["http"]["path"]),
            (&json!("PUT"), &event["rawPath"])
        );
        assert_eq!(
            context["authorizer"]["jwt"],
            json!({ "claims": { "sub": "a1" }, "scopes": null })
        );
    }

    #[test]
    fn a_body_that_is_not_text_is_sent_in_base64() {
        for (name, value, body) in [
            ("content-type", "application/octet-stream", &b"abc"[..]),
            ("content-type", "application/x-www-form-urlencoded", b"a=1"),
            ("content-type", "application/json", b"\xff"),
            ("x-none", "", b"abc"),
        ] {
            let event = event(axum::http::Request::put("/").header(name, value), body);
            assert_eq!(
                (&event["body"], &event["isBase64Encoded"]),
                (&json!(STANDARD.encode(body)), &json!(true)),
                "{value}"
            );
        }
        let nothing = event(axum::http::Request::put("/"), b"");
        assert!(
            nothing["body"].is_null()
                && nothing["cookies"].is_null()
                && nothing["queryStringParameters"].is_null()
        );
    }

    #[test]
    fn an_encoded_question_mark_ends_the_path() {
        let event = event(axum::http::Request::put("/v1/oak/a%3Fb"), b"");
        assert_eq!(event["rawPath"], "/v1/oak/a");
    }
}
