//! The manifests of the README, as most cases apply them.

/// The first environment, with the guardrail of the platform's that the stub in front of Bedrock has.
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
    guardrails:
    - name: phi
      management: Verify
      default: true
      guardrailId: platform1
      version: "1"
      kmsKeyArn: arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555
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
