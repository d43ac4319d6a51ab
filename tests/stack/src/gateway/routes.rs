//! The routes of the API, read from `template.yaml`. The stack serves exactly the routes listed
//! there.

use std::collections::BTreeMap;

use serde_norway::Value;

/// The template, embedded at compile time.
const TEMPLATE: &str = include_str!("../../../../template.yaml");
/// The function's name in the template.
const FUNCTION: &str = "RosterApi";

/// A route: a method, and a path with optional parameters such as `/v1/districts/{district}`. The
/// last parameter may be greedy: `{rest+}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `GET`, `POST`, …; `ANY` for all of them.
    pub method: String,
    /// The path.
    pub path: String,
    /// Whether the route needs no token.
    pub open: bool,
}

/// Why the routes of a template cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// The template is not valid YAML.
    #[error("the template is not valid YAML")]
    NotYaml(#[source] serde_norway::Error),
    /// An event of the function has no method or no path.
    #[error("the event {0} of the API's function has no method or no path")]
    Incomplete(String),
}

impl Route {
    /// A route that needs a token.
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_ascii_uppercase(), path: path.to_owned(), open: false }
    }

    /// API Gateway's route key: `GET /v1/districts/{district}`.
    pub fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The routes of `template.yaml`.
    pub fn of_template() -> Result<Vec<Self>, RouteError> {
        Self::read(TEMPLATE)
    }

    /// The routes of a template: the `HttpApi` events of the API's function. Empty if the template
    /// does not have that function.
    fn read(template: &str) -> Result<Vec<Self>, RouteError> {
        let template: Value = serde_norway::from_str(template).map_err(RouteError::NotYaml)?;
        let events = ["Resources", FUNCTION, "Properties", "Events"]
            .iter()
            .try_fold(&template, |at, name| at.get(name));
        let mut routes = Vec::new();
        for (name, event) in events.and_then(Value::as_mapping).into_iter().flatten() {
            if event.get("Type").and_then(Value::as_str) != Some("HttpApi") {
                continue;
            }
            let incomplete =
                || RouteError::Incomplete(name.as_str().unwrap_or_default().to_owned());
            let properties = event.get("Properties").ok_or_else(incomplete)?;
            let text =
                |name: &str| properties.get(name).and_then(Value::as_str).ok_or_else(incomplete);
            let authorizer = properties
                .get("Auth")
                .and_then(|auth| auth.get("Authorizer"))
                .and_then(Value::as_str);
            routes.push(Self {
                open: authorizer == Some("NONE"),
                ..Self::new(text("Method")?, text("Path")?)
            });
        }
        Ok(routes)
    }

    /// The parameters' values. `None` if the path does not match.
    fn parameters(&self, path: &str) -> Option<BTreeMap<String, String>> {
        let mut values = BTreeMap::new();
        let mut rest = path.strip_prefix('/')?;
        let mut pattern = self.path.strip_prefix('/')?;
        loop {
            let (expected, more) = cut(pattern);
            let (found, left) = cut(rest);
            match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(name) if name.ends_with('+') => {
                    let name = name.trim_end_matches('+').to_owned();
                    return (!rest.is_empty()).then(|| {
                        values.insert(name, rest.to_owned());
                        values
                    });
                }
                Some(name) if !found.is_empty() => {
                    drop(values.insert(name.to_owned(), found.to_owned()))
                }
                Some(_) => return None,
                None if expected == found => (),
                None => return None,
            }
            match (more, left) {
                (Some(more), Some(left)) => (pattern, rest) = (more, left),
                (None, None) => return Some(values),
                _ => return None,
            }
        }
    }

    /// Sort key of matching routes. The most specific route, compared from the left, is the
    /// greatest.
    fn specificity(&self) -> Vec<u8> {
        let of = |segment: &str| match segment {
            segment if segment.ends_with("+}") => 0,
            segment if segment.starts_with('{') => 1,
            _ => 2,
        };
        let mut key: Vec<u8> = self.path.split('/').map(of).collect();
        key.push(u8::from(self.method != "ANY"));
        key
    }
}

