//! Tests the command line: exit codes, the JSON object, `show`, decisions, the demo.

#![expect(clippy::unwrap_used, reason = "in a test, an unexpected error is a failure")]

use std::path::Path;
use std::process::{Command, Output};

use districts::{Defect, District, Night, Size};
use serde_json::Value;
use stack::Binaries;

/// The folder of the function binaries, built once for all calls of a test.
async fn functions() -> String {
    let built = Binaries::of_this_test().unwrap();
    built.reconcile.parent().unwrap().to_str().unwrap().to_owned()
}

fn call(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rollbook"))
        .args(arguments)
        .arg("--data")
        .arg(data)
        .output()
        .unwrap()
}

/// The JSON object on standard output, and the exit code.
fn json(output: &Output) -> (Value, i32) {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let value = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)));
    (value, output.status.code().unwrap())
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn nights_are_imported_held_refused_and_decided() {
    let functions = functions().await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let district = District::new(Size::students(400)).seed(5);
    let import = |night: &Night, name: &str, more: &[&str]| {
        let file = folder.path().join(name);
        night.write_zip_file(&file).unwrap();
        let date = night.date().to_string();
        let arguments = [
            "import",
            "--json",
            "--district",
            "oak",
            "--functions",
            &functions,
            "--date",
            &date,
            file.to_str().unwrap(),
        ];
        json(&call(&data, &[&arguments[..], more].concat()))
    };
    let first = district.night(0);
    let (applied, code) =
        import(&first, "first.zip", &["--preset", "clever", "--set", "hold_if_removed_percent=20"]);
    assert_eq!((applied["status"].as_str(), code), (Some("applied"), 0));
    let kinds: Vec<&String> = applied["counts"].as_object().unwrap().keys().collect();
    assert_eq!(
        kinds,
        ["class", "course", "enrollment", "guardian", "school", "student", "teacher", "term"]
    );
    assert_eq!(applied["counts"]["student"]["added"], 400);
    assert!(applied["item_writes"].as_u64().unwrap() > 400);
    assert!(applied["seconds"]["import"].as_f64().unwrap() > 0.0);

    let (again, code) = import(&first, "first.zip", &[]);
    assert_eq!(
        (again["status"].as_str(), again["item_writes"].as_u64(), code),
        (Some("unchanged"), Some(0), 0)
    );
    assert_ne!(again["run"], applied["run"]);

    let (broken, code) = import(&district.night(1).with(Defect::TruncatedZip), "broken.zip", &[]);
    assert_eq!((broken["status"].as_str(), code), (Some("refused"), 3));
    assert_eq!(broken["findings"][0]["severity"], "stop");

    let (held, code) = import(&district.night(1).without_students(30.0), "dangerous.zip", &[]);
    // What is safe is applied, and the removals wait as a run of their own (R-H5).
    assert_eq!((held["status"].as_str(), code), (Some("applied"), 2), "{held}");
    assert_eq!(held["counts"]["student"]["removed"], 0);
    let waits = held["remainder"].as_str().unwrap();
    assert!(!held["waits"].as_array().unwrap().is_empty());

    let show =
        |record: &[&str]| lines(&call(&data, &[&["show", "--district", "oak"], record].concat()));
    let active = |students: &[Value]| {
        students.iter().filter(|student| student["status"] == "active").count()
    };
    let before = show(&["student"]);
    assert!(active(&before) >= 400);
    assert_eq!(show(&["student", before[7]["id"].as_str().unwrap()]), [before[7].clone()]);
    assert_eq!(show(&["settings"])[0]["policy"]["hold_if_removed_percent"], 20.0);
    let enrollments: usize = show(&["class"])
        .iter()
        .map(|class| {
            class["teachers"].as_array().unwrap().len()
                + class["students"].as_array().unwrap().len()
        })
        .sum();
    assert_eq!(show(&["enrollment"]).len(), enrollments);

    let decide = [
        "decide",
        "--json",
        "--district",
        "oak",
        "--functions",
        &functions,
        "--by",
        "R. Diaz",
        "--reason",
        "a school has closed",
    ];
    let (decided, code) = json(&call(&data, &[&decide[..], &["approve"]].concat()));
    assert_eq!(
        (decided["status"].as_str(), decided["run"].as_str(), code),
        (Some("applied"), Some(waits), 0)
    );
    assert!(active(&show(&["student"])) < 320);
    assert_eq!(show(&["run", waits])[0]["decided"]["by"], "R. Diaz");

    let not_held = call(&data, &[&decide[..], &["approve"]].concat());
    assert_eq!(not_held.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&not_held.stderr).contains("no run of oak is held"));
}

#[tokio::test]
async fn a_folder_is_uploaded_with_its_manifest_last() {
    let functions = functions().await;
    let folder = tempfile::tempdir().unwrap();
    let night = District::new(Size::students(120)).night(0);
    night.write_folder(folder.path().join("set")).unwrap();
    let (date, set) = (night.date().to_string(), folder.path().join("set"));
    let arguments = [
        "import",
        "--json",
        "--district",
        "elm",
        "--preset",
        "clever",
        "--functions",
        &functions,
        "--date",
        &date,
    ];
    let data = folder.path().join("data");
    let (applied, code) = json(&call(&data, &[&arguments[..], &[set.to_str().unwrap()]].concat()));
    assert_eq!(
        (applied["status"].as_str(), applied["counts"]["student"]["added"].as_u64(), code),
        (Some("applied"), Some(120), 0)
    );
}

