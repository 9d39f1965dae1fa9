//! `plan` as users run it: the real binary, on manifests good and bad.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

const ENVIRONMENT: &str = include_str!("manifests/environment.yaml");
const WORKLOAD: &str = include_str!("manifests/workload.yaml");
const ACCESS: &str = include_str!("manifests/access.yaml");
const ADMITTED: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: clinic, labels: {hipaa-operator.io/phi: allowed}}\n";
const BARE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: clinic}\n";

struct Answer {
    code: i32,
    out: String,
    err: String,
}

fn plan(arguments: &[&str], input: &[u8]) -> Answer {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hipaa-operator"))
        .arg("plan")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // A binary that refuses its arguments does not read.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    let output = child.wait_with_output().expect("the binary ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Answer { code: output.status.code().expect("an exit code"), out: text(output.stdout), err: text(output.stderr) }
}

fn folder() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plan/manifests").display().to_string()
}

/// A folder of its own for a test.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn documents(texts: &[&str]) -> String {
    texts.join("---\n")
}

fn whole() -> String {
    documents(&[ENVIRONMENT, WORKLOAD, ACCESS])
}

#[test]
fn good_manifests_are_planned_in_full_and_withheld_in_audit() {
    let answer = plan(&["-f", &folder(), "-o", "json"], b"");
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    let plan: Value = serde_json::from_str(&answer.out).expect("JSON");
    let kinds: Vec<&str> = plan["aws"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap()).collect();
    for kind in ["SecurityGroup", "VpcEndpoint", "Claim", "Key", "PermissionsBoundary", "Policy", "Role"] {
        assert!(kinds.contains(&kind), "{kind}");
    }
    assert!(plan["aws"].as_array().unwrap().iter().chain(plan["kubernetes"].as_array().unwrap()).all(|item| item["withheld"] == true));
    assert_eq!(plan["errors"], Value::Array(Vec::new()));
    assert_eq!(plan["aws"][0]["subject"]["namespace"], Value::Null);
    let top: Vec<&String> = plan.as_object().unwrap().keys().collect();
    assert_eq!(top, ["aws", "errors", "findings", "kubernetes"]);
}

#[test]
fn files_folders_and_standard_input_say_the_same() {
    let folder = folder();
    let files = ["access", "environment", "workload"].map(|name| format!("{folder}/{name}.yaml"));
    let [access, environment, workload] = files.each_ref().map(String::as_str);
    let answers = [
        plan(&["-f", &folder], b""),
        plan(&["-f", workload, environment, access], b""),
        plan(&["-f", access, "-f", workload, "-f", environment], b""),
        plan(&["--filename", &folder, workload, "-o", "text"], b""),
        plan(&["-f", "-"], whole().as_bytes()),
        plan(&["-f", environment, "-"], documents(&[ACCESS, WORKLOAD]).as_bytes()),
    ];
    for answer in &answers {
        assert_eq!((answer.code, &answer.out), (0, &answers[0].out));
    }
    let text = &answers[0].out;
    for part in [
        "PhiEnvironment prod\n=====",
        "+ Create iam Role clinic.notes-",
        "(withheld)",
        "\"Effect\": \"Deny\"",
        "kind: NetworkPolicy",
        "<vpc-id>",
    ] {
        assert!(text.contains(part), "{part}");
    }
    assert_eq!(
        text.lines().last().unwrap(),
        "Plan: 15 objects in the account, 3 in the cluster, 18 of them withheld by Audit or a hold; 6 findings, 0 errors."
    );
}

