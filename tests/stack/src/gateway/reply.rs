//! Converts the function's answer to a response, and builds the gateway's own responses.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, SET_COOKIE, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::authorizer::Refusal;

/// Headers that belong to the connection. A function cannot set them.
const CONNECTION: [&str; 5] =
    ["connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"];

/// Converts an answer in payload format 2.0. Returns `None` if it is malformed.
pub(super) fn of(answer: &Value) -> Option<Response<Body>> {
    let Some(status) = answer.get("statusCode") else {
        // Any other JSON is the body of a 200.
        return (!answer.is_null()).then(|| json_response(StatusCode::OK, answer));
    };
    let status = status.as_u64().or_else(|| status.as_str()?.parse().ok())?;
    let status = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
    let body = match answer.get("body") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if answer["isBase64Encoded"] == true => {
            STANDARD.decode(text).ok()?
        }
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(_) => return None,
    };
    let is_empty = body.is_empty();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in answer.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let name = HeaderName::try_from(name).ok()?;
        if !CONNECTION.contains(&name.as_str()) {
            headers.append(name, HeaderValue::from_str(&value).ok()?);
        }
    }
    for cookie in answer.get("cookies").and_then(Value::as_array).into_iter().flatten() {
        headers.append(SET_COOKIE, HeaderValue::from_str(cookie.as_str()?).ok()?);
    }
    if !is_empty && !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
    }
    Some(response)
}

/// A response with API Gateway's own message.
pub(super) fn message(status: StatusCode, message: &str) -> Response<Body> {
    json_response(status, &json!({ "message": message }))
}

/// The response to a request without a valid token.
pub(super) fn refused(refusal: &Refusal) -> Response<Body> {
    let mut response = message(StatusCode::UNAUTHORIZED, "Unauthorized");
    if let Ok(challenge) = HeaderValue::from_str(&refusal.challenge()) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

pub(super) fn json_response(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(answer: Value) -> (u16, Vec<(String, String)>, Vec<u8>) {
        let (parts, body) = of(&answer).unwrap().into_parts();
        let headers = parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        (
            parts.status.as_u16(),
            headers,
            axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec(),
        )
    }

    #[tokio::test]
    async fn an_answer_becomes_a_response() {
        let answer = json!({
            "statusCode": 201,
            "headers": { "content-type": "application/json", "ETag": "\"2\"",
            "content-length": "999" },
            "cookies": ["a=1", "b=2"],
            "body": "{}",
        });
        let (status, mut headers, body) = read(answer).await;
        headers.sort();
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!((status, body.as_slice()), (201, &b"{}"[..]));
        assert_eq!(
            headers,
            [
                ("content-type", "application/json"),
                ("etag", "\"2\""),
                ("set-cookie", "a=1"),
                ("set-cookie", "b=2")
            ]
        );
        let (_, headers, body) =
            read(json!({ "statusCode": 200, "isBase64Encoded": true, "body": "/wA=" })).await;
        assert_eq!((headers.len(), body.as_slice()), (1, &[0xff, 0][..]));
        let (status, headers, _) = read(json!({ "statusCode": 204 })).await;
        assert_eq!((status, headers.len()), (204, 0));
    }

    #[tokio::test]
    async fn json_without_a_status_is_a_body_and_a_malformed_answer_is_rejected() {
        let (status, _, body) = read(json!({ "a": 1 })).await;
        assert_eq!((status, body.as_slice()), (200, &br#"{"a":1}"#[..]));
        for malformed in [
            Value::Null,
            json!({ "statusCode": "ok" }),
            json!({ "statusCode": 70_000 }),
            json!({ "statusCode": 200, "body": { "a": 1 } }),
            json!({ "statusCode": 200, "isBase64Encoded": true, "body": "%" }),
            json!({ "statusCode": 200, "headers": { "a b": "c" } }),
        ] {
            assert!(of(&malformed).is_none(), "{malformed}");
        }
    }
}