fn cut(path: &str) -> (&str, Option<&str>) {
    path.split_once('/').map_or((path, None), |(segment, rest)| (segment, Some(rest)))
}

/// Finds the route of a request, with the values of its parameters.
pub(super) fn find<'a>(
    routes: &'a [Route],
    method: &str,
    path: &str,
) -> Option<(&'a Route, BTreeMap<String, String>)> {
    let candidates = routes.iter().filter(|route| route.method == "ANY" || route.method == method);
    candidates
        .filter_map(|route| Some((route, route.parameters(path)?)))
        .max_by_key(|(route, _)| route.specificity())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &str, path: &str) -> Option<(String, Vec<(String, String)>)> {
        let routes = [
            Route::new("get", "/v1/districts"),
            Route::new("GET", "/v1/districts/{district}"),
            Route::new("GET", "/v1/districts/{district}/runs/latest"),
            Route::new("GET", "/v1/districts/{district}/runs/{run}"),
            Route::new("ANY", "/v1/files/{name+}"),
            Route::new("PUT", "/v1/files/{name+}"),
        ];
        let (route, values) = find(&routes, method, path)?;
        Some((route.key(), values.into_iter().collect()))
    }

    #[test]
    fn the_most_specific_route_matches() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(found("GET", "/v1/districts"), Some(("GET /v1/districts".into(), vec![])));
        assert_eq!(
            found("GET", "/v1/districts/oak"),
            Some(("GET /v1/districts/{district}".into(), vec![pair("district", "oak")]))
        );
        assert_eq!(
            found("GET", "/v1/districts/oak/runs/latest"),
            Some((
                "GET /v1/districts/{district}/runs/latest".into(),
                vec![pair("district", "oak")]
            ))
        );
        assert_eq!(
            found("GET", "/v1/districts/oak/runs/1"),
            Some((
                "GET /v1/districts/{district}/runs/{run}".into(),
                vec![pair("district", "oak"), pair("run", "1")]
            ))
        );
        assert_eq!(
            found("GET", "/v1/files/a/b"),
            Some(("ANY /v1/files/{name+}".into(), vec![pair("name", "a/b")]))
        );
        assert_eq!(
            found("PUT", "/v1/files/a/b"),
            Some(("PUT /v1/files/{name+}".into(), vec![pair("name", "a/b")]))
        );
    }

    #[test]
    fn an_unlisted_route_is_not_found() {
        for (method, path) in [
            ("POST", "/v1/districts"),
            ("HEAD", "/v1/districts"),
            ("GET", "/v1/districts/"),
            ("GET", "/v1/districts/oak/"),
            ("GET", "/v1/districts/oak/runs"),
            ("GET", "/v1/districts/oak/runs/1/2"),
            ("GET", "/v1/files/"),
            ("GET", "/"),
            ("GET", ""),
        ] {
            assert_eq!(found(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn routes_are_read_from_the_functions_events() {
        let template = "
Resources:
  Other: { Type: AWS::Serverless::Function, Properties: { Events: { A: { Type: HttpApi, Properties: { Method: GET, Path: /other } } } } }
  RosterApi:
    Properties:
      Role: !GetAtt Role.Arn
      Events:
        List: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: get, Path: /v1/a } }
        Open: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: POST, Path: '/v1/{b}', Auth: { Authorizer: NONE } } }
        Clock: { Type: ScheduleV2, Properties: { ScheduleExpression: rate(1 day) } }
";
        let routes = Route::read(template).unwrap();
        assert_eq!(
            routes,
            [Route::new("GET", "/v1/a"), Route { open: true, ..Route::new("POST", "/v1/{b}") }]
        );
        let broken = "Resources: { RosterApi: { Properties: { Events: { A: { Type: HttpApi, Properties: { Path: /a } } } } } }";
        assert!(matches!(Route::read(broken), Err(RouteError::Incomplete(name)) if name == "A"));
    }

    #[test]
    fn the_template_can_be_read() {
        Route::of_template().unwrap();
    }
}