/// What is replaced in the good manifests by what, the exit code, and words that must be said.
type Row<'a> = (&'a str, &'a str, i32, &'a [&'a str]);

const UNUSABLE: i32 = 2;
const BROKEN: i32 = 1;

#[rustfmt::skip]
const BAD: &[Row] = &[
    // The form.
    ("accountId: \"111122223333\"", "accountId: 111122223333", UNUSABLE, &["-:7", "spec.aws.accountId", "quote it", "\"111122223333\""]),
    ("accountId: \"111122223333\"", "accountId: \"1111\"", UNUSABLE, &["spec.aws.accountId"]),
    ("    region: us-east-1\n", "", UNUSABLE, &["spec.aws.region", "missing"]),
    ("region: us-east-1", "region: [us-east-1]", UNUSABLE, &["-:8", "spec.aws.region"]),
    ("clusterName:", "clustername:", UNUSABLE, &["-:9", "clustername", "clusterName"]),
    ("useCase: Summarization", "useCase: Summarisation", UNUSABLE, &["spec.useCase", "Summarization"]),
    ("useCase: Summarization", "useCase: 7", UNUSABLE, &["spec.useCase"]),
    ("serviceAccountName: notes", "serviceAccountName: \"\"", UNUSABLE, &["spec.serviceAccountName"]),
    ("kind: BedrockAccess", "kind: BedrockAcces", UNUSABLE, &["-:31", "BedrockAccess"]),
    ("kind: PhiWorkload", "kind: [PhiWorkload]", UNUSABLE, &["kind"]),
    ("hipaa-operator.io/v1alpha1\nkind: PhiWorkload", "hipaa-operator.io/v1\nkind: PhiWorkload", UNUSABLE, &["v1alpha1"]),
    ("  name: summaries\n", "", UNUSABLE, &["metadata.name"]),
    ("  models:\n  - anthropic", "  models: {}\n  other:\n  - anthropic", UNUSABLE, &["spec.models"]),
    ("  models:\n  - anthropic.claude-3-haiku-20240307-v1:0\n", "  models: []\n", BROKEN, &["name at least one foundation model"]),
    ("spec:\n  workloadRef:", "spec:\n  useCase: Research\n  workloadRef:", UNUSABLE, &["useCase"]),
    ("metadata:\n  name: notes", "metadata:\n\tname: notes", UNUSABLE, &["not readable as YAML"]),
    ("  aws:", "  aws: {", UNUSABLE, &["not readable as YAML"]),
    ("  models:\n  - anthropic", "  models:\n  - \u{0}anthropic", UNUSABLE, &["control character"]),
    // The definitions' rules.
    ("    matchLabels:\n      app: notes", "    matchLabels: {}", BROKEN, &["podSelector is empty", "matchLabels: {app: notes}"]),
    ("    matchLabels:\n      hipaa-operator.io/phi: allowed", "    matchExpressions: []", BROKEN, &["namespaceSelector is empty"]),
    ("  podSelector:\n    matchLabels:\n      app: notes", "  podSelector: {}", BROKEN, &["podSelector is empty"]),
    ("serviceAccountName: notes", "serviceAccountName: default", BROKEN, &["default service account"]),
    ("  bedrock:\n    models:", "  bedrock:\n    inferenceProfiles: [global.anthropic.claude-3-haiku-20240307-v1:0]\n    models:", BROKEN, &["global.", "cannot be approved"]),
    ("  bedrock:\n    models:", "  bedrock:\n    inferenceProfiles: [us.anthropic*]\n    models:", BROKEN, &["geography, its provider", "us.anthropic.claude-3*"]),
    ("  bedrock:\n    models:\n", "  bedrock:\n    models:\n    - anthropic*\n", BROKEN, &["spec.bedrock.models", "anthropic.claude-3*"]),
    ("  bedrock:\n    models:\n", "  bedrock:\n    models:\n    - \"*\"\n", UNUSABLE, &["spec.bedrock.models[0]"]),
    ("  models:\n  - anthropic", "  models:\n  - anthropic.claude*\n  - anthropic", UNUSABLE, &["spec.models[0]"]),
    ("  bedrock:\n    models:", "  bedrock:\n    models: [us.anthropic.claude-3-haiku-20240307-v1:0]\n    other:", UNUSABLE, &["other"]),
    ("  bedrock:\n", "  endpoints: [{service: bedrock-mantle, management: Provision}]\n  bedrock:\n", BROKEN, &["not provisioned"]),
    ("  bedrock:\n", "  key: {management: Verify}\n  bedrock:\n", BROKEN, &["spec.key.keyArn"]),
    // What no definition can know.
    ("useCase: Summarization", "useCase: Diagnosis", BROKEN, &["-:38", "spec.useCase", "UseCaseProhibited", "DecisionSupport"]),
    ("useCase: Summarization", "useCase: Treatment", BROKEN, &["UseCaseProhibited"]),
    ("useCase: Summarization", "useCase: DecisionSupport", BROKEN, &["OverseerMissing", "spec.overseer"]),
    ("  models:\n  - anthropic", "  models:\n  - amazon.nova-pro-v1:0\n  - anthropic", BROKEN, &["-:40", "spec.models[0]", "ModelNotApproved", "not approved by environment prod"]),
    ("  models:\n  - anthropic", "  inferenceProfiles: [eu.amazon.nova-pro-v1:0]\n  models:\n  - anthropic", BROKEN, &["spec.inferenceProfiles[0]", "ModelNotApproved"]),
    ("  workloadRef:\n    name: notes", "  workloadRef:\n    name: letters", BROKEN, &["-:37", "WorkloadNotFound", "pass its file too"]),
    ("  environmentRef:\n    name: prod", "  environmentRef:\n    name: test", BROKEN, &["EnvironmentNotFound", "pass its file too"]),
    ("  serviceAccountName: notes", "  serviceAccountName: notes\n  networkPeers: [db]", BROKEN, &["spec.networkPeers[0]", "PeerNotFound"]),
    ("  serviceAccountName: notes", "  serviceAccountName: notes\n  stores: [records]", BROKEN, &["spec.stores[0]", "StoreNotFound", "environment prod has no store records"]),
    ("  serviceAccountName: notes", "  serviceAccountName: notes\n  stores: ['arn:aws:s3:::records']", UNUSABLE, &["spec.stores[0]"]),
    ("  bedrock:\n", "  stores: [{name: a, type: S3, arn: 'arn:aws:s3:::a*', verbs: [read], namespaceSelector: {matchLabels: {a: b}}}]\n  bedrock:\n", BROKEN, &["spec.stores[0]", "without wildcards"]),
    ("  bedrock:\n", "  stores: [{name: a, type: S3, arn: 'arn:aws:s3:::a', prefixes: [b], verbs: [read], namespaceSelector: {matchLabels: {a: b}}}]\n  bedrock:\n", BROKEN, &["spec.stores[0].prefixes", "ends with a slash"]),
    ("  bedrock:\n", "  stores: [{name: a, type: SQS, arn: 'arn:aws:sqs:eu-west-1:111122223333:a', verbs: [read], namespaceSelector: {matchLabels: {a: b}}}]\n  bedrock:\n", BROKEN, &["Region of the environment"]),
    ("  bedrock:\n", "  stores: [{name: a, type: S3, arn: 'arn:aws:s3:::a', verbs: [Read], namespaceSelector: {matchLabels: {a: b}}}]\n  bedrock:\n", UNUSABLE, &["spec.stores[0].verbs[0]", "read"]),
];

#[test]
fn bad_manifests_are_told_with_place_and_remedy() {
    for (from, to, code, words) in BAD {
        let text = match whole().rfind(from) {
            Some(at) => format!("{}{to}{}", &whole()[..at], &whole()[at + from.len()..]),
            None => panic!("not in the manifests: {from}"),
        };
        let answer = plan(&["-f", "-"], text.as_bytes());
        assert_eq!((answer.code, answer.err.as_str()), (*code, ""), "{to}\n{}", answer.out);
        let errors = answer.out.split_once("Errors\n======\n").unwrap_or_else(|| panic!("no errors: {to}\n{}", answer.out)).1;
        for word in *words {
            assert!(errors.contains(word), "{word:?} is not said of {to:?}:\n{errors}");
        }
        let json = plan(&["-f", "-", "-o", "json"], text.as_bytes());
        let plan: Value = serde_json::from_str(&json.out).expect("JSON whatever is wrong");
        assert_eq!(json.code, *code);
        for error in plan["errors"].as_array().expect("a list") {
            let keys: Vec<&String> = error.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["field", "file", "line", "message", "reason", "subject"]);
        }
        assert!(!plan["errors"].as_array().unwrap().is_empty());
    }
}

