//! Faults at Clever, one case each: the effect on the mirror and the notifications to operators.
//!
//! The pull runs the code of the function in this process, against the simulator over HTTP and the
//! table and buckets of the local stack. Waiting only advances the clock. After the snapshot the
//! real functions take over.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use districts::{District, Size};
use e2e::{Application, Night};
use lambda_runtime::{Context, LambdaEvent};
use mirror::clock::Clock as FunctionClock;
use mirror::dynamo::DynamoTable;
use mirror::eventbridge::Notifications;
use mirror::eventbridge::event::{Event, Kind, Status};
use mirror::ports::runs::Runs;
use mirror::ports::secrets::SecretCache;
use mirror::s3::S3Bucket;
use mirror::testing::memory::{MemoryBus, MemorySchedules, MemorySecrets};
use nightly_pull::{Config, DiscoverySummary, Outcome, PullOutcome, Services, Storage, handle};
use roster::finding::{Code, pull as codes};
use roster::id::DistrictId;
use roster::records::RecordKind;
use roster::run::RunState;
use roster::settings::{Clever, Settings};
use serde_json::{Value, json};
use simulators::clever::{Fault, List, Sharing, State, id};
use sources::clever::Wait;
use sources::http::HttpClient;
use stack::{CLEVER_CLIENT, CLEVER_SECRET, Clock, INTERNAL, TABLE};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Advances the clock instead of waiting.
#[derive(Clone)]
struct AdvanceClock(Clock);

impl Wait for AdvanceClock {
    async fn wait(&self, time: Duration) {
        self.0.advance(time);
        tokio::task::yield_now().await;
    }
}

/// The stack's table and buckets, and the rest in memory.
struct Mixed;

impl Services for Mixed {
    type Table = DynamoTable;
    type Objects = S3Bucket;
    type Schedules = MemorySchedules;
    type Secrets = MemorySecrets;
    type Http = HttpClient;
    type Wait = AdvanceClock;
}

/// The stack and the dependencies of a pull in this process.
struct World {
    application: Application,
    config: Config,
    bus: MemoryBus,
    later: MemorySchedules,
    secrets: MemorySecrets,
    http: HttpClient,
    requests: AtomicU64,
}

/// A district, its id at Clever and its synthetic data.
struct Pulled {
    source: String,
    here: DistrictId,
    set: District,
}

/// Contents of a mirror without the run of the last change and the id of the district at Clever.
type Contents = BTreeMap<(RecordKind, String), String>;

impl World {
    async fn new() -> Self {
        let application = Application::start().await;
        let clever = application.stack.clever().url();
        let config = Config::from_lookup(|name| match name {
            "INTERNAL_BUCKET" => Some(INTERNAL.into()),
            "TABLE" => Some(TABLE.into()),
            "CLEVER_SECRET" => Some(CLEVER_SECRET.into()),
            "CLEVER_TOKENS_URL" | "CLEVER_API_URL" => Some(clever.clone()),
            "OPERATOR_BUS" | "SCHEDULE_GROUP" | "SCHEDULE_ROLE_ARN" => Some("of-its-own".into()),
            _ => None,
        });
        let (secrets, (client, password)) = (MemorySecrets::default(), CLEVER_CLIENT);
        secrets.put(
            CLEVER_SECRET,
            &json!({ "client_id": client, "client_secret": password }).to_string(),
        );
        Self {
            application,
            config: config.expect("a configuration"),
            bus: MemoryBus::default(),
            later: MemorySchedules::default(),
            secrets,
            http: HttpClient::new().expect("a client"),
            requests: AtomicU64::new(0),
        }
    }

    fn clock(&self) -> &Clock {
        self.application.stack.clock()
    }

    fn clever(&self) -> &simulators::clever::CleverSimulator {
        self.application.stack.clever()
    }

    /// Creates a live district with its first night in the mirror.
    async fn district(&self, name: &str, overrides: Value) -> Pulled {
        self.paged(name, overrides, 20).await
    }

