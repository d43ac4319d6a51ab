//! Every way in which real files are spoilt, through the whole system: what the district is told, and that nobody is removed for it.

use std::fmt::Write as _;

use district::{Defect, District, Size, Version};
use e2e::Application;
use rules::finding::Severity;
use rules::run::RunState;
use rules::settings::Settings;
use serde_json::json;

fn set(defect: Defect) -> District {
    let of_1_2 = matches!(defect, Defect::ResourceColumn | Defect::NoRole | Defect::TwoPrimaryRoles);
    District::new(Size::students(40)).seed(2).version(if of_1_2 { Version::V1_2 } else { Version::V1_1 })
}

/// Defects that change what the set says, or whom it is about: with them somebody or some enrollment may go, as the files say.
fn says_something_else(defect: Defect) -> bool {
    matches!(
        defect,
        Defect::OddIds
            | Defect::LongIds
            | Defect::SessionStartAfterEnd
            // The enrollment that the row was is not listed any more; whom the row was meant for is not to be known.
            | Defect::DanglingUser
            | Defect::DanglingClass
            | Defect::StudentWithoutClasses
            | Defect::RoleConflict
            | Defect::MixedCaseStatus
            | Defect::InactiveStatus
    )
}

#[tokio::test]
async fn r_h3_whatever_is_wrong_with_a_set_is_said_and_nobody_is_removed() {
    let application = Application::start().await;
    let mut told = String::new();
    for defect in Defect::ALL.iter().copied() {
        let mut settings = Settings::of_preset("clever");
        settings.overrides.insert("hold_if_removed_percent".into(), json!(100));
        let district = application.district(&format!("with-{}", defect.name()), settings).await;
        let clean = application.night(&district, &set(defect).night(0)).await;
        assert_eq!(clean.state(), RunState::Applied, "{defect}: {:?}", application.failures());
        let before = application.mirror(&district).await;

        let spoilt = application.night(&district, &set(defect).night(0).with(defect)).await;
        if defect.is_fatal() {
            assert_eq!(spoilt.state(), RunState::Refused, "{defect}: {:?}", spoilt.report.findings);
            assert_eq!(application.mirror(&district).await, before, "{defect}");
        } else {
            let done = matches!(spoilt.state(), RunState::Applied | RunState::Unchanged | RunState::Held);
            assert!(done, "{defect}: {:?} {:?}", spoilt.state(), spoilt.report.findings);
        }
        let people = spoilt.counts("student").removed + spoilt.counts("teacher").removed;
        if !matches!(defect, Defect::OddIds | Defect::LongIds | Defect::MixedCaseStatus | Defect::InactiveStatus) {
            assert_eq!(people, 0, "{defect}: {:?}", spoilt.report.counts);
        }
        if !says_something_else(defect) {
            assert_eq!(spoilt.removed(), 0, "{defect}: {:?}", spoilt.report.counts);
        }
        let heaviest = spoilt.report.findings.iter().filter(|finding| !clean.found(&finding.code));
        let heaviest = heaviest.max_by_key(|finding| finding.severity);
        let _ = match heaviest {
            None => writeln!(told, "{defect}: {:?}, {} records removed", spoilt.state(), spoilt.removed()),
            Some(finding) => {
                let place = finding.place.as_ref().map_or(String::new(), |place| {
                    let line = place.line.map_or(String::new(), |line| format!(":{line}"));
                    let column = place.column.as_ref().map_or(String::new(), |column| format!(" {column}"));
                    format!(" {}{line}{column}", place.file)
                });
                let weight = match finding.severity {
                    Severity::Stop => "stop",
                    Severity::Drop => "drop",
                    Severity::Warn => "warn",
                    Severity::Info => "info",
                };
                writeln!(
                    told,
                    "{defect}: {:?}, {} records removed\n    {weight} {}{place}: {}",
                    spoilt.state(),
                    spoilt.removed(),
                    finding.code,
                    finding.message.chars().take(300).collect::<String>(),
                )
            }
        };
    }
    insta::assert_snapshot!("what_districts_are_told", told);
}
