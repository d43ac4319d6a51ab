//! The API Gateway stand-in: requests, tokens and answers.

#![expect(clippy::unwrap_used, reason = "in a test, an unexpected error is a failure")]

mod probe;

use std::time::Duration;

use axum::http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use probe::probe;
use serde_json::{Value, json};
use stack::{API, AUDIENCE, Api, Claims, Reply, Route, Stack, StackConfig};

async fn stack() -> Stack {
    let routes = [
        Route::new("GET", "/v1/districts/{district}/students/{student}"),
        Route::new("POST", "/v1/districts/{district}/classes"),
        Route { open: true, ..Route::new("GET", "/v1/health") },
    ];
    let config = StackConfig {
        routes: Some(routes.into()),
        api_timeout: Duration::from_secs(3),
        ..Default::default()
    };
    let stack = Stack::start(config).await.unwrap();
    stack.add_function(stack.function(API, probe())).unwrap();
    stack
}

fn leader() -> Claims {
    Claims::new("school_leader", "oak").school("north").school("the south").subject("a1")
}

const STUDENT: &str = "/v1/districts/oak/students/s%201";
const CLASSES: &str = "/v1/districts/oak/classes";

/// Sends `answer` as the body of a POST; the function returns it as its own answer.
async fn reply_of(api: &Api, answer: &str) -> Reply {
    let headers = [("x-do", "reply"), ("content-type", "application/json")];
    api.send(Method::POST, CLASSES, &headers, answer.to_owned().into()).await.unwrap()
}

#[tokio::test]
async fn a_request_reaches_the_function_as_an_event_of_format_2_with_verified_claims() {
    let stack = stack().await;
    let api = stack.api(&leader()).unwrap();
    let read = api.get(&format!("{STUDENT}?limit=2")).await.unwrap();
    assert_eq!((read.status, read.header("content-type")), (200, Some("application/json")));
    assert!(read.header("apigw-requestid").is_some());
    let event = read.json()["echo"].clone();
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "GET /v1/districts/{district}/students/{student}");
    assert_eq!(
        (&event["rawPath"], &event["rawQueryString"]),
        (&json!("/v1/districts/oak/students/s 1"), &json!("limit=2"))
    );
    assert_eq!(event["pathParameters"], json!({ "district": "oak", "student": "s 1" }));
    assert_eq!(event["requestContext"]["http"]["method"], "GET");
    let claims = &event["requestContext"]["authorizer"]["jwt"]["claims"];
    assert_eq!(
        (&claims["sub"], &claims["role"], &claims["schools"]),
        (&json!("a1"), &json!("school_leader"), &json!("[north the%20south]"))
    );
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(stack.endpoints().api), &json!(AUDIENCE)));
    assert!(claims["exp"].is_string());

    let reply = api
        .call(
            Method::POST,
            CLASSES,
            &[("Idempotency-Key", "k1")],
            Some(&json!({ "name": "Chess" })),
        )
        .await
        .unwrap();
    let event = &reply.json()["echo"];
    assert_eq!(
        (&event["body"], &event["isBase64Encoded"]),
        (&json!(r#"{"name":"Chess"}"#), &json!(false))
    );
    assert_eq!(event["headers"]["idempotency-key"], "k1");
}

/// Every field of an object, at every depth, with the type of its value.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect()
        }
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        other => other.clone(),
    }
}

#[tokio::test]
async fn the_sample_event_has_the_shape_of_a_real_one() {
    let sample = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../events/api-request.json"
    ))
    .unwrap();
    let sample: Value = serde_json::from_str(&sample).unwrap();
    let routes = Some(vec![Route::new("GET", "/v1/districts/{district}")]);
    let stack = Stack::start(StackConfig { routes, ..Default::default() }).await.unwrap();
    stack.add_function(stack.function(API, probe())).unwrap();
    let claims = Claims::new("district_leader", "oakfield").school("hill").school("lake");
    let headers = [("accept", "application/json"), ("user-agent", "curl/8.7.1")];
    let path = sample["rawPath"].as_str().unwrap();
    let reply = stack.api(&claims).unwrap().call(Method::GET, path, &headers, None).await.unwrap();
    let event = &reply.json()["echo"];
    assert_eq!(shape(event), shape(&sample));
    assert_eq!(event["requestContext"]["authorizer"]["jwt"]["claims"]["schools"], "[hill lake]");
}