    /// Like `district`, with this number of records per page.
    async fn paged(&self, name: &str, overrides: Value, page_size: u32) -> Pulled {
        let (source, set) =
            (id("district", name), District::new(Size::students(40)).seed(5).churn(4.0));
        self.clever().connect(&source, &set.night(0));
        let mut settings = Settings::of_preset("clever");
        settings.time_zone = "America/New_York".into();
        settings.source.clever =
            Some(Clever { api: self.clever().url(), page_size, ..Clever::of(&source) });
        settings.overrides = overrides.as_object().cloned().unwrap_or_default();
        let pulled = Pulled { here: self.application.district(name, settings).await, source, set };
        let first = self.pull(&pulled.here).await;
        assert_eq!(first.state(), RunState::Applied, "{:?}", first.report.findings);
        assert_eq!(self.notified(), []);
        pulled
    }

    async fn send(&self, event: Value) -> Outcome {
        let clock = self.clock().clone();
        let clock = FunctionClock::new(move || clock.now());
        let storage = Storage::<Mixed> {
            table: self.application.stack.table(),
            internal: self.application.stack.bucket(INTERNAL),
            schedules: self.later.clone(),
            // Each invocation has a new cache, as in a new process.
            secrets: SecretCache::new(
                self.secrets.clone(),
                clock.clone(),
                self.config.keep_secrets,
            ),
            http: self.http.clone(),
            wait: AdvanceClock(self.clock().clone()),
            notifications: Notifications::new(self.bus.clone()),
            clock,
        };
        let mut context = Context::default();
        context.request_id = format!("request {}", self.requests.fetch_add(1, Ordering::SeqCst));
        context.invoked_function_arn =
            "arn:aws:lambda:us-east-1:000000000000:function:nightly-pull".into();
        context.deadline =
            u64::try_from((self.clock().now() + Duration::from_secs(900)).as_millisecond())
                .expect("after 1970");
        handle(&self.config, &storage, LambdaEvent::new(event, context))
            .await
            .expect("only Clever fails here")
    }

    /// Starts a pull and continues it until it ends, then waits until its snapshot is planned and
    /// applied.
    async fn pull(&self, district: &DistrictId) -> Night {
        // Two pulls started in the same second would have the same time.
        self.clock().advance(Duration::from_secs(2));
        let mut ended = self.send(json!({ "district": district, "at": self.clock().now() })).await;
        while ended == Outcome::Pull(PullOutcome::Continued) {
            let (_, at, payload) = self.later.take_all().pop().expect("the pull continues");
            self.clock().advance_to(at);
            ended = self.send(serde_json::from_str(&payload).expect("JSON")).await;
        }
        self.application.stack.settled().await;
        let stack = &self.application.stack;
        let run = stack
            .table()
            .newest(district, 1)
            .await
            .expect("the table answers")
            .pop()
            .expect("a run");
        let report = stack.report(district, &run.run).await.expect("the report can be read");
        Night {
            report: report.unwrap_or_else(|| {
                panic!("no report; failures: {:?}", self.application.failures())
            }),
            run,
        }
    }

    async fn discover(&self) -> DiscoverySummary {
        match self.send(json!({ "look": "clever" })).await {
            Outcome::Discovery(looked) => looked,
            Outcome::Pull(ended) => panic!("{ended:?}"),
        }
    }

    /// Returns the notifications of this pull since the last call. The other functions must have
    /// sent none.
    fn notified(&self) -> Vec<(Kind, Status)> {
        let of_other_functions = self.application.notifications();
        assert!(of_other_functions.is_empty(), "{of_other_functions:?}");
        self.bus.take_all().into_iter().map(|event| (event.kind, event.detail.status)).collect()
    }

    async fn contents(&self, district: &Pulled) -> Contents {
        let mirror = self.application.mirror(&district.here).await.into_iter();
        let text = |record: Value| {
            format!("{} {}", record["status"], record["state"])
                .replace(&district.source, "the district")
        };
        mirror.map(|(key, record)| (key, text(record))).collect()
    }
}

