//! The Lambda stand-in: events, retries, timeouts and processes.

#![expect(clippy::unwrap_used, reason = "in a test, an unexpected error is a failure")]

mod probe;

use std::time::{Duration, Instant};

use probe::probe;
use serde_json::{Value, json};
use stack::{FunctionConfig, Stack, StackConfig};

async fn stack_with(change: impl FnOnce(&mut FunctionConfig)) -> Stack {
    let stack =
        Stack::start(StackConfig { retry_delay: Duration::from_millis(10), ..Default::default() })
            .await
            .unwrap();
    let mut function = stack.function("probe", probe());
    change(&mut function);
    stack.add_function(function).unwrap();
    stack
}

async fn invoke(stack: &Stack, event: Value) -> Value {
    let answer = stack.invoke("probe", event).await.unwrap();
    assert!(!answer.failed, "{}", answer.payload);
    answer.payload
}

#[tokio::test]
async fn an_invocation_reaches_a_real_process_with_a_deadline_and_a_clean_environment() {
    let stack = stack_with(|function| {
        function.timeout = Duration::from_secs(60);
        function.environment.insert("ONE_OF_ITS_OWN".into(), "yes".into());
    })
    .await;
    let answer = invoke(&stack, json!({ "hello": 1 })).await;
    assert_eq!(answer["echo"]["hello"], 1);
    assert_eq!(answer["function"], "probe");
    assert!((50_000..=60_000).contains(&answer["milliseconds"].as_u64().unwrap()), "{answer}");

    let variables = invoke(&stack, json!({ "do": "variables" })).await;
    for name in [
        "INBOX_BUCKET",
        "INTERNAL_BUCKET",
        "TABLE",
        "SCHEDULE_GROUP",
        "SCHEDULE_ROLE_ARN",
        "AWS_ENDPOINT_URL_S3",
        "ONE_OF_ITS_OWN",
    ] {
        assert!(variables[name].is_string(), "{name}");
    }
    for name in ["PATH", "HOME", "USER"] {
        assert!(variables[name].is_null(), "{name}");
    }
    if cfg!(target_os = "linux") {
        assert!(stack.peak_rss("probe").unwrap() > 1_000_000);
    }
}

#[tokio::test]
async fn a_process_is_reused_and_a_second_one_starts_only_while_the_first_is_busy() {
    let stack = stack_with(|function| function.concurrency = 2).await;
    let first = invoke(&stack, json!({})).await["process"].clone();
    assert_eq!(invoke(&stack, json!({})).await["process"], first);

    let sleep = || invoke(&stack, json!({ "do": "sleep", "ms": 300 }));
    let started = Instant::now();
    let (a, b, c) = tokio::join!(sleep(), sleep(), sleep());
    assert!(
        started.elapsed() >= Duration::from_millis(600),
        "three at once, though two were allowed"
    );
    assert_ne!(a["process"], b["process"]);
    assert!(c["process"] == a["process"] || c["process"] == b["process"]);
}

