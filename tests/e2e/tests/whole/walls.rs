//! Tenant isolation, and personal data that must not be logged.

use districts::{Defect, District, Size};
use e2e::Application;
use roster::run::RunState;
use roster::settings::Settings;
use stack::{IMPORT, RECONCILE};

#[tokio::test]
async fn districts_with_the_same_ids_are_isolated() {
    let application = Application::start().await;
    let one = application.district("a", Settings::of_preset("clever")).await;
    // An id with the other id as its prefix.
    let other = application.district("a.0", Settings::of_preset("clever")).await;
    let set = District::new(Size::students(60)).seed(3);
    application.night(&one, &set.night(0)).await;
    let before = application.mirror(&one).await;
    let fewer = application.night(&other, &set.night(0).without_students(50.0)).await;
    assert_eq!(fewer.state(), RunState::Applied);
    assert_eq!(fewer.removed(), 0, "students of another district were removed");
    assert_eq!(application.mirror(&one).await, before);
    let mut accounts: Vec<String> = Vec::new();
    for record in before.values().chain(application.mirror(&other).await.values()) {
        accounts.extend(record["account"].as_str().map(str::to_owned));
    }
    let all = accounts.len();
    accounts.sort();
    accounts.dedup();
    assert_eq!(accounts.len(), all, "two districts share an account");
}

#[tokio::test]
async fn no_personal_data_or_password_reaches_a_log_or_an_error() {
    let application = Application::start().await;
    let district = application.district("brook", Settings::of_preset("sis")).await;
    let set = District::new(Size::students(60)).seed(9).churn(10.0);
    application.night(&district, &set.night(0)).await;
    application.night(&district, &set.night(1)).await;
    application.night(&district, &set.night(1).with(Defect::Passwords)).await;
    application.night(&district, &set.night(1).with(Defect::DuplicateDifferent)).await;
    application.night(&district, &set.night(1).with(Defect::InvalidUtf8)).await;
    application.night(&district, &set.night(1).without_students(40.0)).await;

    let night = set.night(0);
    let columns = night.columns(districts::File::Users);
    let mut canaries: Vec<String> = vec!["Secret-pass-1".into()];
    let mut rows = night.rows(districts::File::Users);
    while let Some(row) = rows.next_row() {
        for name in ["sourcedId", "email", "phone", "sms", "username", "identifier", "familyName"] {
            let at = columns.iter().position(|column| column == name).expect("the column exists");
            // Short values occur in times and counts by chance.
            if row[at].len() >= 6 {
                canaries.push(row[at].to_owned());
            }
        }
    }
    assert!(canaries.len() > 200);
    let output = [
        application.stack.log(IMPORT),
        application.stack.log(RECONCILE),
        application.failures().join("\n"),
    ]
    .join("\n");
    assert!(output.contains("brook"), "the functions write logs");
    let exposed: Vec<_> = canaries.iter().filter(|canary| has_word(&output, canary)).collect();
    assert!(
        exposed.is_empty(),
        "{} of {} values were logged, such as {:?}",
        exposed.len(),
        canaries.len(),
        exposed.first()
    );
    let mirror: String =
        application.mirror(&district).await.values().map(ToString::to_string).collect();
    assert!(!mirror.contains("Secret-pass-1"));
}

/// Returns whether the text contains the value as a separate word. A number of seven digits can
/// occur by chance inside other numbers: nanoseconds of a log line, ports and process ids.
fn has_word(text: &str, value: &str) -> bool {
    let bare = |at: Option<char>| at.is_none_or(|char| !char.is_alphanumeric() && char != '.');
    text.match_indices(value).any(|(at, _)| {
        bare(text[..at].chars().next_back()) && bare(text[at + value.len()..].chars().next())
    })
}