/// Settings with high hold limits: in a small district, normal changes exceed the defaults.
fn tolerant() -> Value {
    json!({ "hold_if_removed_percent": 60, "hold_if_changed_percent": 100 })
}

#[tokio::test]
async fn temporary_faults_change_no_result_and_cause_no_notification() {
    let world = World::new().await;
    let (tried, calm) =
        (world.district("tried", tolerant()).await, world.district("calm", tolerant()).await);
    let slow = Fault::Slow(Duration::from_millis(300));
    // Several faults per night, each on a different list.
    let nights: [&[(&str, &str, Fault)]; 4] = [
        &[
            ("429 with Retry-After", "role=student", Fault::RetryAfter(40)),
            ("503 with a message", "/sections", Fault::Status(503)),
            ("502 with an HTML body", "/schools", Fault::Html(502)),
        ],
        &[
            ("429 without Retry-After", "role=student", Fault::Status(429)),
            ("500 with a body in the older format", "/sections", Fault::OldStatus(500)),
            ("200 with an HTML body", "role=teacher", Fault::Html(200)),
        ],
        &[
            ("a connection reset", "role=student", Fault::Reset),
            ("a truncated body", "role=contact", Fault::Truncated),
            ("a slow page", "/sections", slow),
        ],
        &[
            ("the district record is unavailable", "/districts", Fault::Status(503)),
            ("the token list is unreadable", "/oauth/tokens", Fault::Html(502)),
        ],
    ];
    for (night, faults) in (1..).zip(nights) {
        let cases: Vec<&str> = faults.iter().map(|(case, ..)| *case).collect();
        for district in [&tried, &calm] {
            assert!(world.clever().sync(&district.source, &district.set.night(night)));
        }
        for (_, path, fault) in faults {
            world.clever().fault(path, 0, 2, *fault);
        }
        let pulled = world.pull(&tried.here).await;
        assert_eq!(
            pulled.state(),
            RunState::Applied,
            "{cases:?}: {:?} {:?}",
            pulled.report.findings,
            pulled.report.holds
        );
        assert_eq!(world.clever().faults_left(), 0, "{cases:?}: every fault occurred");
        let expected = world.pull(&calm.here).await;
        assert_eq!(expected.state(), RunState::Applied);
        assert_eq!(pulled.report.counts, expected.report.counts, "{cases:?}");
        assert!(
            world.contents(&tried).await == world.contents(&calm).await,
            "{cases:?}: the mirrors differ"
        );
        assert_eq!(world.notified(), [], "{cases:?}");
    }
}

#[tokio::test]
async fn the_pull_obeys_the_rate_limit_headers() {
    let world = World::new().await;
    let oak = world.paged("oak", tolerant(), 5).await;
    // Some requests of each window are reserved for other clients, which leaves about ten per
    // minute.
    world.clever().set_rate_limit(24);
    world.clever().sync(&oak.source, &oak.set.night(1));
    let begun = world.clock().now();
    let pulled = world.pull(&oak.here).await;
    assert_eq!(pulled.state(), RunState::Applied, "{:?}", pulled.report.findings);
    let took = world.clock().now().duration_since(begun);
    assert!(took.as_secs() >= 60, "the pull waits for more than one window: {took}");
    assert_eq!(world.notified(), []);
}

/// A fault that retries do not fix, and its expected result.
struct Refusal {
    case: &'static str,
    path: &'static str,
    fault: Fault,
    code: &'static Code,
    /// Text that the finding contains in addition to the advice of the code.
    said: &'static str,
    /// Whether the pull was retried before it was refused.
    is_retried: bool,
}

/// Refused immediately: a retry would get the same response.
const fn at_once(
    case: &'static str,
    path: &'static str,
    fault: Fault,
    code: &'static Code,
    said: &'static str,
) -> Refusal {
    Refusal { case, path, fault, code, said, is_retried: false }
}

/// Refused after four attempts, fifteen minutes apart.
const fn after_retries(
    case: &'static str,
    path: &'static str,
    fault: Fault,
    said: &'static str,
) -> Refusal {
    Refusal { case, path, fault, code: &codes::SOURCE_DOWN, said, is_retried: true }
}

