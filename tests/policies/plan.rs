//! The documents of a plan.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// The folder of the data.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policies")
}

/// The items of a plan.
pub struct Documents(Vec<Value>);

impl Documents {
    /// Plans manifests of this folder with its facts.
    pub fn of(manifests: &[&str]) -> Self {
        let manifests: Vec<PathBuf> = manifests.iter().map(|name| folder().join(format!("manifests/{name}.yaml"))).collect();
        Self::planned(&manifests, &folder().join("facts.yaml"))
    }

    /// Plans manifests with facts.
    pub fn planned(manifests: &[PathBuf], facts: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hipaa-operator"));
        command.args(["plan", "-o", "json", "--observed"]).arg(facts).arg("-f").args(manifests);
        let output = command.output().expect("the binary runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}");
        let plan: Value = serde_json::from_str(&text).expect("a plan in JSON");
        Self(plan["aws"].as_array().expect("a list of items").clone())
    }

    fn item(&mut self, fits: impl Fn(&Value) -> bool) -> &mut Value {
        let mut found: Vec<&mut Value> = self.0.iter_mut().filter(|item| fits(item)).collect();
        assert_eq!(found.len(), 1, "one item was expected");
        found.remove(0)
    }

    fn of_workload(&mut self, kind: &str, workload: &str) -> &mut Value {
        self.item(|item| item["kind"] == kind && item["subject"]["name"] == workload)
    }

    /// The policy on a workload's role.
    pub fn policy(&mut self, workload: &str) -> &mut Value {
        &mut self.of_workload("Policy", workload)["document"]
    }

    /// The trust policy of a workload's role.
    pub fn trust(&mut self, workload: &str) -> &mut Value {
        &mut self.of_workload("Role", workload)["trust"]
    }

    /// ARN of a workload's role.
    pub fn role_arn(&mut self, workload: &str) -> String {
        self.of_workload("Role", workload)["properties"]["arn"].as_str().expect("an ARN").to_owned()
    }

    /// The permissions boundary.
    pub fn boundary(&mut self) -> &mut Value {
        &mut self.item(|item| item["kind"] == "PermissionsBoundary")["document"]
    }

    /// The claim on the environment.
    pub fn claim(&mut self) -> &mut Value {
        &mut self.item(|item| item["kind"] == "Claim" && item["name"].as_str().is_some_and(|name| name.starts_with("environment.")))["document"]
    }

    /// The key policy.
    pub fn key(&mut self) -> &mut Value {
        &mut self.item(|item| item["kind"] == "Key")["document"]
    }

    /// The policy of the endpoint of a service.
    pub fn endpoint(&mut self, service: &str) -> &mut Value {
        &mut self.item(|item| item["kind"] == "VpcEndpoint" && item["properties"]["service"] == service)["document"]
    }

    /// Puts a boundary of the platform's in the place of ours, which is then not among the items.
    pub fn attach_boundary(&mut self, document: &Value) {
        assert!(self.0.iter().all(|item| item["kind"] != "PermissionsBoundary"), "the platform's boundary takes the place of ours");
        self.0.push(json!({"kind": "PermissionsBoundary", "document": document}));
    }

    /// Every document of ours with the kind of its object, its name, and whether it is one of an `identity` or of a `resource`.
    pub fn all(&self) -> impl Iterator<Item = (String, &str, &'static str, &Value)> {
        // The platform's is not in the plan.
        self.0.iter().filter(|item| item.get("operation").is_some()).flat_map(|item| {
            let (kind, name) = (item["kind"].as_str().unwrap_or_default(), item["name"].as_str().unwrap_or_default());
            let is = if ["Key", "VpcEndpoint"].contains(&kind) { "resource" } else { "identity" };
            let document = item.get("document").map(|document| (kind.to_owned(), name, is, document));
            document.into_iter().chain(item.get("trust").map(|trust| (format!("{kind} (trust)"), name, "resource", trust)))
        })
    }

    /// The same documents, to read.
    pub fn copy(&self) -> Self {
        Self(self.0.clone())
    }
}
