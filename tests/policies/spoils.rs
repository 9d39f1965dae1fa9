//! The tables of the shapes are worth something only if they notice: documents spoiled in one place.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::judge::{Case, wrong};
use crate::plan::Documents;
use crate::shapes;
use crate::{allows, statement};

/// What protects beside the allows is judged too: each of these is a document of a shape spoiled in one place.
#[test]
fn a_spoiled_document_of_a_shape_is_noticed() {
    type Spoil = fn(&mut Documents);
    let spoils: [(&str, &str, Spoil); 14] = [
        ("calls without a guardrail", "A guardrail for everyone", |it| remove(it.policy("notes"), "WithoutGuardrail")),
        ("any guardrail will do", "Two guardrails in one workload", |it| {
            forget(it.policy("notes"), "Models0", "bedrock:GuardrailIdentifier");
        }),
        ("any guardrail for the profile", "Two guardrails in one workload", |it| {
            forget(it.policy("notes"), "Profiles0", "bedrock:GuardrailIdentifier");
        }),
        ("any guardrail behind the profile", "Two guardrails in one workload", |it| {
            forget(it.policy("notes"), "Behind0Profile0", "bedrock:GuardrailIdentifier");
        }),
        ("everything is exempt from guardrails", "Embeddings beside a guardrail", |it| {
            statement(it.policy("notes"), "WithoutGuardrail")["NotResource"] = json!("arn:aws:bedrock:*::foundation-model/*");
        }),
        ("every guardrail may be applied", "Only the guardrail", |it| statement(it.policy("notes"), "Guardrails")["Resource"] = json!("*")),
        ("the guardrail's key through anything", "A guardrail for everyone", |it| {
            forget(it.policy("notes"), "GuardrailKeys", "kms:ViaService");
        }),
        ("sessions of others", "Federation is required", |it| remove(it.policy("notes"), "OtherFederation")),
        ("sessions of any provider", "Federation is required", |it| {
            statement(it.policy("intake"), "OtherFederation")["Condition"] = json!({"Null": {"aws:FederatedProvider": "true"}});
        }),
        ("a wider family", "Families of models and of profiles", |it| {
            statement(it.boundary(), "Models")["Resource"] = json!("arn:aws:bedrock:us-east-1::foundation-model/a*");
        }),
        ("a wider family of profiles", "Families of models and of profiles", |it| {
            statement(it.boundary(), "Profiles")["Resource"] = json!("arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.*");
        }),
        ("counting anywhere", "Only counting", |it| forget(it.policy("notes"), "Models0", "aws:SourceVpc")),
        ("behind every application profile", "An application inference profile", |it| {
            forget(it.policy("notes"), "Behind0Profile0", "bedrock:InferenceProfileArn");
        }),
        ("the second plane's settings", "The second plane is opened, its API keys are not", |it| {
            remove(it.policy("notes"), "SideDoors");
            remove(it.boundary(), "SideDoors");
        }),
    ];
    let spoiled = spoils.into_iter().map(|(what, name, spoil)| {
        let (shape, documents) = shapes::shape(name);
        let mut documents = documents.copy();
        spoil(&mut documents);
        (what.to_owned(), shape.own(&documents))
    });
    all_noticed(spoiled.collect());
}

/// Every deny of a role, and every action in it, is needed by a row: under a boundary that denies none of it.
#[test]
fn every_deny_of_a_role_is_noticed() {
    let (shape, documents) = shapes::shape("The platform's boundary");
    let mut spoiled = Vec::new();
    for statement in documents.copy().policy("notes")["Statement"].as_array().expect("statements") {
        if statement["Effect"] != "Deny" {
            continue;
        }
        let sid = statement["Sid"].as_str().expect("a name");
        for action in statement["Action"].as_array().cloned().unwrap_or_else(|| vec![statement["Action"].clone()]) {
            let mut documents = documents.copy();
            match self::statement(documents.policy("notes"), sid)["Action"].as_array_mut() {
                Some(actions) => actions.retain(|other| *other != action),
                None => remove(documents.policy("notes"), sid),
            }
            spoiled.push((format!("{sid} without {action}"), shape.own(&documents)));
        }
    }
    assert!(spoiled.len() > 20, "{} denies", spoiled.len());
    all_noticed(spoiled);
}

/// Judges all spoiled documents at once; in each something has to come out otherwise than written.
fn all_noticed(spoiled: Vec<(String, Vec<Case>)>) {
    let (names, cases): (Vec<String>, Vec<Vec<Case>>) = spoiled.into_iter().unzip();
    let all = cases
        .into_iter()
        .enumerate()
        .flat_map(|(number, cases)| cases.into_iter().map(move |case| Case { row: format!("{number} {}", case.row), ..case }));
    let noticed: BTreeSet<usize> = wrong(&all.collect::<Vec<_>>()).iter().filter_map(|row| spoiled_in(row)).collect();
    let missed: Vec<&String> = names.iter().enumerate().filter(|(number, _)| !noticed.contains(number)).map(|(_, name)| name).collect();
    assert!(missed.is_empty(), "not noticed: {missed:?}");
}

/// The number that the row of a wrong case begins with; none where the judge could not tell.
fn spoiled_in(wrong: &str) -> Option<usize> {
    let (verdict, row) = wrong.split_once(": ")?;
    if verdict.contains("Error") { None } else { row.split_once(' ')?.0.parse().ok() }
}

/// Removes a statement.
fn remove(document: &mut Value, sid: &str) {
    statement(document, sid);
    allows(document).retain(|statement| statement["Sid"] != sid);
}

/// Removes a key from a statement's condition.
fn forget(document: &mut Value, sid: &str, key: &str) {
    let condition = statement(document, sid)["Condition"].as_object_mut().expect("a condition");
    let found: Vec<_> = condition.values_mut().filter_map(|keys| keys.as_object_mut()?.remove(key)).collect();
    assert_eq!(found.len(), 1, "{sid} speaks of {key}");
    condition.retain(|_, keys| keys != &json!({}));
}