#[tokio::test]
async fn r_h3_permanent_faults_are_reported_and_leave_the_mirror_unchanged() {
    let world = World::new().await;
    let oak = world.district("oak", tolerant()).await;
    let cases = [
        at_once(
            "413: the page is larger than Clever's limit",
            "role=student",
            Fault::Status(413),
            &codes::SOURCE_REFUSED,
            "413 for the list of students",
        ),
        at_once(
            "404: the list is not available to this application",
            "/courses",
            Fault::Status(404),
            &codes::SOURCE_REFUSED,
            "404 for the list of courses",
        ),
        at_once(
            "404 with an HTML body",
            "/terms",
            Fault::Html(404),
            &codes::SOURCE_REFUSED,
            "404 for the list of terms",
        ),
        at_once(
            "400 with a body in the older format",
            "/sections",
            Fault::OldStatus(400),
            &codes::SOURCE_REFUSED,
            "400 for the list of sections",
        ),
        at_once(
            "501",
            "/schools",
            Fault::Status(501),
            &codes::SOURCE_REFUSED,
            "501 for the list of schools",
        ),
        at_once(
            "401: the token is invalid",
            "/v3.1/",
            Fault::Status(401),
            &codes::SOURCE_TOKEN,
            "",
        ),
        at_once(
            "a page that links to itself",
            "role=student",
            Fault::Loop,
            &codes::SOURCE_PAGES,
            "points to a page that was already read",
        ),
        at_once(
            "a page that links to another host",
            "role=student",
            Fault::ForeignLink,
            &codes::SOURCE_PAGES,
            "points to another address",
        ),
        at_once(
            "an empty page before the last page",
            "/sections",
            Fault::EmptyPage,
            &codes::SOURCE_PAGES,
            "points to a page that was already read",
        ),
        at_once(
            "new data during each attempt",
            "/districts",
            Fault::NewData,
            &codes::SOURCE_CHANGING,
            "",
        ),
        after_retries(
            "503 with a message, all night",
            "role=student",
            Fault::Status(503),
            "status 503",
        ),
        after_retries(
            "500 with a body in the older format, all night",
            "/sections",
            Fault::OldStatus(500),
            "status 500",
        ),
        after_retries(
            "502 with an HTML body, all night",
            "/schools",
            Fault::Html(502),
            "status 502",
        ),
        after_retries("429, all night", "role=student", Fault::RetryAfter(40), "status 429"),
        after_retries(
            "connection resets, all night",
            "role=teacher",
            Fault::Reset,
            "the connection failed or was closed",
        ),
        after_retries(
            "truncated bodies, all night",
            "role=student",
            Fault::Truncated,
            "not a page of a list",
        ),
        after_retries(
            "the token list is down, all night",
            "/oauth/tokens",
            Fault::Status(503),
            "token list",
        ),
    ];
    let before = world.application.mirror(&oak.here).await;
    for (night, Refusal { case, path, fault, code, said, is_retried }) in (1..).zip(cases) {
        // New data, so that an applied run would be visible.
        world.clever().sync(&oak.source, &oak.set.night(night));
        world.clever().fault(path, u32::from(path == "role=student"), u32::MAX, fault);
        let refused = world.pull(&oak.here).await;
        world.clever().clear_faults();
        assert_eq!(
            (refused.state(), refused.report.findings.len()),
            (RunState::Refused, 1),
            "{case}: {:?}",
            refused.report
        );
        let finding = &refused.report.findings[0];
        assert_eq!(finding.code, code.name, "{case}: {}", finding.message);
        assert!(
            finding.message.contains(said) && finding.message.contains(code.advice),
            "{case}: {}",
            finding.message
        );
        assert!(
            world.application.mirror(&oak.here).await == before,
            "{case}: the mirror has changed"
        );

        let told: Vec<Event> = world.bus.take_all();
        let statuses: Vec<Status> = told.iter().map(|event| event.detail.status).collect();
        let due = if is_retried {
            vec![Status::Importing, Status::Refused]
        } else {
            vec![Status::Refused]
        };
        assert_eq!(statuses, due, "{case}");
        assert!(told.iter().all(|event| event.kind == Kind::PullFailed
            && event.detail.run.as_ref() == Some(&refused.run.run)));
        assert_eq!(told[0].detail.tried_again.is_some(), is_retried, "{case}");
        let last = &told[told.len() - 1].detail;
        assert!(last.what.contains(code.meaning) && last.next == code.advice, "{case}: {last:?}");
        assert_eq!(last.findings, BTreeMap::from([(code.name.to_owned(), 1)]), "{case}");
        let token = world.clever().token(&oak.source).expect("it is connected");
        assert!(
            !format!("{told:?}{:?}", refused.report).contains(&token),
            "{case}: the output contains a token"
        );
    }
    // Without faults, the next night is applied.
    assert_eq!(world.pull(&oak.here).await.state(), RunState::Applied);
    let students = world.application.keys(&oak.here, RecordKind::Student, "active").await;
    let users = world.clever().ids(&oak.source, List::Users);
    assert!(
        !students.is_empty() && students.iter().all(|student| users.contains(student)),
        "every student in the mirror is at Clever"
    );
    assert_eq!(world.notified(), []);
    assert!(world.application.failures().is_empty(), "{:?}", world.application.failures());
}