#[tokio::test]
async fn the_demo_ends_as_expected_and_shows_which_edits_survive() {
    let functions = functions().await;
    let folder = tempfile::tempdir().unwrap();
    let output = call(
        &folder.path().join("demo"),
        &["demo", "--students", "200", "--functions", &functions],
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let count = |beginning: &str| text.lines().filter(|line| line.starts_with(beginning)).count();
    assert_eq!((count("  survives  "), count("  removed   ")), (3, 2), "{text}");
    for rule in ["(R-M4)", "(R-S4)", "(R-T3)", "(R-C2)", "(R-G1)"] {
        assert!(text.contains(rule), "{rule}: {text}");
    }
    assert_eq!(
        (count("The principal asks: Why"), count("  When the change will be visible: ")),
        (2, 2),
        "{text}"
    );
    // The district at Clever: reviewed, approved, and three nights with the expected outcomes.
    for line in [
        "  Added per school ",
        "    required: schools 100 %, sis id 100 %",
        "The data is correct, so the operator approves the run",
    ] {
        assert!(count(line) > 0, "{line}: {text}");
    }
    let night = |beginning: &str, state: &str| {
        text.lines().any(|line| {
            line.starts_with(beginning) && line.split_whitespace().any(|word| word == state)
        })
    };
    assert!(night("  1       nothing has changed", "unchanged"), "{text}");
    assert!(
        night("  2       some people and classes", "applied")
            && night("  3       by mistake only one school", "held"),
        "{text}"
    );
    // The district at ClassLink: changes during the day remove no record.
    let removed = |beginning: &str| {
        let line =
            text.lines().find(|line| line.starts_with(beginning) && line.contains(" applied "));
        line.and_then(|line| line.split_whitespace().last()?.parse::<u64>().ok())
    };
    assert_eq!(removed("  2       by day: new people"), Some(0), "{text}");
    assert!(removed("  3       at night: people who left").is_some_and(|gone| gone > 0), "{text}");
    assert!(night("  4       by mistake 30 %", "held"), "{text}");
}

#[tokio::test]
async fn the_demo_can_show_one_part_alone() {
    let functions = functions().await;
    let folder = tempfile::tempdir().unwrap();
    for (part, title, other) in
        [("clever", "Clever", "ClassLink"), ("classlink", "ClassLink", "Clever")]
    {
        let output =
            call(&folder.path().join(part), &["demo", "--only", part, "--functions", &functions]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(
            text.contains(&format!("== A district at {title} ==")) && !text.contains("== Night 1"),
            "{text}"
        );
        assert!(!text.contains(&format!("== A district at {other} ==")), "{text}");
    }
}

#[test]
fn a_token_has_the_requested_claims_and_the_folders_own_issuer() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let arguments = [
        "token",
        "--role",
        "teacher",
        "--district",
        "oak",
        "--school",
        "hill",
        "--record",
        "t 1",
        "--subject",
        "a7",
    ];
    let output = call(&data, &[&arguments[..], &["--hours", "2"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let token = String::from_utf8(output.stdout).unwrap();
    let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(token.trim()).unwrap().claims;
    assert_eq!(claims["iss"], stack::Issuer::open(&data).unwrap().url());
    assert_eq!(
        (claims["role"].as_str(), claims["district"].as_str()),
        (Some("teacher"), Some("oak"))
    );
    assert_eq!(
        (&claims["schools"], claims["record"].as_str()),
        (&serde_json::json!(["hill"]), Some("t%201"))
    );
    assert_eq!(claims["sub"], "a7");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 7200);
}

#[test]
fn impossible_requests_are_reported_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let zip = folder.path().join("a.zip");
    std::fs::write(&zip, "x").unwrap();
    let zip = zip.to_str().unwrap();
    for (arguments, expected) in [
        (
            &["import", "--district", "oak", "nowhere.zip"][..],
            "there is no file or folder nowhere.zip",
        ),
        (&["import", "--district", "oak", "--preset", "best", zip], "the presets are sis, clever"),
        (&["import", "--district", "oak", "--date", "10/15/2026", zip], "YYYY-MM-DD"),
        (&["import", "--district", "oak#1", zip], "a district id consists of"),
        (&["import", "--district", "oak", "--set", "admit_students=all", zip], "all"),
        (&["show", "--district", "oak", "student"], "has no imported data"),
        (&["show", "--district", "oak", "pupil"], "possible values: school"),
        (&["token", "--role", "king", "--district", "oak"], "possible values: operator"),
        (&["token", "--role", "operator"], "--district"),
    ] {
        let refused = call(&data, arguments);
        let text = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}: {text}");
        assert!(text.contains(expected) && refused.stdout.is_empty(), "{arguments:?}: {text}");
        assert!(!data.exists(), "{arguments:?}");
    }
}
