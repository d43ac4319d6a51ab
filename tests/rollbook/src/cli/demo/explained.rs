//! Describes the API's answer to "why is this student not here?".

use std::fmt::Write as _;

use serde_json::Value;

/// The checks, one per line, then what to do and when the change will be visible.
pub(super) fn describe(answer: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines = String::new();
    for (nth, check) in answer["checks"].as_array().into_iter().flatten().enumerate() {
        let result = match check["came"].as_str() {
            Some("ok") => "ok   ",
            Some("failed") => "NO   ",
            _ => "?    ",
        };
        let _ = writeln!(lines, "  {}. {result}{}", nth + 1, text(&check["found"]));
    }
    let place = match answer["advice"]["place"].as_str() {
        Some("sis") => "in the student information system",
        Some("clever") => "in Clever",
        Some("classlink") => "in ClassLink",
        _ => "in Rollbook",
    };
    if answer["advice"].is_object() {
        let _ = writeln!(lines, "  What to do, {place}: {}", text(&answer["advice"]["what"]));
    }
    let shows = &answer["shows"];
    let when = match shows["shows"].as_str() {
        Some("now") => "now".into(),
        Some("at") => format!("with the run at {}", moment(&shows["at"])),
        Some("with_upload_after") => {
            format!("with the first file uploaded after {}", moment(&shows["at"]))
        }
        Some("once_done") => "immediately after you make this change".into(),
        Some("not_while_off") => "after the sync is switched on again".into(),
        _ => "unknown".into(),
    };
    let _ = writeln!(lines, "  When the change will be visible: {when}.");
    lines
}

/// A moment without fractions of a second.
fn moment(at: &Value) -> String {
    let text = at.as_str().unwrap_or_default();
    text.parse::<jiff::Timestamp>()
        .map_or_else(|_| text.to_owned(), |at| at.strftime("%-d %B %Y, %H:%M UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_a_list_then_advice_then_a_time() {
        let answer = json!({
            "checks": [
                { "check": "in_snapshot", "came": "failed", "found": "It is not in the file." },
                { "check": "run_since", "came": "open", "found": "There was a run." },
            ],
            "advice": { "place": "sis", "what": "Enter it." },
            "shows": { "shows": "with_upload_after", "at": "2026-10-16T06:00:00Z" },
        });
        assert_eq!(
            describe(&answer),
            "  1. NO   It is not in the file.\n  2. ?    There was a run.\n  \
             What to do, in the student information system: Enter it.\n  \
             When the change will be visible: \
             with the first file uploaded after 16 October 2026, 06:00 UTC.\n"
        );
    }
}
