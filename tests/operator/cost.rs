//! What an access costs to create: the number of calls and writes, never a time.

use std::collections::BTreeMap;

use hipaa_operator::api::{BedrockAccess, PhiEnvironment};
use kube::Api;
use kube::api::ListParams;

use crate::scene::{ENVIRONMENT, HAIKU, SOON, Scene};
use crate::support::bed::Bed;
use crate::support::operator;
use crate::support::seed::Shape;

/// Accesses that are created, each with a workload and a service account of its own.
const ACCESSES: u64 = 30;
const PER_NAMESPACE: u64 = 10;
/// No sweep comes between, so that nothing but the creation is counted.
const FLAGS: &[&str] = &["--sweep-interval", "3600", "--allow-endpoint-override"];

/// Writes to Kubernetes for each access, by kind: at most so many.
const WRITES: [(&str, u64); 6] = [
    ("finalizer", 1),
    ("network-policy", 1),
    ("service-account", 1),
    // What its application is told.
    ("config-map", 1),
    // Of the workload: its environment was not evaluated yet, writes are under way, all is in place. Of the access: the first and the last.
    ("status", 5),
    // What was done, and that workload and access are ready.
    ("event", 3),
];

#[tokio::test]
async fn an_access_is_created_with_three_calls_and_a_handful_of_writes() {
    let bed = Bed::start(Shape::default()).await;
    bed.apply("{ apiVersion: v1, kind: Namespace, metadata: { name: hipaa-operator } }").await;
    bed.apply(ENVIRONMENT).await;
    let mut operator = bed.operator(&operator::binary(), FLAGS);
    operator.wait_ready().await;
    let scene = Scene { operator, bed };
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;

    // While nobody looks, so that it does not depend on the speed of the machine which change is seen with which.
    let Scene { operator, bed } = scene;
    operator.stop();
    for number in 0..ACCESSES {
        bed.apply(&manifests(number)).await;
    }
    let mut operator = bed.operator(&operator::binary(), FLAGS);
    operator.wait_ready().await;
    let scene = Scene { operator, bed };
    all_ready(&scene).await;
    at_rest(&scene).await;

    // As the operator counts them: a busy emulator drops a connection now and then, and the SDK's second try is no call of its own.
    let changes = scene.changes_since(&BTreeMap::new()).await;
    let wanted = ["AttachRolePolicy", "CreatePolicy", "CreateRole"].map(|operation| (operation.to_owned(), ACCESSES));
    assert_eq!(changes, BTreeMap::from(wanted), "calls that change something");
    let reads = scene.count("hipaa_operator_aws_calls_total").await - 3 * ACCESSES;
    assert!(reads < ACCESSES, "{reads} reads, more than one pass over the environment needs: something is read for each access");

    let mut allowed = 0;
    for (kind, each) in WRITES {
        let written = scene.count(&format!("hipaa_operator_kubernetes_writes_total{{kind=\"{kind}\"")).await;
        // The environment's own status tells how many workloads are bound to it.
        let most = each * ACCESSES + u64::from(kind == "status");
        assert!(written <= most, "{written} writes of kind {kind}, not {most}");
        allowed += most;
    }
    let all = scene.count("hipaa_operator_kubernetes_writes_total").await;
    assert!(all <= allowed, "{all} writes, of kinds that are not expected here");
}

/// One access with its workload and service account.
fn manifests(number: u64) -> String {
    let (namespace, name) = (format!("team-{}", number / PER_NAMESPACE), format!("app-{number}"));
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{ name: {namespace}, labels: {{ hipaa-operator.io/phi: allowed }} }}\n\
         ---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{ name: {name}, namespace: {namespace} }}\n\
         ---\napiVersion: hipaa-operator.io/v1alpha1\nkind: PhiWorkload\nmetadata: {{ name: {name}, namespace: {namespace} }}\n\
         spec: {{ environmentRef: {{ name: prod }}, serviceAccountName: {name}, podSelector: {{ matchLabels: {{ app: {name} }} }} }}\n\
         ---\napiVersion: hipaa-operator.io/v1alpha1\nkind: BedrockAccess\nmetadata: {{ name: {name}, namespace: {namespace} }}\n\
         spec: {{ workloadRef: {{ name: {name} }}, useCase: Summarization, models: [{HAIKU}] }}\n"
    )
}

async fn all_ready(scene: &Scene) {
    let accesses: Api<BedrockAccess> = Api::all(scene.bed.client());
    let ready = || async {
        let all = accesses.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
        let conditions = all.iter().flat_map(|access| access.status.iter().flat_map(|status| &status.conditions));
        let ready = conditions.filter(|condition| condition.type_ == "Ready" && condition.status == "True").count() as u64;
        if ready == ACCESSES { Ok(()) } else { Err(format!("{ready} of {ACCESSES}")) }
    };
    scene.bed.eventually("every access is ready", 2 * SOON, ready).await;
}

/// Waits until two looks at the counters see the same: what came of our own last writes is over too.
async fn at_rest(scene: &Scene) {
    let last = std::cell::RefCell::new(BTreeMap::new());
    let rests = || async {
        let mut now = scene.counters().await;
        now.retain(|name, _| name.contains("reconciles_total") || name.contains("writes_total"));
        let before = last.replace(now.clone());
        if before == now { Ok(()) } else { Err(format!("{now:?}")) }
    };
    for _ in 0..5 {
        scene.bed.eventually("the operator is at rest", SOON, rests).await;
    }
}