#[test]
fn nothing_comes_of_an_object_that_the_api_server_would_refuse() {
    let name = "s".repeat(63);
    let refused = ACCESS
        .replace("summaries", &name)
        .replace("  models:", "  models: []\n  inferenceProfiles: []\n")
        .replace("\n  - anthropic.claude-3-haiku-20240307-v1:0", "");
    let answer = plan(&["-f", "-"], documents(&[ENVIRONMENT, WORKLOAD, &refused]).as_bytes());
    assert!(answer.code == BROKEN && answer.out.contains("NoAccessDeclared"), "{}", answer.out);
    let refused = ENVIRONMENT.replace("    matchLabels:\n      hipaa-operator.io/phi: allowed", "    matchLabels: {}");
    let answer = plan(&["-f", "-"], documents(&[&refused, WORKLOAD, ACCESS]).as_bytes());
    assert!(answer.code == BROKEN && answer.out.contains("NotPlanned") && answer.out.contains("1 errors"), "{}", answer.out);
    assert!(answer.out.contains("Plan: 0 objects in the account, 0 in the cluster"), "{}", answer.out);
}

#[test]
fn one_flaw_is_told_once() {
    let prohibited = whole().replace("Summarization", "Dosing");
    let plan: Value = serde_json::from_str(&plan(&["-f", "-", "-o", "json"], prohibited.as_bytes()).out).unwrap();
    assert_eq!(plan["errors"].as_array().unwrap().len(), 1, "{}", plan["errors"]);
}

