//! What operators receive: one line of metrics for each run, in CloudWatch's embedded metric
//! format, and an event if a person has to know something ([`event`]). Both contain only ids of
//! districts and runs, and counts.

mod bus;
pub mod event;

use jiff::Timestamp;
use roster::id::{DistrictId, RunId};
use roster::snapshot::Manifest;
use serde_json::{Map, Value, json};

pub use bus::{Bus, EventBus, Notifications};

/// Under which all metrics stand.
const NAMESPACE: &str = "Rollbook";

/// What is counted of a snapshot that was staged.
pub fn staged(manifest: &Manifest) -> [(&'static str, f64); 2] {
    let records: u64 = manifest.parts.values().map(|part| part.records).sum();
    [
        ("StagedRecords", records as f64),
        ("Findings", manifest.findings.values().sum::<u64>() as f64),
    ]
}

/// Tells counts by name, under one dimension, the outcome of a run.
///
/// The district and the run are properties, which can be searched for but make no metric of their
/// own: with 13,000 districts that would be dear.
#[expect(
    clippy::print_stdout,
    reason = "CloudWatch takes metrics from lines of the standard output; the log's own format would wrap them"
)]
pub fn metrics(
    now: Timestamp,
    outcome: &str,
    district: &DistrictId,
    run: &RunId,
    counts: &[(&'static str, f64)],
) {
    println!("{}", line(now, outcome, district, run, counts));
}

fn line(
    now: Timestamp,
    outcome: &str,
    district: &DistrictId,
    run: &RunId,
    counts: &[(&'static str, f64)],
) -> Value {
    let names: Vec<Value> = counts.iter().map(|(name, _)| json!({ "Name": name })).collect();
    let mut line: Map<String, Value> =
        counts.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect();
    line.insert("outcome".into(), json!(outcome));
    line.insert("district".into(), json!(district.as_str()));
    line.insert("run".into(), json!(run.as_str()));
    line.insert(
        "_aws".into(),
        json!({
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["outcome"]], "Metrics": names }],
        }),
    );
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_cloudwatch_takes() {
        let (district, run) = (DistrictId::new("oak"), RunId::new("01HZ"));
        let value = line(
            Timestamp::UNIX_EPOCH,
            "held",
            &district,
            &run,
            &[("Runs", 1.0), ("ItemWrites", 0.0)],
        );
        let directive = &value["_aws"]["CloudWatchMetrics"][0];
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(value[metric["Name"].as_str().unwrap()].is_number());
        }
        assert!(value[directive["Dimensions"][0][0].as_str().unwrap()].is_string());
    }
}
