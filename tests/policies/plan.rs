//! The documents of a plan.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The items of a plan.
pub struct Documents(Vec<Value>);

impl Documents {
    /// Plans manifests of this folder with its facts.
    pub fn of(manifests: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policies");
        let mut command = Command::new(env!("CARGO_BIN_EXE_hipaa-operator"));
        command.args(["plan", "-o", "json", "--observed"]).arg(folder.join("facts.yaml")).arg("-f");
        command.args(manifests.iter().map(|name| folder.join(format!("manifests/{name}.yaml"))));
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

    /// The same documents, to read.
    pub fn copy(&self) -> Self {
        Self(self.0.clone())
    }
}
