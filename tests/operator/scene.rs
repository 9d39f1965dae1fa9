//! What most cases share: a bed, an operator that sweeps every second, and the three manifests of the README.

use std::collections::BTreeMap;
use std::time::Duration;

use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use hipaa_operator::cluster::objects::WithStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use crate::support::bed::Bed;
pub use crate::support::manifests::*;
use crate::support::operator::{self, Operator};
use crate::support::seed::Shape;

/// How the operator is started here: it sweeps every second.
pub const FLAGS: &[&str] =
    &["--sweep-interval", "1", "--iam-settling", "0", "--allow-endpoint-override", "--log", "info,hipaa_operator=debug"];

/// How long anything may take here unless a case says less.
pub const SOON: Duration = Duration::from_secs(40);

/// A bed with an operator.
pub struct Scene {
    // The operator ends before the bed it works on.
    pub operator: Operator,
    pub bed: Bed,
}

impl Scene {
    /// Starts everything; nothing is applied yet.
    pub async fn start() -> Self {
        Self::with(Shape::default()).await
    }

    /// The same, on an account of this shape.
    pub async fn with(shape: Shape) -> Self {
        Self::on(Bed::start(shape).await, &[]).await
    }

    /// The same, on this bed, with more in the operator's environment.
    pub async fn on(bed: Bed, environment: &[(&str, &str)]) -> Self {
        bed.apply("{ apiVersion: v1, kind: Namespace, metadata: { name: hipaa-operator } }").await;
        let mut operator = bed.operator_with(&operator::binary(), FLAGS, environment);
        operator.wait_ready().await;
        Self { operator, bed }
    }

    /// The same, with everything applied and ready: one access, to [`HAIKU`].
    pub async fn ready() -> Self {
        let scene = Self::start().await;
        scene.bed.apply(ENVIRONMENT).await;
        scene.bed.apply(WORKLOAD).await;
        scene.bed.apply(&access("summaries", HAIKU)).await;
        scene.all_ready("summaries").await;
        scene
    }

    /// The operator's counters by name and labels, as Prometheus reads them.
    pub async fn counters(&self) -> BTreeMap<String, u64> {
        counters(&self.operator).await
    }

    /// The sum of all counters whose name and labels begin like this.
    pub async fn count(&self, prefix: &str) -> u64 {
        count(&self.operator, prefix).await
    }

    /// The calls to AWS that changed something and that the operator made since `before`, with their number.
    pub async fn changes_since(&self, before: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
        let now = self.counters().await;
        let label = |name: &str, label: &str| Some(name.split_once(&format!("{label}=\""))?.1.split('"').next()?.to_owned());
        let calls = now.iter().filter(|(name, _)| name.starts_with("hipaa_operator_aws_calls_total"));
        let mut changes = BTreeMap::new();
        for (name, value) in calls {
            let operation = label(name, "operation").expect("a call has an operation");
            let reads = ["Get", "List", "Describe"].iter().any(|prefix| operation.starts_with(prefix));
            let since = value - before.get(name).copied().unwrap_or_default();
            if !reads && since > 0 {
                *changes.entry(operation).or_default() += since;
            }
        }
        changes
    }

    /// Waits until the environments were swept this many times more. The first of them may have begun before the call.
    pub async fn sweeps(&self, more: u64) {
        const PASSES: &str = "hipaa_operator_reconciles_total{kind=\"environment\"";
        let wanted = self.count(PASSES).await + more;
        let swept = || async {
            let passes = self.count(PASSES).await;
            if passes >= wanted { Ok(()) } else { Err(format!("{passes} of {wanted} passes")) }
        };
        self.bed.eventually("sweeps go on", SOON, swept).await;
    }

    /// Sets or changes an annotation, as a person would.
    pub async fn annotate<K>(&self, namespace: Option<&str>, name: &str, key: &str, value: Option<&str>)
    where
        K: WithStatus + Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
    {
        let patch = serde_json::json!({ "metadata": { "annotations": { key: value } } });
        let api = K::api(&self.bed.client(), namespace);
        api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.expect("it can be annotated");
    }

    /// Waits until the object has the condition with this status, and gives the condition.
    pub async fn condition<K>(&self, namespace: Option<&str>, name: &str, kind: &str, status: &str) -> Condition
    where
        K: WithStatus + Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
    {
        let api: Api<K> = K::api(&self.bed.client(), namespace);
        let what = format!("{} {name}: {kind} is {status}", K::kind(&()));
        let ask = || async {
            let object = api.get(name).await.map_err(|error| error.to_string())?;
            let conditions = object.status().map(K::conditions).unwrap_or_default();
            let current = object.status().is_some();
            let found = conditions.iter().find(|condition| condition.type_ == kind);
            match found {
                Some(found) if found.status == status && found.observed_generation == object.meta().generation => Ok(found.clone()),
                _ => Err(format!("status {current}: {}", told(conditions))),
            }
        };
        self.bed.eventually(&what, SOON, ask).await
    }

    /// The same, with this reason.
    pub async fn because<K>(&self, namespace: Option<&str>, name: &str, kind: &str, status: &str, reason: &str) -> Condition
    where
        K: WithStatus + Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
    {
        let ask = || async {
            let found = self.condition::<K>(namespace, name, kind, status).await;
            if found.reason == reason { Ok(found) } else { Err(format!("{}: {}", found.reason, found.message)) }
        };
        self.bed.eventually(&format!("{kind} of {} {name} is {status}, {reason}", K::kind(&())), SOON, ask).await
    }

    /// Waits until the environment, the workload and the access of this name are ready.
    pub async fn all_ready(&self, access: &str) {
        self.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
        self.condition::<PhiWorkload>(Some("clinic"), "notes", "Ready", "True").await;
        self.condition::<BedrockAccess>(Some("clinic"), access, "Ready", "True").await;
    }

    /// The environment as it is now.
    pub async fn environment(&self) -> PhiEnvironment {
        Api::all(self.bed.client()).get("prod").await.expect("the environment is there")
    }

    /// The workload as it is now.
    pub async fn workload(&self) -> PhiWorkload {
        Api::namespaced(self.bed.client(), "clinic").get("notes").await.expect("the workload is there")
    }

    /// Name of the workload's role.
    pub async fn role(&self) -> String {
        let status = self.workload().await.status.unwrap_or_default();
        let identity = status.identity.expect("the workload has a role");
        identity.role_arn.rsplit('/').next().unwrap_or_default().to_owned()
    }

    /// Deletes an object of one of our kinds.
    pub async fn delete<K>(&self, namespace: Option<&str>, name: &str)
    where
        K: WithStatus + Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
    {
        K::api(&self.bed.client(), namespace).delete(name, &kube::api::DeleteParams::default()).await.expect("it can be deleted");
    }
}

/// The counters of an operator by name and labels, as Prometheus reads them.
pub async fn counters(operator: &Operator) -> BTreeMap<String, u64> {
    let text = operator.metrics().await;
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    lines.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
}

/// The sum of all its counters whose name and labels begin like this. Renewals of the lease go on by themselves, and are left out.
pub async fn count(operator: &Operator, prefix: &str) -> u64 {
    let renewal = |name: &str| name.contains("{kind=\"lease\"");
    counters(operator).await.iter().filter(|(name, _)| name.starts_with(prefix) && !renewal(name)).map(|(_, value)| value).sum()
}

fn told(conditions: &[Condition]) -> String {
    let each =
        conditions.iter().map(|condition| format!("{}={} {} {}", condition.type_, condition.status, condition.reason, condition.message));
    each.collect::<Vec<_>>().join("\n  ")
}
