//! Metrics and notifications for operators: one line of metrics for each run, in CloudWatch's
//! embedded metric format, and an event ([`event`]) if operators must know or do something. Both
//! contain only ids of districts and runs, and counts.

mod bus;
pub mod event;

use jiff::Timestamp;
use roster::id::{DistrictId, RunId};
use roster::snapshot::Manifest;
use serde_json::{Map, Value, json};

pub use bus::{Bus, EventBus, Notifications};

/// The namespace of all metrics.
const NAMESPACE: &str = "Rollbook";

/// Returns the metrics of a staged snapshot.
pub fn staged(manifest: &Manifest) -> [(&'static str, f64); 2] {
    let records: u64 = manifest.parts.values().map(|part| part.records).sum();
    [
        ("StagedRecords", records as f64),
        ("Findings", manifest.findings.values().sum::<u64>() as f64),
    ]
}

/// Writes counts by name, with one dimension: the outcome of a run.
///
/// The district and the run are properties, which can be searched for. They are not dimensions,
/// because a metric for each of 13,000 districts would be expensive.
#[expect(
    clippy::print_stdout,
    reason = "CloudWatch reads metrics from standard output, which the log format would wrap"
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
    fn a_line_has_the_embedded_metric_format() {
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
