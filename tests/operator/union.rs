//! What a workload's role may do is the union of its living accesses, whatever happens to them at the same time.

use std::collections::BTreeSet;

use hipaa_operator::api::BedrockAccess;
use hipaa_operator::policy::PolicyDocument;
use hipaa_operator::policy::document::Effect;

use crate::account::{policy, roles};
use crate::scene::{ENVIRONMENT, HAIKU, SONNET, SOON, Scene, WORKLOAD};
use crate::support::bedrock_stub::guardrails::{PLATFORM, PLATFORM_KEY};

/// (action, resource).
type Powers = BTreeSet<(String, String)>;

/// An access in one round: its models and operations, or none.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Wish(&'static [&'static str], &'static [&'static str]);

const WISHES: [Option<Wish>; 6] = [
    None,
    Some(Wish(&[HAIKU], &["Invoke"])),
    Some(Wish(&[SONNET], &["Invoke", "InvokeStream"])),
    Some(Wish(&[HAIKU, SONNET], &["InvokeStream"])),
    Some(Wish(&[SONNET], &["CountTokens"])),
    Some(Wish(&[HAIKU], &["Invoke", "InvokeStream", "CountTokens"])),
];

impl Wish {
    fn powers(self) -> Powers {
        let action = |operation: &str| match operation {
            "Invoke" => "bedrock:InvokeModel",
            "InvokeStream" => "bedrock:InvokeModelWithResponseStream",
            _ => "bedrock:CountTokens",
        };
        let arn = |model: &str| format!("arn:aws:bedrock:us-east-1::foundation-model/{model}");
        let each = |model: &'static str| self.1.iter().map(move |operation| (action(operation).to_owned(), arn(model)));
        // And what every call of them takes: the environment's guardrail with its key, and the one that the account enforces.
        let guardrail = |id: &str| ("bedrock:ApplyGuardrail".to_owned(), format!("arn:aws:bedrock:us-east-1:123456789012:guardrail/{id}"));
        let key = ("kms:Decrypt".to_owned(), PLATFORM_KEY.to_owned());
        self.0.iter().flat_map(|model| each(model)).chain([guardrail(PLATFORM), guardrail("enforced1"), key]).collect()
    }

    fn manifest(self, name: &str) -> String {
        format!(
            "apiVersion: hipaa-operator.io/v1alpha1\nkind: BedrockAccess\nmetadata: {{ name: {name}, namespace: clinic }}\n\
             spec: {{ workloadRef: {{ name: notes }}, useCase: Summarization, models: {:?}, operations: {:?} }}\n",
            self.0, self.1
        )
    }
}

async fn make_so(scene: &Scene, name: &str, wish: Option<Wish>, before: Option<Wish>) {
    match wish {
        Some(wish) => drop(scene.bed.apply(&wish.manifest(name)).await),
        None if before.is_some() => scene.delete::<BedrockAccess>(Some("clinic"), name).await,
        None => {}
    }
}

fn powers_of(document: &PolicyDocument) -> Powers {
    let allows = document.statement.iter().filter(|statement| statement.effect == Effect::Allow);
    allows.flat_map(|one| one.action.iter().flat_map(|action| one.resource.iter().map(|on| (action.clone(), on.clone())))).collect()
}

#[tokio::test]
async fn fifty_rounds_of_two_accesses_give_exactly_their_union() {
    let scene = Scene::start().await;
    scene.bed.apply(ENVIRONMENT).await;
    scene.bed.apply(WORKLOAD).await;
    scene.condition::<hipaa_operator::api::PhiWorkload>(Some("clinic"), "notes", "Ready", "True").await;
    let (mut one, mut other) = (None, None);
    for round in 0..50_usize {
        // Both run through all wishes, in different order, so that every pair comes up.
        let (next_one, next_other) = (WISHES[round % 6], WISHES[(round / 6 + round * 5) % 6]);
        tokio::join!(make_so(&scene, "summaries", next_one, one), make_so(&scene, "letters", next_other, other));
        (one, other) = (next_one, next_other);
        let wanted: Powers = [one, other].into_iter().flatten().flat_map(Wish::powers).collect();
        let settled = || async {
            let found = roles(&scene).await;
            if found.is_empty() && wanted.is_empty() {
                return Ok(());
            }
            let role = found.first().ok_or("no role")?;
            let arn = format!("arn:aws:iam::123456789012:policy/hipaa-operator/us-east-1/prod/prod/{role}");
            let attached = scene.bed.emulators.iam().list_attached_role_policies().role_name(role).send().await;
            let attached = attached.map_err(|error| format!("{error:?}"))?;
            let attached: Vec<_> = attached.attached_policies().iter().map(|policy| policy.policy_arn().unwrap_or_default()).collect();
            let powers = policy(&scene, &arn).await.map(|document| powers_of(&document)).unwrap_or_default();
            let right = attached == [arn.as_str()] && powers == wanted && !wanted.is_empty();
            if right { Ok(()) } else { Err(format!("{found:?} {attached:?} {powers:?}, not {wanted:?}")) }
        };
        scene.bed.eventually(&format!("round {round}: {one:?} and {other:?}"), SOON, settled).await;
    }
}