#[test]
fn a_broken_file_does_not_hide_the_others() {
    let other = ACCESS.replace("summaries", "letters").replace("useCase: Summarization", "useCase: Dosing");
    let answer = plan(&["-f", "-"], documents(&[ENVIRONMENT, WORKLOAD, ACCESS, &other, "{"]).as_bytes());
    assert_eq!(answer.code, UNUSABLE);
    assert!(answer.out.contains("+ Create iam Role clinic.notes-") && answer.out.contains("UseCaseProhibited"), "{}", answer.out);
}

#[test]
fn an_object_is_declared_once() {
    for twice in [ENVIRONMENT, WORKLOAD, ACCESS, ADMITTED] {
        let answer = plan(&["-f", "-"], documents(&[ENVIRONMENT, WORKLOAD, ACCESS, ADMITTED, twice]).as_bytes());
        assert!(answer.code == BROKEN && answer.out.contains("DeclaredTwice") && answer.out.contains("15 objects"), "{}", answer.out);
    }
    let claimed = WORKLOAD.replace("name: notes\n  namespace", "name: letters\n  namespace");
    let answer = plan(&["-f", "-"], documents(&[&whole(), &claimed]).as_bytes());
    assert!(
        answer.code == BROKEN && answer.out.contains("PhiWorkload clinic/letters: spec.serviceAccountName: ServiceAccountClaimed"),
        "{}",
        answer.out
    );
}

#[test]
fn a_namespace_among_the_files_decides() {
    let answer = plan(&["-f", "-"], documents(&[&whole(), ADMITTED]).as_bytes());
    assert!(answer.code == 0 && !answer.out.contains("NamespaceAssumedAdmitted"), "{}", answer.out);
    let answer = plan(&["-f", "-"], documents(&[&whole(), BARE]).as_bytes());
    assert!(answer.code == BROKEN && answer.out.contains("NamespaceNotAdmitted") && !answer.out.contains("iam Role"), "{}", answer.out);
    assert!(plan(&["-f", "-"], whole().as_bytes()).out.contains("info: PhiWorkload clinic/notes: NamespaceAssumedAdmitted"));
}

