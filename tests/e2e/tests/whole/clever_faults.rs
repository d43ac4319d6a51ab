//! Everything that goes wrong at Clever, a story each: what it does to a mirror, and what an
//! operator hears of it.
//!
//! The pull is the function's own code, against the simulator over HTTP and the local stack's table
//! and buckets; only that waiting moves the clock instead of taking the time. What comes after the
//! snapshot is the real function.

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

/// Waiting moves the clock.
#[derive(Clone)]
struct Hurry(Clock);

impl Wait for Hurry {
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
    type Wait = Hurry;
}

/// The stack, and a pull of its own beside it.
struct World {
    application: Application,
    config: Config,
    bus: MemoryBus,
    later: MemorySchedules,
    secrets: MemorySecrets,
    http: HttpClient,
    requests: AtomicU64,
}

/// A district at Clever and here.
struct Pulled {
    source: String,
    here: DistrictId,
    set: District,
}

/// What a mirror says, without the run that wrote it last and the district's id at Clever.
type Said = BTreeMap<(RecordKind, String), String>;

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

    /// A live district whose first night is in the mirror.
    async fn district(&self, name: &str, overrides: Value) -> Pulled {
        self.paged(name, overrides, 20).await
    }

    /// The same, with so many records a page.
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
        assert_eq!(self.heard(), []);
        pulled
    }

    async fn send(&self, event: Value) -> Outcome {
        let clock = self.clock().clone();
        let clock = FunctionClock::new(move || clock.now());
        let storage = Storage::<Mixed> {
            table: self.application.stack.table(),
            internal: self.application.stack.bucket(INTERNAL),
            schedules: self.later.clone(),
            // A function that is invoked hours later is another process.
            secrets: SecretCache::new(
                self.secrets.clone(),
                clock.clone(),
                self.config.keep_secrets,
            ),
            http: self.http.clone(),
            wait: Hurry(self.clock().clone()),
            operators: Notifications::new(self.bus.clone()),
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
            .expect("nothing here fails but Clever")
    }

    /// Orders a pull and lets it go on until it ends; what it has staged is planned and applied.
    async fn pull(&self, district: &DistrictId) -> Night {
        // Two orders in a second would be two runs at one time.
        self.clock().advance(Duration::from_secs(2));
        let mut ended = self.send(json!({ "district": district, "at": self.clock().now() })).await;
        while ended == Outcome::Pull(PullOutcome::Continued) {
            let (_, at, payload) = self.later.take_all().pop().expect("it goes on");
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

    async fn look(&self) -> DiscoverySummary {
        match self.send(json!({ "look": "clever" })).await {
            Outcome::Discovery(looked) => looked,
            Outcome::Pull(ended) => panic!("{ended:?}"),
        }
    }

    /// What operators were told since this was asked last, by whatever function.
    fn heard(&self) -> Vec<(Kind, Status)> {
        let of_the_others = self.application.told();
        assert!(of_the_others.is_empty(), "{of_the_others:?}");
        self.bus.take_all().into_iter().map(|event| (event.kind, event.detail.status)).collect()
    }

    async fn said(&self, district: &Pulled) -> Said {
        let mirror = self.application.mirror(&district.here).await.into_iter();
        let said = |record: Value| {
            format!("{} {}", record["status"], record["state"])
                .replace(&district.source, "the district")
        };
        mirror.map(|(key, record)| (key, said(record))).collect()
    }
}

/// Nights of so little data may change a good part of it.
fn patient() -> Value {
    json!({ "hold_if_removed_percent": 60, "hold_if_changed_percent": 100 })
}

#[tokio::test]
async fn what_goes_by_itself_leaves_the_night_as_it_would_have_been_and_tells_nobody() {
    let world = World::new().await;
    let (tried, calm) =
        (world.district("tried", patient()).await, world.district("calm", patient()).await);
    let slow = Fault::Slow(Duration::from_millis(300));
    // Several a night, each at a list of its own.
    let nights: [&[(&str, &str, Fault)]; 4] = [
        &[
            ("429 that says when to come back", "role=student", Fault::RetryAfter(40)),
            ("503 with a message", "/sections", Fault::Status(503)),
            ("502 that is HTML", "/schools", Fault::Html(502)),
        ],
        &[
            ("429 without a word about it", "role=student", Fault::Status(429)),
            ("500 with the older kind of body", "/sections", Fault::OldStatus(500)),
            ("HTML that says it is fine", "role=teacher", Fault::Html(200)),
        ],
        &[
            ("a connection that breaks in the middle", "role=student", Fault::Reset),
            ("a body that ends in the middle", "role=contact", Fault::Truncated),
            ("a slow page", "/sections", slow),
        ],
        &[
            ("the district cannot be asked", "/districts", Fault::Status(503)),
            ("the token list cannot be read", "/oauth/tokens", Fault::Html(502)),
        ],
    ];
    for (night, faults) in (1..).zip(nights) {
        let stories: Vec<&str> = faults.iter().map(|(story, ..)| *story).collect();
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
            "{stories:?}: {:?} {:?}",
            pulled.report.findings,
            pulled.report.holds
        );
        assert_eq!(world.clever().faults_left(), 0, "{stories:?}: all of it has happened");
        let expected = world.pull(&calm.here).await;
        assert_eq!(expected.state(), RunState::Applied);
        assert_eq!(pulled.report.counts, expected.report.counts, "{stories:?}");
        assert!(world.said(&tried).await == world.said(&calm).await, "{stories:?}: another mirror");
        assert_eq!(world.heard(), [], "{stories:?}");
    }
}

#[tokio::test]
async fn the_limit_of_requests_is_kept_by_what_the_headers_say() {
    let world = World::new().await;
    let oak = world.paged("oak", patient(), 5).await;
    // A few requests of each window are left to others, so a minute is enough for some ten.
    world.clever().set_rate_limit(24);
    world.clever().sync(&oak.source, &oak.set.night(1));
    let begun = world.clock().now();
    let pulled = world.pull(&oak.here).await;
    assert_eq!(pulled.state(), RunState::Applied, "{:?}", pulled.report.findings);
    let took = world.clock().now().duration_since(begun);
    assert!(took.as_secs() >= 60, "it waited for more than one window: {took}");
    assert_eq!(world.heard(), []);
}

/// What a story comes to that no wait helps.
struct Refusal {
    story: &'static str,
    path: &'static str,
    fault: Fault,
    code: &'static Code,
    /// What the report says beside the code's own words.
    said: &'static str,
    /// Whether it was put off before.
    put_off: bool,
}

/// Refused at once: an answer that will be the same in an hour.
const fn at_once(
    story: &'static str,
    path: &'static str,
    fault: Fault,
    code: &'static Code,
    said: &'static str,
) -> Refusal {
    Refusal { story, path, fault, code, said, put_off: false }
}

/// Refused when it was tried four times, a quarter of an hour apart.
const fn at_last(
    story: &'static str,
    path: &'static str,
    fault: Fault,
    said: &'static str,
) -> Refusal {
    Refusal { story, path, fault, code: &codes::SOURCE_DOWN, said, put_off: true }
}

#[tokio::test]
async fn r_h3_what_does_not_go_by_itself_is_told_and_leaves_the_mirror_to_the_byte() {
    let world = World::new().await;
    let oak = world.district("oak", patient()).await;
    let stories = [
        at_once(
            "413: the page is larger than Clever's limit",
            "role=student",
            Fault::Status(413),
            &codes::SOURCE_REFUSED,
            "413 for the list of students",
        ),
        at_once(
            "404: the list is not for this application",
            "/courses",
            Fault::Status(404),
            &codes::SOURCE_REFUSED,
            "404 for the list of courses",
        ),
        at_once(
            "404 that is HTML",
            "/terms",
            Fault::Html(404),
            &codes::SOURCE_REFUSED,
            "404 for the list of terms",
        ),
        at_once(
            "400 with the older kind of body",
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
        at_once("401: the token is void", "/v3.1/", Fault::Status(401), &codes::SOURCE_TOKEN, ""),
        at_once(
            "a page whose next one is itself",
            "role=student",
            Fault::Loop,
            &codes::SOURCE_PAGES,
            "points to a page that was already read",
        ),
        at_once(
            "a page whose next one is at another host",
            "role=student",
            Fault::ForeignLink,
            &codes::SOURCE_PAGES,
            "points to another address",
        ),
        at_once(
            "an empty page that is not the last",
            "/sections",
            Fault::EmptyPage,
            &codes::SOURCE_PAGES,
            "points to a page that was already read",
        ),
        at_once(
            "data that comes anew during each try",
            "/districts",
            Fault::NewData,
            &codes::SOURCE_CHANGING,
            "",
        ),
        at_last("503 with a message, all night", "role=student", Fault::Status(503), "status 503"),
        at_last(
            "500 with the older kind of body, all night",
            "/sections",
            Fault::OldStatus(500),
            "status 500",
        ),
        at_last("502 that is HTML, all night", "/schools", Fault::Html(502), "status 502"),
        at_last("429, all night", "role=student", Fault::RetryAfter(40), "status 429"),
        at_last(
            "connections that break, all night",
            "role=teacher",
            Fault::Reset,
            "the connection failed or was closed",
        ),
        at_last(
            "bodies that end in the middle, all night",
            "role=student",
            Fault::Truncated,
            "not a page of a list",
        ),
        at_last(
            "the token list is down, all night",
            "/oauth/tokens",
            Fault::Status(503),
            "token list",
        ),
    ];
    let before = world.application.mirror(&oak.here).await;
    for (night, Refusal { story, path, fault, code, said, put_off }) in (1..).zip(stories) {
        // There is something to take, or nothing would be what nothing changes.
        world.clever().sync(&oak.source, &oak.set.night(night));
        world.clever().fault(path, u32::from(path == "role=student"), u32::MAX, fault);
        let refused = world.pull(&oak.here).await;
        world.clever().clear_faults();
        assert_eq!(
            (refused.state(), refused.report.findings.len()),
            (RunState::Refused, 1),
            "{story}: {:?}",
            refused.report
        );
        let finding = &refused.report.findings[0];
        assert_eq!(finding.code, code.name, "{story}: {}", finding.message);
        assert!(
            finding.message.contains(said) && finding.message.contains(code.advice),
            "{story}: {}",
            finding.message
        );
        assert!(
            world.application.mirror(&oak.here).await == before,
            "{story}: the mirror has changed"
        );

        let told: Vec<Event> = world.bus.take_all();
        let statuses: Vec<Status> = told.iter().map(|event| event.detail.status).collect();
        let due =
            if put_off { vec![Status::Importing, Status::Refused] } else { vec![Status::Refused] };
        assert_eq!(statuses, due, "{story}");
        assert!(told.iter().all(|event| event.kind == Kind::PullFailed
            && event.detail.run.as_ref() == Some(&refused.run.run)));
        assert_eq!(told[0].detail.tried_again.is_some(), put_off, "{story}");
        let last = &told[told.len() - 1].detail;
        assert!(last.what.contains(code.meaning) && last.next == code.advice, "{story}: {last:?}");
        assert_eq!(last.findings, BTreeMap::from([(code.name.to_owned(), 1)]), "{story}");
        let token = world.clever().token(&oak.source).expect("it is connected");
        assert!(
            !format!("{told:?}{:?}", refused.report).contains(&token),
            "{story}: a token was told"
        );
    }
    // And when all is well again, the next night brings what it should.
    assert_eq!(world.pull(&oak.here).await.state(), RunState::Applied);
    let students = world.application.keys(&oak.here, RecordKind::Student, "active").await;
    let users = world.clever().ids(&oak.source, List::Users);
    assert!(
        !students.is_empty() && students.iter().all(|student| users.contains(student)),
        "whoever is here is at Clever"
    );
    assert_eq!(world.heard(), []);
    assert!(world.application.failures().is_empty(), "{:?}", world.application.failures());
}

#[tokio::test]
async fn r_m6_data_that_comes_anew_during_a_pull_is_read_whole_and_of_one_state() {
    let world = World::new().await;
    let (oak, calm) =
        (world.district("oak", patient()).await, world.district("calm", patient()).await);
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
        world.said(&oak).await == world.said(&calm).await,
        "pages of two states were put together"
    );
    assert_eq!(world.heard(), []);
}

#[tokio::test]
async fn r_o1_a_district_that_disconnects_keeps_its_mirror_and_is_told_as_gone_and_as_back() {
    let world = World::new().await;
    let oak = world.district("oak", patient()).await;
    let before = world.application.mirror(&oak.here).await;
    world.clever().disconnect(&oak.source);

    let refused = world.pull(&oak.here).await;
    assert_eq!(
        (refused.state(), refused.found("source_no_token")),
        (RunState::Refused, true),
        "{:?}",
        refused.report.findings
    );
    assert_eq!(world.heard(), [(Kind::PullFailed, Status::Refused)]);
    assert_eq!(
        world.look().await,
        DiscoverySummary::default(),
        "one list that lacks it may be a mistake"
    );
    assert_eq!(world.heard(), []);
    world.clock().advance(Duration::from_secs(3600));
    assert_eq!(world.look().await.disconnected, 1);
    assert_eq!(world.look().await.disconnected, 0);
    assert_eq!(world.heard(), [(Kind::DistrictGone, Status::Disconnected)], "told once");
    assert!(world.application.mirror(&oak.here).await == before);

    // It connects again, with another token.
    world.clever().reconnect(&oak.source);
    assert_eq!(world.look().await.returned, 1);
    assert_eq!(world.heard(), [(Kind::DistrictBack, Status::Returned)]);
    assert_eq!(world.pull(&oak.here).await.state(), RunState::Unchanged);
    assert_eq!(world.heard(), []);

    // A token that was exchanged between two nights is looked up anew.
    world.clever().rotate_token(&oak.source);
    assert_eq!(world.pull(&oak.here).await.state(), RunState::Unchanged);
    assert!(world.application.mirror(&oak.here).await == before);
}

#[tokio::test]
async fn a_district_whose_sync_to_clever_is_paused_or_in_error_stays_as_it_was_and_the_report_says_why()
 {
    let world = World::new().await;
    let oak = world.district("oak", patient()).await;
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
            "{state:?}: its data is frozen"
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
        assert_eq!(world.heard(), [], "{state:?}: a pause is no failure");
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
async fn r_h1_sharing_that_shrinks_by_mistake_is_held_and_sharing_nothing_is_refused() {
    let world = World::new().await;
    let oak = world.district("oak", json!({})).await;
    let before = world.application.mirror(&oak.here).await;
    let one = world.clever().ids(&oak.source, List::Schools).into_iter().take(1).collect();
    world.clever().share(&oak.source, Sharing::Schools(one));
    let held = world.pull(&oak.here).await;
    assert_eq!(held.state(), RunState::Held, "{:?}", held.report.counts);
    let told = world.application.told();
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
    assert_eq!(world.heard(), [(Kind::PullFailed, Status::Refused)]);
    assert!(world.application.mirror(&oak.here).await == before);
}

#[tokio::test]
async fn what_is_odd_about_clevers_data_but_not_wrong_is_in_the_mirror_as_it_should_be() {
    let world = World::new().await;
    let wishes = json!({ "admit_guardians": "unique_contact", "hold_if_removed_percent": 60, "hold_if_changed_percent": 100 });
    let oak = world.district("oak", wishes).await;
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

    // Contacts have their whole name in `last`.
    assert!(!guardians.is_empty());
    let named = |state: &Value| {
        state["person"]["family"].as_str().is_some_and(|name| name.contains(' '))
            && state["person"]["given"].as_str().is_none_or(str::is_empty)
    };
    assert!(guardians.iter().all(|(_, state)| named(state)), "{:?}", guardians[0].1);

    // A student of two schools; nothing known of another one; a birth date without leading zeros.
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
    // A section that the district made at Clever, with co-teachers, in the order of the source.
    let staff: Vec<String> = [2, 0, 1].map(|place: usize| teachers[place].0.clone()).into();
    let custom = clever.custom_section(
        source,
        "Robotics",
        &schools[0],
        &staff,
        &[both.clone(), born.clone()],
    );
    // Somebody whom a section names and nobody may read.
    let seated = |state: &Value, who: &str| {
        state["students"].as_array().is_some_and(|all| all.contains(&json!(who)))
    };
    let hidden = students[3..]
        .iter()
        .map(|(key, _)| key)
        .find(|key| classes.iter().any(|(_, state)| seated(state, key)));
    let hidden = hidden.expect("somebody in a class").clone();
    clever.withhold(source, [hidden.clone()]);
    let gone = clever
        .token(source)
        .map(|token| stack::Api::new(&clever.url(), Some(token)))
        .expect("it is connected");
    let asked = gone
        .call(axum::http::Method::GET, &format!("/v3.1/users/{hidden}"), &[], None)
        .await
        .expect("Clever answers");
    assert_eq!(asked.status, 404);

    let pulled = world.pull(&oak.here).await;
    assert_eq!(
        pulled.state(),
        RunState::Applied,
        "{:?} {:?}",
        pulled.report.holds,
        pulled.report.findings
    );
    assert_eq!(world.heard(), [], "nothing of it is anything for an operator");
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
        "what is unknown of somebody takes nobody away (R-S2)"
    );
    assert_eq!(after[&(RecordKind::Student, hidden.clone())]["status"], "archived");
    let seats = after.iter().filter(|((kind, _), record)| {
        *kind == RecordKind::Class && seated(&record["state"], &hidden)
    });
    assert_eq!(seats.count(), 0, "nobody who is not shared has a seat");
    assert!(pulled.found("people_not_shared"), "{:?}", pulled.report.finding_totals);
    // And the same again changes nothing.
    assert_eq!(world.pull(&oak.here).await.state(), RunState::Unchanged);
}
