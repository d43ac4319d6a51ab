//! Canaries: more than a thousand unique strings, used as names, addresses, phone numbers and ids
//! of people. They pass through nights and through every route of the API, in accepted and in
//! rejected requests. None may appear in anything that operators read: log lines, metrics, errors
//! and stored events.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use axum::http::Method;
use districts::{District, File, Size};
use e2e::Application;
use e2e::requests::RecordIds;
use roster::records::RecordKind;
use roster::run::RunState;
use roster::settings::Settings;
use serde_json::{Value, json};
use stack::{API, Api, Claims, IMPORT, RECONCILE, Reply, Route};

/// Area codes for phone numbers, each with the hundred numbers 555-0100 to 555-0199, which are
/// reserved for fiction.
const AREAS: [&str; 12] =
    ["202", "205", "206", "207", "208", "209", "210", "212", "213", "214", "215", "216"];

/// Number of letters in a word and digits in a phone number.
const WORD: usize = 12;
const NUMBER: usize = 10;

/// All canaries, and a generator of new ones.
#[derive(Default)]
struct Canaries {
    all: HashSet<String>,
    phones: usize,
}

impl Canaries {
    /// Returns a new random word.
    fn word(&mut self) -> String {
        let mut state = (self.all.len() as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let letters = std::iter::repeat_with(|| {
            state ^= state >> 29;
            state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
            char::from(b'a' + (state >> 40) as u8 % 26)
        });
        let word: String = letters.take(WORD).collect();
        assert!(self.all.insert(word.clone()), "the canary is not unique");
        word
    }

    fn name(&mut self) -> String {
        let word = self.word();
        format!("{}{}", word[..1].to_uppercase(), &word[1..])
    }

    fn email(&mut self) -> String {
        format!("{}@example.org", self.word())
    }

    /// Returns a new phone number in E.164. The canary is its last ten digits, which every notation
    /// contains.
    fn phone(&mut self) -> String {
        let number = format!("{}55501{:02}", AREAS[self.phones / 100], self.phones % 100);
        self.phones += 1;
        self.all.insert(number.clone());
        format!("+1{number}")
    }

    /// Returns a canary that the text contains, in any case and with any characters around it.
    /// There are tens of thousands of canaries and megabytes of text, so each substring with the
    /// length of a canary is looked up in the set.
    fn in_text(&self, text: &str) -> Option<&str> {
        let text = &text.to_ascii_lowercase();
        let pieces = |long: usize| (0..text.len()).filter_map(move |at| text.get(at..at + long));
        pieces(WORD).chain(pieces(NUMBER)).find_map(|piece| self.all.get(piece).map(String::as_str))
    }

    /// Replaces all personal data in a set of files by canaries.
    fn mark(&mut self, folder: &Path) {
        let mut ids: BTreeMap<String, String> = BTreeMap::new();
        self.rewrite(folder, File::Users, |canaries, column, value| match column {
            "sourcedId" => ids
                .entry(value.to_owned())
                .or_insert_with(|| format!("id-{}", canaries.word()))
                .clone(),
            "givenName" | "familyName" | "username" | "identifier" => canaries.name(),
            "email" if !value.is_empty() => canaries.email(),
            "phone" | "sms" if !value.is_empty() && canaries.phones < 100 * AREAS.len() => {
                canaries.phone()
            }
            _ => value.to_owned(),
        });
        let renamed = |value: &str| {
            value
                .split(',')
                .map(|id| ids.get(id).map_or(id, String::as_str))
                .collect::<Vec<_>>()
                .join(",")
        };
        for file in [File::Users, File::Enrollments, File::Demographics] {
            self.rewrite(folder, file, |_, column, value| match column {
                "agentSourcedIds" | "userSourcedId" | "sourcedId" => renamed(value),
                _ => value.to_owned(),
            });
        }
    }

    fn rewrite(
        &mut self,
        folder: &Path,
        file: File,
        mut change: impl FnMut(&mut Self, &str, &str) -> String,
    ) {
        let path = folder.join(format!("{}.csv", file.name()));
        let mut rows = csv::Reader::from_path(&path).expect("the file exists");
        let columns = rows.headers().expect("columns").clone();
        let mut out = csv::Writer::from_writer(Vec::new());
        out.write_record(&columns).expect("writing to memory");
        for row in rows.records() {
            let row = row.expect("a row");
            let cells = columns.iter().zip(&row).map(|(column, value)| change(self, column, value));
            out.write_record(cells.collect::<Vec<_>>()).expect("writing to memory");
        }
        std::fs::write(path, out.into_inner().expect("writing to memory"))
            .expect("the file can be written");
    }
}

/// Returns everything that operators read: the output of the functions (log lines and metrics),
/// their errors, the stored events of failed invocations, and the notifications.
fn operator_texts(application: &Application) -> String {
    let functions = [IMPORT, RECONCILE, API];
    let mut text: Vec<String> = functions.iter().map(|name| application.stack.log(name)).collect();
    text.extend(application.failures());
    let events = application.stack.notifications();
    assert!(events.len() >= 2, "the held and the refused night are reported: {events:?}");
    text.extend(events.iter().map(|event| event.detail.to_string()));
    for name in functions {
        let failed = application.stack.invocations(name).into_iter().filter(|one| one.failed);
        text.extend(failed.map(|one| one.payload.to_string()));
        text.extend(
            application
                .stack
                .failures(name)
                .into_iter()
                .map(|failure| failure.request_payload.to_string()),
        );
    }
    text.join("\n")
}

#[tokio::test]
async fn personal_data_reaches_no_log_metric_error_or_event() {
    let application = Application::start().await;
    let mut settings = Settings::of_preset("family-directory");
    settings.overrides = json!({ "school_rostering": "on", "demographics": "mirror", "hold_if_removed_percent": 20 })
        .as_object()
        .cloned()
        .unwrap_or_default();
    let district = application.district("brook", settings).await;
    let mut canaries = Canaries::default();

    // Nights: a first one, a held one, a refused one, and one with bad rows.
    let set = District::new(Size::students(150)).seed(9);
    let folder = application.file("night");
    set.night(0).write_folder(&folder).expect("the folder can be written");
    canaries.mark(&folder);
    assert!(canaries.all.len() > 1000, "{} canaries", canaries.all.len());
    let first = application.upload(&district, &folder, Some(set.first_night())).await;
    assert_eq!(
        first.state(),
        RunState::Applied,
        "{:?} {:?}",
        first.report.findings,
        application.failures()
    );
    let users = folder.join(format!("{}.csv", File::Users.name()));
    let whole = std::fs::read_to_string(&users).expect("the file exists");
    let lines: Vec<&str> = whole.lines().collect();
    std::fs::write(&users, lines[..lines.len() / 2].join("\r\n")).expect("the file can be written");
    let held = application.upload(&district, &folder, Some(set.first_night())).await;
    assert_eq!(held.state(), RunState::Held, "{:?}", held.report.finding_totals);
    let spoiled = whole.replacen("student", "pupil", 3).replacen("@example.org", "@@", 3);
    std::fs::write(&users, format!("{spoiled}{}\r\n", lines[1])).expect("the file can be written");
    application.upload(&district, &folder, Some(set.first_night())).await;

    // The API: every role calls every route, first with valid requests, then with invalid ones.
    let named = known(&application, &district, &first.run.run.to_string(), &mut canaries).await;
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for role in [
        "operator",
        "support",
        "district_leader",
        "school_leader",
        "teacher",
        "users_manager",
        "guardian",
        "application",
    ] {
        let subject = canaries.word();
        let claims = Claims::new(role, "brook").subject(&subject);
        let claims = match role {
            "teacher" => claims.school(&named.school).record(&named.teacher),
            "guardian" => claims.record(&named.guardian),
            "school_leader" => claims.school(&named.school),
            _ => claims,
        };
        let api = application.stack.api(&claims).expect("a token");
        for route in Route::of_template().expect("the routes can be read") {
            for reply in every_way(&api, &named, &route, &mut canaries).await {
                assert!(reply.status < 500, "{} as {role}: {}", route.key(), reply.text());
                *statuses.entry(reply.status).or_default() += 1;
            }
        }
    }
    for status in [200, 201, 204, 400, 403, 404, 409, 412, 413, 415, 422, 428] {
        assert!(statuses.contains_key(&status), "no response had status {status}: {statuses:?}");
    }
    // A night that processes all those edits.
    std::fs::write(&users, &whole).expect("the file can be written");
    application.upload(&district, &folder, Some(set.first_night())).await;
    application.stack.settled().await;

    let texts = operator_texts(&application);
    assert!(texts.contains("brook"), "the functions log something");
    let example = canaries.word();
    assert!(
        canaries.in_text(&format!("x{}9", example.to_uppercase())).is_some(),
        "the search finds a canary"
    );
    let lines = texts.lines().filter_map(|line| Some((line, canaries.in_text(line)?)));
    let lines: Vec<_> = lines.take(5).collect();
    assert!(lines.is_empty(), "of {} canaries these were exposed: {lines:#?}", canaries.all.len());
}

/// Returns one person of each kind whose id is a canary.
async fn known(
    application: &Application,
    district: &roster::id::DistrictId,
    run: &str,
    canaries: &mut Canaries,
) -> RecordIds {
    let mirror = application.mirror(district).await;
    let first = |value: &Value| value[0].as_str().map(str::to_owned);
    let found = mirror.iter().find_map(|((kind, class), record)| {
        let state = &record["state"];
        let (student, teacher) = (first(&state["students"])?, first(&state["teachers"])?);
        let school = state["details"]["school"].as_str()?.to_owned();
        let is_guardian = |record: &Value| {
            record["state"]["children"].as_array().is_some_and(|all| all.contains(&json!(student)))
        };
        let guardian = mirror
            .iter()
            .find(|((kind, _), record)| *kind == RecordKind::Guardian && is_guardian(record))?
            .0
            .1
            .clone();
        (*kind == RecordKind::Class).then(|| (class.clone(), school, student, teacher, guardian))
    });
    let (class, school, student, teacher, guardian) = found.expect("a class with a family");
    RecordIds {
        district: district.to_string(),
        school,
        student,
        teacher,
        guardian,
        class,
        run: run.into(),
        source: format!("id-{}", canaries.word()),
        name: canaries.name(),
        email: canaries.email(),
        phone: canaries.phone(),
    }
}

/// Calls one route in all ways: correctly, with and without a version; with ids that do not exist;
/// and with invalid bodies and queries.
async fn every_way(
    api: &Api,
    named: &RecordIds,
    route: &Route,
    canaries: &mut Canaries,
) -> Vec<Reply> {
    // Requests that would end the sync or remove all access are sent only in invalid forms.
    let is_destructive = route.path.ends_with("/erasure")
        || route.path.ends_with("/sync")
        || route.path.ends_with("/settings");
    let mut replies = Vec::new();
    let call = async |method: &Method,
                      path: &str,
                      headers: &[(&str, &str)],
                      body: Option<String>| {
        let json = [("content-type", "application/json")];
        let headers: Vec<_> =
            headers.iter().copied().chain(json.into_iter().filter(|_| body.is_some())).collect();
        let body = body.unwrap_or_default();
        api.send(method.clone(), path, &headers, body.into()).await.expect("the API answers")
    };
    for request in named.requests(route) {
        let (method, body) = (&request.method, request.body.as_ref().map(ToString::to_string));
        if !(is_destructive && *method != Method::GET) {
            let reply = call(method, &request.path, &[], body.clone()).await;
            if reply.status == 428 {
                replies.push(call(method, &request.path, &[("if-match", "*")], body.clone()).await);
                let stale = format!("\"{}\"", canaries.word());
                replies
                    .push(call(method, &request.path, &[("if-match", &stale)], body.clone()).await);
            }
            let is_refused = reply.status == 403;
            replies.push(reply);
            if is_refused {
                // The role is checked before the body; one invalid body is enough to show that.
                replies.push(
                    call(method, &request.path, &[], Some(format!("[\"{}\"", canaries.name())))
                        .await,
                );
                continue;
            }
            let key = canaries.word();
            for _ in 0..2 {
                replies.push(
                    call(method, &request.path, &[("idempotency-key", &key)], body.clone()).await,
                );
            }
        }
        let query = format!(
            "{}?after={}&limit={}&name={}",
            request.path,
            canaries.word(),
            canaries.word(),
            canaries.word()
        );
        replies.push(call(&Method::GET, &query, &[], None).await);
        let mut missing = RecordIds {
            school: canaries.word(),
            class: canaries.word(),
            run: canaries.word(),
            ..named.clone()
        };
        (missing.student, missing.teacher, missing.guardian) =
            (canaries.word(), canaries.word(), canaries.word());
        for request in missing.requests(route).into_iter().filter(|_| !is_destructive) {
            replies.push(
                call(method, &request.path, &[], request.body.map(|body| body.to_string())).await,
            );
        }
        if let Some(body) = request.body {
            replies.extend(wrong_bodies(api, method, &request.path, &body, canaries).await);
        }
    }
    replies
}

/// Sends bodies that are truncated, of another type, with unknown fields, with values of another
/// type, very long, or not JSON. All contain canaries.
async fn wrong_bodies(
    api: &Api,
    method: &Method,
    path: &str,
    body: &Value,
    canaries: &mut Canaries,
) -> Vec<Reply> {
    let json = "application/json";
    let mut bodies: Vec<(&str, Vec<u8>)> = vec![
        (json, body.to_string().into_bytes()[..body.to_string().len() - 1].to_vec()),
        (json, format!("[\"{}\"]", canaries.name()).into_bytes()),
        (json, format!("\"{}\"", canaries.email()).into_bytes()),
        (json, format!("{{\"{}\": \"{}\"}}", canaries.word(), canaries.name()).into_bytes()),
        (json, [canaries.word().as_bytes(), b"\xff\xfe"].concat()),
        (json, format!("{{\"name\": \"{}\"}}", canaries.word().repeat(6_000)).into_bytes()),
        ("text/plain", canaries.name().into_bytes()),
        ("application/x-www-form-urlencoded", format!("name={}", canaries.word()).into_bytes()),
    ];
    for field in body.as_object().into_iter().flatten().map(|(name, _)| name.clone()) {
        for wrong in [
            json!([canaries.name()]),
            json!({ "a": canaries.email() }),
            json!(format!("\u{0}{}", canaries.word())),
            json!(""),
        ] {
            let mut body = body.clone();
            body[&field] = wrong;
            bodies.push((json, body.to_string().into_bytes()));
        }
    }
    let mut replies = Vec::new();
    for (kind, body) in bodies {
        replies.push(
            api.send(method.clone(), path, &[("content-type", kind)], body.into())
                .await
                .expect("the API answers"),
        );
    }
    replies
}