#[test]
fn input_that_is_no_manifest_is_refused() {
    let folder = scratch("unusable");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    fs::create_dir_all(folder.join("empty")).unwrap();
    let table = [
        (file("empty.yaml", b""), "nothing to plan"),
        (file("comment.yaml", b"# later\n---\n"), "nothing to plan"),
        (file("garbage.bin", &[0, 159, 146, 150, 255, 254, 10, 0]), "no text in UTF-8"),
        (file("text.yaml", b"hello"), "no Kubernetes object"),
        (file("list.yaml", b"- 1\n- 2\n"), "no Kubernetes object"),
        (file("deployment.yaml", b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n"), "nothing to plan"),
        (file("bomb.yaml", format!("a: {}", "[".repeat(100_000)).as_bytes()), "recursion limit"),
        (folder.join("missing.yaml").display().to_string(), "cannot be read"),
        (folder.join("empty").display().to_string(), "no *.yaml"),
    ];
    for (path, words) in &table {
        for output in ["text", "json"] {
            let answer = plan(&["-f", path, "-o", output], b"");
            assert_eq!((answer.code, answer.err.as_str()), (UNUSABLE, ""), "{path}: {}", answer.out);
            assert!(answer.out.contains(words), "{path}: {}", answer.out);
        }
    }
    let sample = self::folder();
    assert_eq!(plan(&["-f", &sample, &table[2].0], b"").code, UNUSABLE);
    assert_eq!(plan(&[], b"").code, UNUSABLE);
    assert_eq!(plan(&["-f", &sample, "-o", "xml"], b"").code, UNUSABLE);
}

#[test]
fn facts_replace_placeholders_or_are_refused() {
    let folder = scratch("facts");
    let facts = |text: &str| {
        let path = folder.join("facts");
        fs::write(&path, text).unwrap();
        plan(&["-f", &self::folder(), "--observed", &path.display().to_string()], b"")
    };
    for text in
        ["environments: {prod: {vpcId: vpc-0123456789abcdef0}}", r#"{"environments": {"prod": {"vpcId": "vpc-0123456789abcdef0"}}}"#]
    {
        let answer = facts(text);
        assert!(answer.code == 0 && answer.out.contains("vpc-0123456789abcdef0") && !answer.out.contains("<vpc-id>"), "{}", answer.out);
    }
    for (text, words) in [
        ("environments: {prod: {vpcid: vpc-1}}", "vpcid"),
        ("environments:\n  prod:\n    subnets: [subnet-1]\n", "facts:3"),
        ("environments: [", "facts"),
        ("", "facts"),
        ("7", "facts"),
    ] {
        let answer = facts(text);
        assert!(answer.code == UNUSABLE && answer.out.contains("InvalidFacts") && answer.out.contains(words), "{text}: {}", answer.out);
    }
    assert_eq!(plan(&["-f", &self::folder(), "--observed", "/nowhere"], b"").code, UNUSABLE);
    let named = documents(&[&whole().replace("clusterName: clinic", "clusterName: clinic\n    vpcId: vpc-0fedcba9876543210")]);
    fs::write(folder.join("other"), "environments: {prod: {vpcId: vpc-0123456789abcdef0}}").unwrap();
    let answer = plan(&["-f", "-", "--observed", &folder.join("other").display().to_string()], named.as_bytes());
    assert!(answer.code == UNUSABLE && answer.out.contains("write the same VPC in both"), "{}", answer.out);
}

#[test]
fn definitions_are_printed() {
    let output = Command::new(env!("CARGO_BIN_EXE_hipaa-operator")).arg("crds").output().expect("the binary runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success());
    assert_eq!(text.matches("\nkind: CustomResourceDefinition\n").count(), 3);
}