#[tokio::test]
async fn the_functions_answer_reaches_the_client() {
    let stack = stack().await;
    let api = stack.api(&leader()).unwrap();
    let answer = r#"{"statusCode": 412, "headers": {"ETag": "\"7\""}, "cookies": ["a=1", "b=2"],
        "body": "/wA=", "isBase64Encoded": true}"#;
    let reply = reply_of(&api, answer).await;
    assert_eq!(
        (reply.status, reply.header("etag"), reply.body.as_ref()),
        (412, Some("\"7\""), &[0xff, 0][..])
    );
    assert_eq!(reply.headers.get_all("set-cookie").iter().count(), 2);
}

#[tokio::test]
async fn a_failed_function_is_a_500_and_a_late_one_a_503() {
    let stack = stack().await;
    let api = stack.api(&leader()).unwrap();
    for action in ["fail", "exit"] {
        let reply = api.call(Method::GET, STUDENT, &[("x-do", action)], None).await.unwrap();
        assert_eq!(
            (reply.status, reply.json()),
            (500, json!({ "message": "Internal Server Error" })),
            "{action}"
        );
    }
    let reply = reply_of(&api, r#"{"statusCode": "what"}"#).await;
    assert_eq!((reply.status, reply.json()), (500, json!({ "message": "Internal Server Error" })));
    let reply = api.call(Method::GET, STUDENT, &[("x-do", "sleep")], None).await.unwrap();
    assert_eq!((reply.status, reply.json()), (503, json!({ "message": "Service Unavailable" })));
}

#[tokio::test]
async fn an_invalid_request_never_reaches_the_function() {
    let stack = stack().await;
    let api = stack.api(&leader()).unwrap();
    for (method, path) in [
        (Method::GET, "/v1/districts"),
        (Method::DELETE, STUDENT),
        (Method::OPTIONS, STUDENT),
        (Method::GET, "/"),
    ] {
        let reply = api.call(method, path, &[], None).await.unwrap();
        assert_eq!(
            (reply.status, reply.json()),
            (404, json!({ "message": "Not Found" })),
            "{path}"
        );
    }
    let large = vec![b'a'; 10 * 1024 * 1024 + 1];
    let reply = api.send(Method::POST, CLASSES, &[], large.into()).await.unwrap();
    assert_eq!(
        (reply.status, reply.json()),
        (413, json!({ "message": "Request Entity Too Large" }))
    );
    // Within API Gateway's limit, but too large for Lambda in base64.
    let reply =
        api.send(Method::POST, CLASSES, &[], vec![0; 5 * 1024 * 1024].into()).await.unwrap();
    assert_eq!(reply.status, 413);
    let elsewhere =
        api.call(Method::GET, STUDENT, &[("host", "rollbook.example.org")], None).await.unwrap();
    assert_eq!((elsewhere.status, elsewhere.json()), (403, json!({ "message": "Forbidden" })));
    assert!(stack.invocations(API).is_empty());
}

#[tokio::test]
async fn only_a_token_of_the_issuer_is_accepted() {
    let stack = stack().await;
    let url = &stack.endpoints().api;
    let open = Api::new(url, None);
    let configuration = open.get("/.well-known/openid-configuration").await.unwrap().json();
    assert_eq!(configuration["issuer"], json!(url));
    assert_eq!(configuration["jwks_uri"], json!(format!("{url}/.well-known/jwks.json")));
    let keys = open.get("/.well-known/jwks.json").await.unwrap().json();
    assert_eq!(
        (&keys["keys"][0]["kty"], &keys["keys"][0]["alg"], &keys["keys"][0]["d"]),
        (&json!("RSA"), &json!("RS256"), &Value::Null)
    );
    assert_eq!(open.get("/v1/health").await.unwrap().status, 200);

    let none = open.get(STUDENT).await.unwrap();
    assert_eq!((none.status, none.json()), (401, json!({ "message": "Unauthorized" })));
    assert_eq!(none.header("www-authenticate"), Some("Bearer"));

    let pair = std::fs::read(stack.data().join("issuer/key.der")).unwrap();
    let key = EncodingKey::from_rsa_der(&pair[26..]);
    let kid = keys["keys"][0]["kid"].as_str().unwrap();
    let now = jiff::Timestamp::now().as_second();
    let good = json!({ "iss": url, "aud": AUDIENCE, "sub": "a1", "iat": now, "nbf": now,
        "exp": now + 60 });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    let sign = |algorithm, kid: &str, claims: &Value| {
        jsonwebtoken::encode(
            &Header { kid: Some(kid.into()), ..Header::new(algorithm) },
            claims,
            &key,
        )
        .unwrap()
    };
    let of = |claims: &Value| sign(Algorithm::RS256, kid, claims);
    let client = {
        let mut claims = without("aud");
        claims["client_id"] = json!(AUDIENCE);
        claims
    };
    for token in [
        of(&good),
        format!("Bearer {}", of(&good)),
        of(&with("aud", json!(["other", AUDIENCE]))),
        of(&without("nbf")),
        of(&client),
        sign(Algorithm::RS512, kid, &good),
    ] {
        let reply =
            open.call(Method::GET, STUDENT, &[("authorization", &token)], None).await.unwrap();
        assert_eq!(reply.status, 200, "{:?}", reply.headers);
    }

    let other = tempfile::tempdir().unwrap();
    let foreign_token = stack::Issuer::open(other.path())
        .unwrap()
        .token(&leader(), Duration::from_secs(60))
        .unwrap();
    let tampered = {
        let [token, other] = [of(&good), of(&with("sub", json!("a2")))];
        let (parts, others): (Vec<_>, Vec<_>) =
            (token.split('.').collect(), other.split('.').collect());
        [parts[0], others[1], parts[2]].join(".")
    };
    let by_secret = jsonwebtoken::encode(
        &Header { kid: Some(kid.into()), ..Header::new(Algorithm::HS256) },
        &good,
        &EncodingKey::from_secret(b"guess"),
    );
    for (token, why) in [
        ("nonsense".to_owned(), "not a JWT"),
        (foreign_token, "not the issuer's"),
        (sign(Algorithm::RS256, "another", &good), "not the issuer's"),
        (sign(Algorithm::PS256, kid, &good), "algorithm"),
        (by_secret.unwrap(), "algorithm"),
        (tampered, "signature"),
        (of(&with("iss", json!("https://example.org"))), "issuer"),
        (of(&without("iss")), "not valid"),
        (of(&with("aud", json!("other"))), "audience"),
        (of(&without("aud")), "audience"),
        (of(&with("exp", json!(now - 1))), "expired"),
        (of(&without("exp")), "not valid"),
        (of(&with("nbf", json!(now + 60))), "not valid yet"),
        (of(&with("iat", json!(now + 60))), "in the future"),
    ] {
        let reply = open
            .call(Method::GET, STUDENT, &[("authorization", &format!("Bearer {token}"))], None)
            .await
            .unwrap();
        let challenge = reply.header("www-authenticate").unwrap_or_default().to_owned();
        assert_eq!(
            (reply.status, reply.json()),
            (401, json!({ "message": "Unauthorized" })),
            "{why}"
        );
        assert!(challenge.contains("invalid_token") && challenge.contains(why), "{challenge}");
    }
}

#[tokio::test]
async fn a_data_folder_keeps_its_port_so_that_tokens_stay_valid() {
    let folder = tempfile::tempdir().unwrap();
    let token = stack::Issuer::open(folder.path())
        .unwrap()
        .token(&leader(), Duration::from_secs(60))
        .unwrap();
    let config = StackConfig {
        data: Some(folder.path().to_owned()),
        routes: Some(vec![Route::new("GET", "/v1/districts/{district}/students/{student}")]),
        ..Default::default()
    };
    let stack = Stack::start(config).await.unwrap();
    stack.add_function(stack.function(API, probe())).unwrap();
    let reply = Api::new(&stack.endpoints().api, Some(token)).get(STUDENT).await.unwrap();
    assert_eq!(reply.status, 200, "{:?}", reply.headers);
}