#[tokio::test]
async fn r_m6_new_data_during_a_pull_gives_a_snapshot_of_one_state() {
    let world = World::new().await;
    let (oak, calm) =
        (world.district("oak", tolerant()).await, world.district("calm", tolerant()).await);
    world.clever().sync_during("role=student", 1, &oak.source, &oak.set.night(1));
    world.clever().sync(&calm.source, &calm.set.night(1));
    let (pulled, expected) = (world.pull(&oak.here).await, world.pull(&calm.here).await);
    assert_eq!(
        (pulled.state(), expected.state()),
        (RunState::Applied, RunState::Applied),
        "{:?}",
        pulled.report.findings
    );
    assert_eq!(pulled.report.counts, expected.report.counts);
    assert!(
        world.contents(&oak).await == world.contents(&calm).await,
        "the snapshot mixes pages of two states"
    );
    assert_eq!(world.notified(), []);
}

#[tokio::test]
async fn r_o1_a_disconnected_district_keeps_its_mirror_and_is_reported_as_gone_and_as_back() {
    let world = World::new().await;
    let oak = world.district("oak", tolerant()).await;
    let before = world.application.mirror(&oak.here).await;
    world.clever().disconnect(&oak.source);

    let refused = world.pull(&oak.here).await;
    assert_eq!(
        (refused.state(), refused.found("source_no_token")),
        (RunState::Refused, true),
        "{:?}",
        refused.report.findings
    );
    assert_eq!(world.notified(), [(Kind::PullFailed, Status::Refused)]);
    assert_eq!(
        world.discover().await,
        DiscoverySummary::default(),
        "one list that lacks it may be a mistake"
    );
    assert_eq!(world.notified(), []);
    world.clock().advance(Duration::from_secs(3600));
    assert_eq!(world.discover().await.disconnected, 1);
    assert_eq!(world.discover().await.disconnected, 0);
    assert_eq!(world.notified(), [(Kind::DistrictGone, Status::Disconnected)], "notified once");
    assert!(world.application.mirror(&oak.here).await == before);

    // The district connects again with a new token.
    world.clever().reconnect(&oak.source);
    assert_eq!(world.discover().await.returned, 1);
    assert_eq!(world.notified(), [(Kind::DistrictBack, Status::Returned)]);
    assert_eq!(world.pull(&oak.here).await.state(), RunState::Unchanged);
    assert_eq!(world.notified(), []);

    // A token that was replaced between two nights is read again.
    world.clever().rotate_token(&oak.source);
    assert_eq!(world.pull(&oak.here).await.state(), RunState::Unchanged);
    assert!(world.application.mirror(&oak.here).await == before);
}

