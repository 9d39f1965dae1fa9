//! An outside judge evaluates requests against the documents that `plan` prints. What must come out is written down by hand, from
//! AWS's rules, in [`rows`]; nothing of the crate is used to say what is right.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

mod generated;
mod judge;
mod linters;
#[path = "../support/parts.rs"]
#[allow(dead_code)]
mod parts;
mod plan;
mod rows;
mod shapes;
mod spoils;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use judge::{Case, Verdict, wrong};
use plan::Documents;

/// Everything declared; endpoints are a perimeter.
fn whole() -> Documents {
    Documents::of(&["environment", "notes", "letters", "intake"])
}

/// Judges rows and fails with every row that came out otherwise than written.
fn all_as_written(cases: &[Case]) {
    let wrong = wrong(cases);
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn workloads_can_do_exactly_what_is_declared() {
    all_as_written(&rows::workloads(&whole()));
}

#[test]
fn an_access_taken_away_leaves_its_sibling() {
    all_as_written(&rows::without_letters(&Documents::of(&["environment", "notes", "intake"])));
}

#[test]
fn the_boundary_limits_whatever_is_attached() {
    all_as_written(&rows::foreign_policy(&whole()));
}

#[test]
fn stores_are_used_as_declared_and_named() {
    all_as_written(&rows::stores(&Documents::of(&["stores"])));
}

#[test]
fn the_boundary_limits_stores_whatever_is_attached() {
    all_as_written(&rows::stores_by_boundary(&Documents::of(&["stores"])));
}

#[test]
fn a_claim_gives_nothing_and_takes_nothing() {
    all_as_written(&rows::claim(&whole()));
}

#[test]
fn a_role_trusts_its_service_account_only() {
    all_as_written(&rows::trust(&whole()));
}

#[test]
fn the_key_is_used_through_services_and_administered_by_the_named() {
    all_as_written(&rows::key(&whole()));
}

#[test]
fn a_perimeter_admits_the_account_and_nobody_else() {
    let documents = Documents::of(&["more-endpoints", "notes", "letters", "intake"]);
    all_as_written(&rows::perimeter(&documents));
}

#[test]
fn there_are_enough_shapes_and_enough_requests_for_each() {
    let common = shapes::common();
    let shared = common.requests.len() + common.doors.values().map(Vec::len).sum::<usize>();
    assert!(shapes::shapes().len() >= 12, "{} shapes", shapes::shapes().len());
    let mut requests = BTreeSet::new();
    for (shape, _) in shapes::shapes() {
        let own: Vec<&shapes::Row> = shape.requests.iter().chain(&shape.widest).chain(&shape.endpoints).collect();
        assert!(!shape.says.is_empty() && requests.insert(&shape.name), "{}: no sentence, or a name twice", shape.name);
        assert!(own.len() >= 12 && own.len() + shared >= 40, "{}: {} requests of its own", shape.name, own.len());
        for verdict in [Verdict::Allow, Verdict::Deny] {
            assert!(shape.requests.iter().any(|row| row.expected == verdict), "{}: nothing comes out as {verdict:?}", shape.name);
        }
    }
}

#[test]
fn every_shape_is_exact() {
    let shapes = shapes::shapes().iter();
    all_as_written(&shapes.flat_map(|(shape, documents)| shape.cases(documents)).collect::<Vec<_>>());
}

#[test]
fn generated_shapes_are_exact() {
    generated::all_as_declared(300);
}

#[test]
fn linters_find_nothing_above_low() {
    let wrong = linters::wrong(shapes::shapes());
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn an_exclusive_endpoint_admits_the_environment_only() {
    all_as_written(&rows::exclusive(&Documents::of(&["exclusive", "notes", "letters", "intake"])));
}

/// The table is worth something only if it notices: each of these is a document spoiled in one place.
#[test]
fn a_spoiled_document_is_noticed() {
    type Spoil = fn(&mut Documents);
    type Rows = fn(&Documents) -> Vec<Case>;
    let spoils: [(&str, Rows, Spoil); 12] = [
        ("the policy allows every model", rows::workloads, |it| allows(it.policy("notes"))[0]["Resource"] = json!("*")),
        ("the policy is not tied to the VPC", rows::workloads, |it| {
            allows(it.policy("notes"))[0].as_object_mut().unwrap().remove("Condition");
        }),
        ("the policy allows one operation more", rows::workloads, |it| {
            for allow in allows(it.policy("notes")) {
                allow["Action"] = json!("bedrock:InvokeModel*");
            }
        }),
        ("the policy allows nothing", rows::workloads, |it| it.policy("notes")["Statement"] = json!([])),
        ("the boundary allows nothing", rows::workloads, |it| allows(it.boundary()).clear()),
        ("the boundary allows everything", rows::foreign_policy, |it| allows(it.boundary())[0] = allow_all(false)),
        ("the endpoint admits nobody", rows::workloads, |it| allows(it.endpoint("bedrock-runtime")).clear()),
        ("the endpoint admits everybody", rows::perimeter, |it| allows(it.endpoint("sts"))[0] = allow_all(true)),
        ("federation needs a signature", rows::perimeter, |it| {
            allows(it.endpoint("sts"))[0]["Condition"] = json!({"StringEquals": {"aws:PrincipalAccount": "111122223333"}});
        }),
        ("the role trusts the whole namespace", rows::trust, |it| {
            let condition = &mut allows(it.trust("notes"))[0]["Condition"];
            *condition = json!({"StringLike": {"accounts.google.com:sub": "system:serviceaccount:clinic:*"}});
        }),
        ("a claim denies", rows::claim, |it| it.claim()["Statement"][0] = json!({"Effect": "Deny", "Action": "*", "Resource": "*"})),
        ("the key is used directly", rows::key, |it| {
            allows(it.key())[1]["Condition"].as_object_mut().unwrap().remove("StringEquals");
        }),
    ];
    for (what, rows, spoil) in spoils {
        let mut documents = Documents::of(&["more-endpoints", "notes", "letters", "intake"]);
        spoil(&mut documents);
        assert!(!wrong(&rows(&documents)).is_empty(), "not noticed: {what}");
    }
}

#[test]
fn a_spoiled_document_on_stores_is_noticed() {
    type Spoil = fn(&mut Documents);
    type Rows = fn(&Documents) -> Vec<Case>;
    let spoils: [(&str, Rows, Spoil); 8] = [
        ("the whole bucket", rows::stores, |it| {
            statement(it.policy("notes"), "Objects0")["Resource"] = json!("arn:aws:s3:::clinic-records/*");
        }),
        ("a prefix without its slash", rows::stores, |it| {
            statement(it.policy("notes"), "Objects0")["Resource"] = json!("arn:aws:s3:::clinic-records/notes*");
        }),
        ("every listing", rows::stores, |it| {
            statement(it.policy("notes"), "Buckets0")["Condition"].as_object_mut().unwrap().remove("StringLike");
        }),
        ("one action more", rows::stores, |it| statement(it.policy("notes"), "Items0")["Action"] = json!("dynamodb:*")),
        ("from anywhere", rows::stores, |it| drop(statement(it.policy("notes"), "Messages0").as_object_mut().unwrap().remove("Condition"))),
        ("a key through anything", rows::stores, |it| {
            drop(statement(it.policy("notes"), "ObjectKeys0").as_object_mut().unwrap().remove("Condition"));
        }),
        ("no room in the boundary", rows::stores, |it| statement(it.boundary(), "Secrets0")["Resource"] = json!("arn:aws:s3:::none")),
        ("a boundary for every queue", rows::stores_by_boundary, |it| statement(it.boundary(), "Messages0")["Resource"] = json!("*")),
    ];
    for (what, rows, spoil) in spoils {
        let mut documents = Documents::of(&["stores"]);
        spoil(&mut documents);
        assert!(!wrong(&rows(&documents)).is_empty(), "not noticed: {what}");
    }
}

/// The statement of this name.
fn statement<'a>(document: &'a mut Value, sid: &str) -> &'a mut Value {
    allows(document).iter_mut().find(|statement| statement["Sid"] == sid).expect("a statement of this name")
}

/// The statements of a document; in ours those that allow come first.
fn allows(document: &mut Value) -> &mut Vec<Value> {
    document["Statement"].as_array_mut().expect("statements")
}

fn allow_all(to_anyone: bool) -> Value {
    let mut statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    if to_anyone {
        statement["Principal"] = json!("*");
    }
    statement
}
