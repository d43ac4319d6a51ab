//! The router, the OpenAPI description and the template have the same routes.

use std::collections::{BTreeMap, BTreeSet};

use mirror::testing::memory::{MemoryObjects, MemoryTable};
use roster::policy::{Policy, SETTINGS};
use roster::setting::{Setting, Values};
use roster::settings::pulled::{CLASSLINK, CLEVER, ONEROSTER};
use roster::settings::{DISTRICT, SOURCE};
use roster_api::routes;
use serde_norway::Value;

const OPENAPI: &str = include_str!("../../openapi.yaml");
const TEMPLATE: &str = include_str!("../../../../template.yaml");

/// Returns method and path of every route of the router.
fn of_router() -> BTreeSet<(String, String)> {
    routes::<MemoryTable, MemoryObjects>()
        .into_iter()
        .map(|route| (route.method.to_owned(), route.path))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn openapi() -> Value {
    serde_norway::from_str(OPENAPI).unwrap()
}

/// Returns the operations of the description by method and path, each with the parameters of its
/// path.
fn operations(openapi: &Value) -> BTreeMap<(String, String), (Value, Vec<Value>)> {
    let mut all = BTreeMap::new();
    for (path, item) in openapi["paths"].as_mapping().unwrap() {
        let parameters = item["parameters"].as_sequence().unwrap().clone();
        for (method, operation) in item
            .as_mapping()
            .unwrap()
            .iter()
            .filter(|(name, _)| name.as_str() != Some("parameters"))
        {
            all.insert(
                (text(method).to_uppercase(), text(path)),
                (operation.clone(), parameters.clone()),
            );
        }
    }
    all
}

#[test]
fn every_route_is_described_and_every_description_is_a_route() {
    let described: BTreeSet<(String, String)> = operations(&openapi()).into_keys().collect();
    assert_eq!(described, of_router());
}

#[test]
fn the_template_lists_every_route_and_no_other() {
    let template: Value = serde_norway::from_str(TEMPLATE).unwrap();
    let events = template["Resources"]["RosterApi"]["Properties"]["Events"].as_mapping().unwrap();
    let listed: BTreeSet<(String, String)> = events
        .iter()
        .map(|(_, event)| {
            (text(&event["Properties"]["Method"]), text(&event["Properties"]["Path"]))
        })
        .collect();
    assert_eq!(listed, of_router());
    assert_eq!(events.len(), listed.len());
    assert!(events.iter().all(|(_, event)| event["Type"].as_str() == Some("HttpApi")
        && event["Properties"].get("Auth").is_none()));
    let auth = &template["Resources"]["Api"]["Properties"]["Auth"];
    assert_eq!(auth["DefaultAuthorizer"].as_str(), Some("Tokens"), "no route is open");
}

/// Returns what a reference of the description points to.
fn resolve<'a>(openapi: &'a Value, reference: &str) -> Option<&'a Value> {
    reference.strip_prefix("#/")?.split('/').try_fold(openapi, |at, part| at.get(part))
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Mapping(mapping) => {
            for (name, value) in mapping {
                match (name.as_str(), value.as_str()) {
                    (Some("$ref"), Some(reference)) => {
                        found.insert(reference.to_owned());
                    }
                    _ => references(value, found),
                }
            }
        }
        Value::Sequence(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_resolves_and_every_component_is_used() {
    let openapi = openapi();
    let mut found = BTreeSet::new();
    references(&openapi, &mut found);
    for reference in &found {
        assert!(resolve(&openapi, reference).is_some(), "{reference}");
    }
    for list in ["schemas", "parameters", "responses", "headers"] {
        for (name, _) in openapi["components"][list].as_mapping().unwrap() {
            let reference = format!("#/components/{list}/{}", text(name));
            assert!(found.contains(&reference), "{reference} is not used");
        }
    }
}

/// Checks that a schema has the settings of a table and, for settings with a list of values, these
/// values.
fn check_schema(schema: &Value, settings: &[Setting]) {
    assert_eq!(
        schema["additionalProperties"].as_bool(),
        Some(false),
        "unknown settings are invalid"
    );
    let properties = schema["properties"].as_mapping().unwrap();
    let described: BTreeSet<String> = properties.keys().map(text).collect();
    assert_eq!(described, settings.iter().map(|setting| setting.name.to_owned()).collect());
    for setting in settings {
        let listed = schema["properties"][setting.name]["enum"].as_sequence();
        let listed: Option<BTreeSet<&str>> =
            listed.map(|values| values.iter().filter_map(Value::as_str).collect());
        let expected = match setting.values {
            Values::OneOf(values) => Some(values.iter().map(|(value, _)| *value).collect()),
            Values::Described(_) if setting.name == "preset" => {
                Some(Policy::preset_names().collect())
            }
            Values::Described(_) => None,
        };
        assert_eq!(listed, expected, "{}", setting.name);
    }
}

#[test]
fn the_description_has_every_setting_with_its_values() {
    let openapi = openapi();
    let schemas = &openapi["components"]["schemas"];
    check_schema(&schemas["Settings"], DISTRICT);
    check_schema(&schemas["Overrides"], SETTINGS);
    let source = &schemas["Settings"]["properties"]["source"];
    check_schema(source, SOURCE);
    check_schema(&source["properties"]["clever"], CLEVER);
    check_schema(&source["properties"]["oneroster"], ONEROSTER);
    check_schema(&source["properties"]["classlink"], CLASSLINK);
}

#[test]
fn every_operation_has_a_unique_id_and_its_path_parameters() {
    let openapi = openapi();
    let mut names = BTreeSet::new();
    for ((method, path), (operation, parameters)) in operations(&openapi) {
        assert!(names.insert(text(&operation["operationId"])), "{method} {path}");
        let in_path: BTreeSet<String> = path
            .split('/')
            .filter_map(|part| Some(part.strip_prefix('{')?.strip_suffix('}')?.to_owned()))
            .collect();
        let described: BTreeSet<String> = parameters
            .iter()
            .map(|parameter| {
                text(&resolve(&openapi, parameter["$ref"].as_str().unwrap()).unwrap()["name"])
            })
            .collect();
        assert_eq!(in_path, described, "{path}");
        let has_body = operation.get("requestBody").is_some();
        assert!(!has_body || matches!(method.as_str(), "POST" | "PUT"), "{method} {path}");
    }
}

#[tokio::test]
async fn the_sample_event_is_answered() {
    let event = include_str!("../../../../events/api-request.json");
    let request = lambda_http::request::from_str(event).unwrap();
    let (table, bucket) = (MemoryTable::default(), MemoryObjects::default());
    let api = roster_api::Api::new(table, bucket.clone(), bucket, mirror::clock::Clock::system());
    let response =
        lambda_http::tower::ServiceExt::oneshot(roster_api::router(api), request).await.unwrap();
    // A leader with access to some schools may not read the whole district. Status 403 shows that
    // the token was read.
    assert_eq!(response.status(), 403);
}