#[tokio::test]
async fn a_paused_or_failed_sync_to_clever_changes_nothing_and_the_report_explains_it() {
    let world = World::new().await;
    let oak = world.district("oak", tolerant()).await;
    let before = world.application.mirror(&oak.here).await;
    for state in [
        State::Paused(None),
        State::Paused(Some(world.clock().now() + 30 * DAY)),
        State::Error,
        State::Pending,
    ] {
        world.clever().set_state(&oak.source, state);
        assert!(
            !world.clever().sync(&oak.source, &oak.set.night(1)),
            "{state:?}: its data does not change"
        );
        let pulled = world.pull(&oak.here).await;
        assert_eq!(
            (pulled.state(), pulled.report.item_writes),
            (RunState::Unchanged, 0),
            "{state:?}"
        );
        assert!(world.application.mirror(&oak.here).await == before, "{state:?}");
        let frozen =
            pulled.report.findings.iter().find(|finding| finding.code == codes::SOURCE_FROZEN.name);
        let word = if matches!(state, State::Paused(_)) { "is paused" } else { "fails" };
        assert!(
            frozen.is_some_and(|finding| finding.message.contains(word)),
            "{state:?}: {:?}",
            pulled.report.findings
        );
        assert_eq!(world.notified(), [], "{state:?}: a pause is not a failure");
    }
    world.clever().set_state(&oak.source, State::Success);
    assert!(world.clever().sync(&oak.source, &oak.set.night(1)));
    let pulled = world.pull(&oak.here).await;
    assert_eq!(
        (pulled.state(), pulled.found(codes::SOURCE_FROZEN.name)),
        (RunState::Applied, false)
    );
}

#[tokio::test]
async fn r_h1_reduced_sharing_is_held_and_empty_sharing_is_refused() {
    let world = World::new().await;
    let oak = world.district("oak", json!({})).await;
    let before = world.application.mirror(&oak.here).await;
    let one = world.clever().ids(&oak.source, List::Schools).into_iter().take(1).collect();
    world.clever().share(&oak.source, Sharing::Schools(one));
    let held = world.pull(&oak.here).await;
    assert_eq!(held.state(), RunState::Held, "{:?}", held.report.counts);
    let told = world.application.notifications();
    assert_eq!((told.len(), told[0].detail_type.as_str()), (1, "Run Held"));
    assert_eq!(told[0].detail["run"], json!(held.run.run));
    assert!(world.application.mirror(&oak.here).await == before);

    world.clever().share(&oak.source, Sharing::Nothing);
    let refused = world.pull(&oak.here).await;
    assert_eq!(
        (refused.state(), refused.found("nothing_shared")),
        (RunState::Refused, true),
        "{:?}",
        refused.report.findings
    );
    assert_eq!(world.notified(), [(Kind::PullFailed, Status::Refused)]);
    assert!(world.application.mirror(&oak.here).await == before);
}

