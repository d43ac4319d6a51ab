//! The real HTTP client, against a minimal server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops where it is")]

use sources::http::{Credential, Get, Http, HttpClient, NoAnswer, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers one request with these bytes and closes the connection. Returns result and request.
async fn ask(
    answer: &'static str,
    credential: Credential,
) -> (Result<(u16, Vec<u8>, Option<u64>), NoAnswer>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v3.1/users?limit=2", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 4096];
        let length = stream.read(&mut asked).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&asked[..length]).to_lowercase()
    });
    let answer = HttpClient::new().unwrap().get(Get { url, credential }).await;
    (answer.map(|answer| (answer.status, answer.body, answer.remaining)), server.await.unwrap())
}

fn bearer() -> Credential {
    Credential::Bearer(Secret::new("tok"))
}

#[tokio::test]
async fn a_response_has_status_limits_and_body_and_the_token_is_sent() {
    let text = "HTTP/1.1 429 Too Many\r\nx-ratelimit-remaining: 17\r\nx-ratelimit-reset: 1780000000\r\ncontent-length: 2\r\n\r\nno";
    let (answer, asked) = ask(text, bearer()).await;
    assert_eq!(answer.unwrap(), (429, b"no".to_vec(), Some(17)));
    assert!(
        asked.starts_with("get /v3.1/users?limit=2 ")
            && asked.contains("authorization: bearer tok")
    );
    let (_, asked) = ask(text, Credential::Basic("me".into(), Secret::new("pw"))).await;
    assert!(asked.contains("authorization: basic "));
}

#[tokio::test]
async fn a_truncated_body_is_an_error_and_redirects_are_not_followed() {
    let (answer, _) =
        ask("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"data\":[", bearer()).await;
    assert_eq!(answer.unwrap_err(), NoAnswer::Connection);
    let (answer, _) = ask(
        "HTTP/1.1 302 Found\r\nlocation: https://evil.example/\r\ncontent-length: 0\r\n\r\n",
        bearer(),
    )
    .await;
    assert_eq!(answer.unwrap().0, 302);
}

#[tokio::test]
async fn connection_and_address_errors_differ_and_secrets_are_not_printed() {
    let client = HttpClient::new().unwrap();
    let get = |url: &str| client.get(Get { url: url.into(), credential: bearer() });
    assert_eq!(get("http://127.0.0.1:1/").await.err(), Some(NoAnswer::Connection));
    assert_eq!(get("no address").await.err(), Some(NoAnswer::Request));
    assert_eq!(format!("{:?}", bearer()), "Bearer(Secret(…))");
}
