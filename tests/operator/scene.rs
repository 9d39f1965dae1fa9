//! What most cases share: a bed, an operator that sweeps every second, and the three manifests of the README.

use std::time::Duration;

use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use hipaa_operator::cluster::objects::WithStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::support::bed::Bed;
use crate::support::operator::{self, Operator};
use crate::support::seed::Shape;

/// How long anything may take here unless a case says less.
pub const SOON: Duration = Duration::from_secs(40);

/// The first environment.
pub const ENVIRONMENT: &str = r#"
apiVersion: hipaa-operator.io/v1alpha1
kind: PhiEnvironment
metadata: { name: prod }
spec:
  enforcement: Enforce
  aws: { accountId: "123456789012", region: us-east-1, clusterName: prod }
  namespaceSelector: { matchLabels: { hipaa-operator.io/phi: allowed } }
  bedrock:
    models: [anthropic.claude-3-haiku-20240307-v1:0, anthropic.claude-3-sonnet-20240229-v1:0]
"#;

/// An admitted namespace with a service account and a workload that uses it.
pub const WORKLOAD: &str = r"
apiVersion: v1
kind: Namespace
metadata: { name: clinic, labels: { hipaa-operator.io/phi: allowed } }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: notes, namespace: clinic }
---
apiVersion: hipaa-operator.io/v1alpha1
kind: PhiWorkload
metadata: { name: notes, namespace: clinic }
spec:
  environmentRef: { name: prod }
  serviceAccountName: notes
  podSelector: { matchLabels: { app: notes } }
";

/// An access of this name to this model.
pub fn access(name: &str, model: &str) -> String {
    format!(
        "
apiVersion: hipaa-operator.io/v1alpha1
kind: BedrockAccess
metadata: {{ name: {name}, namespace: clinic }}
spec:
  workloadRef: {{ name: notes }}
  useCase: Summarization
  models: [{model}]
"
    )
}

/// A model that the environment approves and the account may call.
pub const HAIKU: &str = "anthropic.claude-3-haiku-20240307-v1:0";
/// Another one.
pub const SONNET: &str = "anthropic.claude-3-sonnet-20240229-v1:0";

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
        let bed = Bed::start(shape).await;
        bed.apply("{ apiVersion: v1, kind: Namespace, metadata: { name: hipaa-operator } }").await;
        let flags = ["--sweep-interval", "1", "--iam-settling", "0", "--allow-endpoint-override", "--log", "info,hipaa_operator=debug"];
        let mut operator = bed.operator(&operator::binary(), &flags);
        operator.wait_ready().await;
        Self { operator, bed }
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

    /// Waits until the environment, the workload and the access of this name are ready.
    pub async fn all_ready(&self, access: &str) {
        self.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
        self.condition::<PhiWorkload>(Some("clinic"), "notes", "Ready", "True").await;
        self.condition::<BedrockAccess>(Some("clinic"), access, "Ready", "True").await;
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

fn told(conditions: &[Condition]) -> String {
    let each =
        conditions.iter().map(|condition| format!("{}={} {} {}", condition.type_, condition.status, condition.reason, condition.message));
    each.collect::<Vec<_>>().join("\n  ")
}
