//! Shapes of environments with the requests that are judged over each, all of it data: `shapes/*.yaml`, and for every shape
//! `shapes/common.yaml`. Expectations are written there by hand.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::judge::{Case, Verdict};
use crate::plan::{Documents, folder};
use crate::rows::{self, Call, EndpointCall, alone, everything};

/// What a shape declares, as changes to the base, and what must come out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Shape {
    /// Its name.
    pub name: String,
    /// What it is about, in a sentence.
    pub says: String,
    /// Changes to the environment's spec (RFC 7386).
    environment: Value,
    /// Changes to workloads' specs.
    #[serde(default)]
    workloads: BTreeMap<String, Value>,
    /// Specs of accesses.
    accesses: BTreeMap<String, Value>,
    /// Changes to the facts.
    #[serde(default)]
    facts: Map<String, Value>,
    /// The side doors that it opens.
    #[serde(default)]
    opens: Vec<String>,
    /// The platform's boundary, in the place of ours.
    boundary: Option<Value>,
    /// What workloads do.
    pub requests: Vec<Row>,
    /// What they do with `AdministratorAccess` attached to their roles.
    #[serde(default)]
    pub widest: Vec<Row>,
    /// What passes endpoints.
    #[serde(default)]
    pub endpoints: Vec<Row>,
}

/// What is denied in every shape.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Common {
    /// Whatever a shape opens.
    pub requests: Vec<Row>,
    /// By side door.
    pub doors: BTreeMap<String, Vec<Row>>,
}

/// A row: what must come out, and words.
#[derive(Debug, Deserialize)]
#[serde(from = "Vec<String>")]
pub struct Row {
    /// What must come out.
    pub expected: Verdict,
    words: Vec<String>,
}

impl From<Vec<String>> for Row {
    fn from(mut words: Vec<String>) -> Self {
        assert!(words.len() >= 4, "{words:?} is no row");
        let expected = match words.remove(0).as_str() {
            "Allow" => Verdict::Allow,
            "Deny" => Verdict::Deny,
            other => panic!("{other} is neither Allow nor Deny"),
        };
        Self { expected, words }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    actions: BTreeMap<String, String>,
    principals: BTreeMap<String, String>,
    contexts: BTreeMap<String, BTreeMap<String, String>>,
    resources: BTreeMap<String, String>,
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names() -> &'static Names {
    static NAMES: OnceLock<Names> = OnceLock::new();
    NAMES.get_or_init(|| read(&folder().join("names.yaml")))
}

/// The rows for every shape.
pub fn common() -> &'static Common {
    static COMMON: OnceLock<Common> = OnceLock::new();
    COMMON.get_or_init(|| read(&folder().join("shapes/common.yaml")))
}

/// Every shape with the documents of its plan, made once.
pub fn shapes() -> &'static [(Shape, Documents)] {
    static SHAPES: OnceLock<Vec<(Shape, Documents)>> = OnceLock::new();
    SHAPES.get_or_init(|| {
        let files = fs::read_dir(folder().join("shapes")).expect("the folder of shapes");
        let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).filter(|path| !path.ends_with("common.yaml")).collect();
        files.sort();
        let shapes = files.iter().map(|path| read::<Shape>(path));
        shapes.map(|shape| (shape.documents(), shape)).map(|(documents, shape)| (shape, documents)).collect()
    })
}

/// The shape of this name.
pub fn shape(name: &str) -> &'static (Shape, Documents) {
    shapes().iter().find(|(shape, _)| shape.name == name).unwrap_or_else(|| panic!("no shape is named {name}"))
}