#[tokio::test]
async fn unusual_but_valid_clever_data_is_imported_correctly() {
    let world = World::new().await;
    let overrides = json!({ "admit_guardians": "unique_contact", "hold_if_removed_percent": 60, "hold_if_changed_percent": 100 });
    let oak = world.district("oak", overrides).await;
    let (clever, source) = (world.clever(), oak.source.as_str());
    let schools = clever.ids(source, List::Schools);
    let mirror = world.application.mirror(&oak.here).await;
    let active = |kind: RecordKind| {
        let of_kind = mirror
            .iter()
            .filter(move |((tag, _), record)| *tag == kind && record["status"] == "active");
        of_kind.map(|((_, key), record)| (key.clone(), record["state"].clone())).collect::<Vec<_>>()
    };
    let (students, teachers, classes, guardians) = (
        active(RecordKind::Student),
        active(RecordKind::Teacher),
        active(RecordKind::Class),
        active(RecordKind::Guardian),
    );

    // Clever stores the full name of a contact in `last`.
    assert!(!guardians.is_empty());
    let named = |state: &Value| {
        state["person"]["family"].as_str().is_some_and(|name| name.contains(' '))
            && state["person"]["given"].as_str().is_none_or(str::is_empty)
    };
    assert!(guardians.iter().all(|(_, state)| named(state)), "{:?}", guardians[0].1);

    // A student at two schools, a student with empty fields, and a birth date without leading
    // zeros.
    let [both, bare, born] = [0, 1, 2].map(|place: usize| students[place].0.clone());
    clever.alter(source, List::Users, &both, |user| {
        user["roles"]["student"]["schools"] = json!([schools[0], schools[1]])
    });
    clever.alter(source, List::Users, &bare, |user| {
        user["email"] = json!("");
        let student = user["roles"]["student"].as_object_mut().expect("a student");
        for field in [
            "grade",
            "gender",
            "race",
            "dob",
            "hispanic_ethnicity",
            "ell_status",
            "frl_status",
            "iep_status",
            "state_id",
        ] {
            student.insert(field.into(), json!(""));
        }
    });
    clever.alter(source, List::Users, &born, |user| {
        user["roles"]["student"]["dob"] = json!("1/2/2014")
    });
    // A custom section of the district at Clever with co-teachers, in the order of the source.
    let staff: Vec<String> = [2, 0, 1].map(|place: usize| teachers[place].0.clone()).into();
    let custom = clever.custom_section(
        source,
        "Robotics",
        &schools[0],
        &staff,
        &[both.clone(), born.clone()],
    );
    // A student who is listed in a section but not shared.
    let is_enrolled = |state: &Value, who: &str| {
        state["students"].as_array().is_some_and(|all| all.contains(&json!(who)))
    };
    let hidden = students[3..]
        .iter()
        .map(|(key, _)| key)
        .find(|key| classes.iter().any(|(_, state)| is_enrolled(state, key)));
    let hidden = hidden.expect("a student in a class").clone();
    clever.withhold(source, [hidden.clone()]);
    let gone = clever
        .token(source)
        .map(|token| stack::Api::new(&clever.url(), Some(token)))
        .expect("it is connected");
    let reply = gone
        .call(axum::http::Method::GET, &format!("/v3.1/users/{hidden}"), &[], None)
        .await
        .expect("Clever answers");
    assert_eq!(reply.status, 404);

    let pulled = world.pull(&oak.here).await;
    assert_eq!(
        pulled.state(),
        RunState::Applied,
        "{:?} {:?}",
        pulled.report.holds,
        pulled.report.findings
    );
    assert_eq!(world.notified(), [], "none of it needs an operator");
    let after = world.application.mirror(&oak.here).await;
    let state = |kind: RecordKind, key: &str| after[&(kind, key.to_owned())]["state"].clone();
    let student = state(RecordKind::Student, &both);
    let listed: Vec<&str> = student["person"]["schools"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    assert!(schools[..2].iter().all(|school| listed.contains(&school.as_str())), "{student}");
    let class = state(RecordKind::Class, &custom);
    assert_eq!(
        (&class["teachers"], class["students"].as_array().map(Vec::len)),
        (&json!(staff), Some(2)),
        "{class}"
    );
    assert_eq!(
        state(RecordKind::Student, &born)["demographics"]["birth_date"],
        "2014-01-02",
        "{}",
        state(RecordKind::Student, &born)
    );
    let unknown = state(RecordKind::Student, &bare);
    assert!(
        unknown["demographics"].as_object().is_none_or(|known| known.values().all(Value::is_null)),
        "{unknown}"
    );
    assert_eq!(
        after[&(RecordKind::Student, bare)]["status"],
        "active",
        "missing fields do not remove a student (R-S2)"
    );
    assert_eq!(after[&(RecordKind::Student, hidden.clone())]["status"], "archived");
    let enrollments = after.iter().filter(|((kind, _), record)| {
        *kind == RecordKind::Class && is_enrolled(&record["state"], &hidden)
    });
    assert_eq!(enrollments.count(), 0, "a student who is not shared has no enrollment");
    assert!(pulled.found("people_not_shared"), "{:?}", pulled.report.finding_totals);
    // Another pull of the same data changes nothing.
    assert_eq!(world.pull(&oak.here).await.state(), RunState::Unchanged);
}