#[tokio::test]
async fn a_failed_event_is_tried_three_times_and_then_recorded() {
    let stack = stack_with(|_| ()).await;
    assert!(stack.send("probe", json!({ "do": "fail" })));
    stack.settled().await;
    let tries = stack.invocations("probe");
    assert_eq!(
        tries.iter().map(|one| (one.attempt, one.failed)).collect::<Vec<_>>(),
        [(1, true), (2, true), (3, true)]
    );
    assert!(tries.iter().all(|one| one.request_id == tries[0].request_id));
    let [failure] = &stack.failures("probe")[..] else { panic!("one failure") };
    assert_eq!(failure.request_payload, json!({ "do": "fail" }));
    assert_eq!(failure.approximate_invoke_count, 3);
    assert_eq!(failure.response_payload["errorMessage"], "failed on request");
    let records = std::fs::read_to_string(stack.data().join("failures/probe.jsonl")).unwrap();
    assert_eq!(records.lines().count(), 1);
    assert_eq!(std::fs::read_dir(stack.data().join("events")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_crashed_process_fails_its_event_and_the_next_event_gets_a_new_process() {
    let stack = stack_with(|_| ()).await;
    let before = invoke(&stack, json!({})).await["process"].clone();
    let died = stack.invoke("probe", json!({ "do": "exit" })).await.unwrap();
    assert!(died.failed);
    assert_eq!(died.payload["errorType"], "Runtime.ExitError");
    assert!(
        died.payload["errorMessage"].as_str().unwrap().contains("exit status: 7"),
        "{}",
        died.payload
    );
    assert_ne!(invoke(&stack, json!({})).await["process"], before);
}

#[tokio::test]
async fn an_invocation_that_takes_too_long_is_killed() {
    let stack = stack_with(|function| function.timeout = Duration::from_millis(300)).await;
    let started = Instant::now();
    let late = stack.invoke("probe", json!({ "do": "sleep", "ms": 60_000 })).await.unwrap();
    assert!(late.failed && started.elapsed() < Duration::from_secs(20));
    assert!(
        late.payload["errorMessage"].as_str().unwrap().contains("timed out after 0.30 seconds"),
        "{}",
        late.payload
    );
    assert!(!invoke(&stack, json!({})).await["echo"].is_null());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_process_outlives_the_stack() {
    let stack = stack_with(|_| ()).await;
    let process = invoke(&stack, json!({})).await["process"].as_u64().unwrap();
    let there = move || {
        std::fs::read_to_string(format!("/proc/{process}/status"))
            .is_ok_and(|status| !status.contains("zombie"))
    };
    assert!(there());
    drop(stack);
    let begun = Instant::now();
    while there() {
        assert!(begun.elapsed() < Duration::from_secs(10), "the process is still running");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_unhandled_event_is_delivered_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config = StackConfig { data: Some(folder.path().to_owned()), ..Default::default() };
    let stack = Stack::start(config.clone()).await.unwrap();
    stack.add_function(stack.function("probe", probe())).unwrap();
    stack.send("probe", json!({ "do": "sleep", "ms": 60_000 }));
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(stack);

    // The event must not be lost. A short timeout keeps the test fast.
    let [event] = std::fs::read_dir(folder.path().join("events"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    std::fs::write(&event, r#"{"from":"the file"}"#).unwrap();
    let stack = started_again(config).await;
    stack.add_function(stack.function("probe", probe())).unwrap();
    stack.settled().await;
    let [once] = &stack.invocations("probe")[..] else { panic!("one invocation") };
    assert_eq!(once.payload["echo"], json!({ "from": "the file" }));
    assert!(!event.exists());
}

/// Starts a stack on the folder of a dropped one, whose lock is released a moment later.
async fn started_again(config: StackConfig) -> Stack {
    let begun = Instant::now();
    loop {
        match Stack::start(config.clone()).await {
            Ok(stack) => return stack,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(10), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_invoke_call_answers_as_aws_does() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let stack = stack_with(|_| ()).await;
    let call = async |function: &str, kind: &str, body: &str| {
        let address = stack.endpoints().lambda.strip_prefix("http://").unwrap().to_owned();
        let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "POST /2015-03-31/functions/{function}/invocations HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n"
        );
        let request = format!(
            "{head}X-Amz-Invocation-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let waited = call("probe", "RequestResponse", r#"{"a":1}"#).await;
    assert!(waited.starts_with("HTTP/1.1 200") && waited.contains(r#""echo":{"a":1}"#), "{waited}");
    let failed = call(
        "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aprobe",
        "RequestResponse",
        r#"{"do":"fail"}"#,
    )
    .await;
    assert!(
        failed.starts_with("HTTP/1.1 200")
            && failed.to_lowercase().contains("x-amz-function-error: unhandled"),
        "{failed}"
    );
    assert!(call("probe", "Event", "{}").await.starts_with("HTTP/1.1 202"));
    assert!(call("unknown", "Event", "{}").await.starts_with("HTTP/1.1 404"));
    stack.settled().await;
    assert_eq!(stack.invocations("probe").len(), 3);
}
