//! What operators are told: one line of metrics a run, in CloudWatch's embedded metric format. Ids of districts and runs, and counts; nothing else.

use std::io::Write;

use jiff::Timestamp;
use rules::id::{DistrictId, RunId};
use serde_json::{Map, Value, json};

/// Under which all metrics stand.
const NAMESPACE: &str = "Rollbook";

/// Writes one line of metrics: counts by name, under one dimension, the outcome of a run.
///
/// The district and the run are properties, which can be searched for but make no metric of their own: with 13,000 districts that would be dear.
pub fn metrics(
    output: &mut impl Write,
    now: Timestamp,
    outcome: &str,
    district: &DistrictId,
    run: &RunId,
    counts: &[(&'static str, f64)],
) -> std::io::Result<()> {
    let names: Vec<Value> = counts.iter().map(|(name, _)| json!({ "Name": name })).collect();
    let mut line: Map<String, Value> = counts.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect();
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
    serde_json::to_writer(&mut *output, &Value::Object(line))?;
    output.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_cloudwatch_takes() {
        let mut line = Vec::new();
        let (district, run) = (DistrictId::new("oak"), RunId::new("01HZ"));
        metrics(&mut line, Timestamp::UNIX_EPOCH, "held", &district, &run, &[("Runs", 1.0), ("ItemWrites", 0.0)]).unwrap();
        let value: Value = serde_json::from_slice(&line).unwrap();
        let directive = &value["_aws"]["CloudWatchMetrics"][0];
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(value[metric["Name"].as_str().unwrap()].is_number());
        }
        assert!(value[directive["Dimensions"][0][0].as_str().unwrap()].is_string());
    }
}