/// Changes a value as a merge patch says.
fn change(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                change(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}

impl Shape {
    fn documents(&self) -> Documents {
        let text = fs::read_to_string(folder().join("manifests/base.yaml")).expect("the base");
        let mut manifests: Vec<Value> = serde_saphyr::from_multiple(&text).expect("manifests");
        let mut homes = BTreeMap::new();
        for manifest in &mut manifests {
            let name = manifest["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            match manifest["kind"].as_str() {
                Some("PhiEnvironment") => change(&mut manifest["spec"], &self.environment),
                Some("PhiWorkload") => {
                    change(&mut manifest["spec"], self.workloads.get(&name).unwrap_or(&json!({})));
                    homes.insert(name, manifest["metadata"]["namespace"].clone());
                }
                _ => {}
            }
        }
        for (name, spec) in &self.accesses {
            let home = &homes[spec["workloadRef"]["name"].as_str().expect("an access names its workload")];
            manifests.push(json!({
                "apiVersion": "hipaa-operator.io/v1alpha1", "kind": "BedrockAccess",
                "metadata": {"name": name, "namespace": home}, "spec": spec,
            }));
        }
        let mut facts: Value = read(&folder().join("facts.yaml"));
        change(&mut facts["environments"]["prod"], &Value::Object(self.facts.clone()));
        let files = tempfile::tempdir().expect("a folder");
        let (declared, told) = (files.path().join("manifests.yaml"), files.path().join("facts.yaml"));
        let lines: Vec<String> = manifests.iter().map(Value::to_string).collect();
        fs::write(&declared, lines.join("\n---\n")).expect("written");
        fs::write(&told, facts.to_string()).expect("written");
        let mut documents = Documents::planned(&[declared], &told);
        if let Some(boundary) = &self.boundary {
            documents.attach_boundary(boundary);
        }
        documents
    }

    /// The shape's own rows over documents of it.
    pub fn own(&self, documents: &Documents) -> Vec<Case> {
        let mut cases = self.both_ways(documents, self.requests.iter());
        cases.extend(self.widest.iter().map(|row| self.with_administrator(documents, row)));
        cases.extend(self.endpoints.iter().map(|row| self.endpoint_case(documents, row)));
        cases
    }

    /// All that is judged over documents of this shape.
    pub fn cases(&self, documents: &Documents) -> Vec<Case> {
        let doors = &common().doors;
        assert!(self.opens.iter().all(|door| doors.contains_key(door)), "{}: an unknown side door", self.name);
        let mut cases = self.own(documents);
        cases.extend(self.both_ways(documents, common().requests.iter().chain(doors.values().flatten())));
        // What a boundary of the platform's leaves of it is the platform's.
        if self.boundary.is_none() {
            let shut = doors.iter().filter(|(door, _)| !self.opens.contains(door)).flat_map(|(_, rows)| rows);
            cases.extend(common().requests.iter().chain(shut).map(|row| self.with_administrator(documents, row)));
        }
        let others = rows::trust(documents).into_iter().chain(rows::key(documents));
        cases.extend(others.map(|case| Case { row: format!("{}: {}", self.name, case.row), ..case }));
        cases
    }

    /// As it is, and by the role's policy alone, which is exact without the help of boundary and endpoint.
    fn both_ways<'a>(&self, documents: &Documents, rows: impl Iterator<Item = &'a Row>) -> Vec<Case> {
        rows.flat_map(|row| [self.workload_case(documents, row, &[]), alone(self.workload_case(documents, row, &[]))]).collect()
    }

    fn with_administrator(&self, documents: &Documents, row: &Row) -> Case {
        let administrator = json!({"name": "AdministratorAccess", "policy": everything()});
        let mut case = self.workload_case(documents, row, &[administrator]);
        case.row.push_str(" with AdministratorAccess");
        case
    }

    fn workload_case(&self, documents: &Documents, row: &Row, attached: &[Value]) -> Case {
        let [workload, action, resource, contexts @ ..] = row.words.as_slice() else { panic!("{row:?}") };
        let from: BTreeMap<&str, &str> = contexts.iter().flat_map(|name| context(name)).collect();
        let from: Vec<(&str, &str)> = from.into_iter().collect();
        let (action, target) = (named(&names().actions, action), resource_of(documents, resource));
        let mut case = Call { workload, action, resource: &target, from: &from }.case(documents, self.text(row), row.expected, attached);
        if let Some(role) = resource.strip_prefix("role:").filter(|_| action == "sts:AssumeRole") {
            case.simulation["resourcePolicy"] = documents.copy().trust(role).clone();
        }
        case
    }

    fn endpoint_case(&self, documents: &Documents, row: &Row) -> Case {
        let [service, who, action, resource, owner @ ..] = row.words.as_slice() else { panic!("{row:?}") };
        let principal = names().principals.get(who).cloned().unwrap_or_else(|| documents.copy().role_arn(who));
        let resource = names().principals.get(resource).cloned().unwrap_or_else(|| resource_of(documents, resource));
        let call = EndpointCall {
            service,
            principal: &principal,
            action: named(&names().actions, action),
            resource: &resource,
            owner: owner.first().map_or("", String::as_str),
        };
        call.case(documents, self.text(row), row.expected)
    }

    fn text(&self, row: &Row) -> String {
        format!("{}: {}", self.name, row.words.join(" "))
    }
}

fn context(name: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let keys = names().contexts.get(name).unwrap_or_else(|| panic!("names.yaml has no context {name}"));
    keys.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

fn named<'a>(names: &'a BTreeMap<String, String>, name: &'a str) -> &'a str {
    match names.get(name) {
        Some(known) => known,
        None if name.contains(':') || name == "*" => name,
        None => panic!("names.yaml does not know {name}"),
    }
}

fn resource_of(documents: &Documents, name: &str) -> String {
    if let Some(role) = name.strip_prefix("role:") {
        return documents.copy().role_arn(role);
    }
    named(names().principals.get(name).map_or(&names().resources, |_| &names().principals), name).to_owned()
}
