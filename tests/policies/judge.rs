//! Asking the judge, a program of its own.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::parts::parts;

/// What must come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request gets through.
    Allow,
    /// It does not.
    Deny,
}

/// A row with the simulation it stands for.
pub struct Case {
    /// The row as it is written.
    pub row: String,
    /// What must come out.
    pub expected: Verdict,
    /// The judge's input.
    pub simulation: Value,
}

/// The rows that come out otherwise than written.
pub fn wrong(cases: &[Case]) -> Vec<String> {
    wrong_over(&[], cases)
}

/// The same, where simulations may name a document by its number among these.
pub fn wrong_over(documents: &[Value], cases: &[Case]) -> Vec<String> {
    let simulations: Vec<&Value> = cases.iter().map(|case| &case.simulation).collect();
    let results = ask(&json!({"documents": documents, "simulations": simulations}));
    assert_eq!(results.len(), cases.len());
    let mut wrong = Vec::new();
    for (case, result) in cases.iter().zip(results) {
        let found = match result.as_str() {
            "Allowed" => Some(Verdict::Allow),
            "ImplicitlyDenied" | "ExplicitlyDenied" => Some(Verdict::Deny),
            _ => None,
        };
        if found != Some(case.expected) {
            wrong.push(format!("{:?} was expected, the judge says {result}: {}", case.expected, case.row));
        }
    }
    wrong
}

fn ask(question: &Value) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policies/judge.mjs");
    let mut child = Command::new("node")
        .arg(script)
        .env("JUDGE_NODE_MODULES", &parts().judge_node_modules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node runs");
    let input = serde_json::to_vec(question).expect("JSON");
    // The judge reads everything before it writes anything.
    child.stdin.take().expect("a pipe").write_all(&input).expect("the judge reads");
    let output = child.wait_with_output().expect("the judge ends");
    assert!(output.status.success(), "the judge failed, see above");
    serde_json::from_slice(&output.stdout).expect("a list of results")
}
