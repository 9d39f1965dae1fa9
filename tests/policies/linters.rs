//! Linters of IAM policies over every document of every shape: nothing above low, false findings aside, which are listed one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::parts::parts;
use crate::plan::{Documents, folder};
use crate::shapes::Shape;

/// What a tool found in a document.
#[derive(Debug, Deserialize)]
struct Finding {
    tool: String,
    name: String,
    issue: String,
    severity: String,
    about: String,
}

/// A false finding.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct False {
    tool: String,
    issue: String,
    about: String,
    #[serde(rename = "in")]
    kinds: BTreeSet<String>,
    why: String,
}

impl False {
    fn is(&self, finding: &Finding, kind: &str) -> bool {
        self.tool == finding.tool && self.issue == finding.issue && self.about == finding.about && self.kinds.contains(kind)
    }
}

/// What is wrong: findings above low, and false ones that are listed and do not occur. Findings of low are printed.
pub fn wrong(shapes: &[(Shape, Documents)]) -> Vec<String> {
    let text = std::fs::read_to_string(folder().join("linters.yaml")).expect("the list of false findings");
    let listed: Vec<False> = serde_saphyr::from_str(&text).expect("a list of false findings");
    assert!(listed.iter().all(|one| !one.why.is_empty()), "a false finding has a reason");
    let mut documents = Vec::new();
    let mut kinds = BTreeMap::new();
    for (shape, of_shape) in shapes {
        for (kind, name, is, document) in of_shape.all() {
            let name = format!("{}: {kind} {name}", shape.name);
            documents.push(json!({"name": name, "kind": is, "document": document}));
            kinds.insert(name, kind);
        }
    }
    let mut wrong = Vec::new();
    let (mut low, mut occurred) = (BTreeMap::<(String, String, String), usize>::new(), BTreeSet::new());
    for finding in run(&documents) {
        let kind = &kinds[&finding.name];
        if finding.severity == "low" || finding.severity == "info" {
            *low.entry((finding.tool, finding.issue, finding.about)).or_default() += 1;
            continue;
        }
        let known: Vec<usize> = (0..listed.len()).filter(|&number| listed[number].is(&finding, kind)).collect();
        occurred.extend(known.iter().flat_map(|&number| [(number, kind.clone())]));
        if known.is_empty() {
            wrong.push(format!("{finding:?}"));
        }
    }
    for ((tool, issue, about), count) in low {
        println!("low, {count} times: {tool} {issue} {about}");
    }
    for (number, one) in listed.iter().enumerate() {
        let stale = one.kinds.iter().filter(|kind| !occurred.contains(&(number, (*kind).clone())));
        wrong.extend(stale.map(|kind| format!("no longer found in any {kind}, remove it from linters.yaml: {one:?}")));
    }
    wrong
}

fn run(documents: &[Value]) -> Vec<Finding> {
    let mut child = Command::new(&parts().linters_python)
        .arg(folder().join("linters.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let input = serde_json::to_vec(documents).expect("JSON");
    // The linters read everything before they write anything.
    child.stdin.take().expect("a pipe").write_all(&input).expect("the linters read");
    let output = child.wait_with_output().expect("the linters end");
    assert!(output.status.success(), "the linters failed, see above");
    serde_json::from_slice(&output.stdout).expect("a list of findings")
}
