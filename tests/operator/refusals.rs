//! What is wrong by itself is refused by the API server, in words that say what to do.

use crate::scene::{ENVIRONMENT, HAIKU, WORKLOAD, access};
use crate::support::bed::Bed;
use crate::support::seed::Shape;

/// (manifest, what the refusal says).
fn environments() -> Vec<(String, &'static str)> {
    let with = |from: &str, to: &str| {
        assert!(ENVIRONMENT.contains(from), "{from}");
        ENVIRONMENT.replace(from, to)
    };
    let and = |more: &str| format!("{ENVIRONMENT}  {more}\n");
    let models = "    models: [anthropic.claude-3-haiku-20240307-v1:0, anthropic.claude-3-sonnet-20240229-v1:0]\n";
    vec![
        (with("{ matchLabels: { hipaa-operator.io/phi: allowed } }", "{}"), "namespaceSelector is empty and would admit every namespace"),
        (with("{ name: prod }", "{ name: prod.east }"), "use at most 63 characters and no dots"),
        (with("123456789012", "12345"), "accountId"),
        (with("Enforce", "Perhaps"), "spec.enforcement"),
        (with(models, "    models: []\n"), "approve at least one foundation model"),
        (with(models, "    inferenceProfiles: [global.anthropic.claude-sonnet-4-v1:0]\n"), "a global. profile may process PHI in any"),
        (
            with(models, "    models: [us.anthropic.claude-3-haiku-20240307-v1:0]\n"),
            "is an inference profile: list it under inferenceProfiles",
        ),
        (and("key: { management: Verify }"), "Verify needs spec.key.keyArn"),
        (and("key: { keyArn: 'arn:aws:kms:us-east-1:123456789012:key/abc' }"), "set spec.key.management to Verify"),
        (
            and("endpoints: [{ service: sts, management: Provision, sources: [{ cidr: 0.0.0.0/0 }] }]"),
            "a source of every address protects nothing",
        ),
        (and("endpoints: [{ service: sts, management: Provision, sources: [{}] }]"), "either a cidr or a securityGroupId"),
        (and("endpoints: [{ service: sts, management: Provision, vpcEndpointId: vpce-0123456789abcdef0 }]"), "set management to Verify"),
        (and("endpoints: [{ service: bedrock-mantle, management: Provision }]"), "bypass guardrails"),
        (
            and("endpoints: [{ service: sts, management: Verify, exclusive: true }]"),
            "exclusive narrows an endpoint that the operator provisions",
        ),
        (
            and("network: { peers: [{ name: all, cidrs: [0.0.0.0/0], ports: [{ port: 443 }] }] }"),
            "a peer of every address would undo the isolation",
        ),
        (and("network: { peers: [{ name: all, namespaceSelector: {}, ports: [{ port: 443 }] }] }"), "would match every namespace"),
        (and("identity: { maxSessionDuration: 60 }"), "maxSessionDuration"),
        (and("endpoints: [{ service: sts, management: Verify, vpcId: vpc-0123456789abcdef0 }]"), "set vpcEndpointId too"),
        (and("endpoints: [{ service: sts, management: Verify, addressRanges: [10.0.0.7/32] }]"), "name it in vpcEndpointId"),
        (
            and("endpoints: [{ service: sts, management: Verify, vpcEndpointId: vpce-0123456789abcdef0, addressRanges: [0.0.0.0/0] }]"),
            "an endpoint does not have every address",
        ),
        (
            and(
                "endpoints: [{ service: sts, management: Verify, vpcEndpointId: vpce-0123456789abcdef0, vpcId: vpc-0123456789abcdef0, addressRanges: [10.0.0.7/32] }]",
            ),
            "remove one of them",
        ),
        (and("identity: { management: Attach }"), "which role is whose service account's"),
        (and("identity: { roles: [{ namespace: clinic, serviceAccountName: notes, roleName: phi }] }"), "set management to Attach"),
        (
            and(
                "identity: { management: Attach, roles: [{ namespace: a, serviceAccountName: b, roleName: phi }, { namespace: a, serviceAccountName: c, roleName: PHI }] }",
            ),
            "two service accounts never share a role",
        ),
        (and("identity: { management: Attach, roles: [{ namespace: a, serviceAccountName: b, roleName: 'path/phi' }] }"), "roleName"),
        (
            and(
                "identity: { management: Attach, roles: [{ namespace: a, serviceAccountName: b, roleName: phi }] }\n  endpoints: [{ service: sts, management: Provision, exclusive: true }]",
            ),
            "name your roles in its otherPrincipals",
        ),
        (and("network: { management: Perhaps }"), "network.management"),
    ]
}

fn others() -> Vec<(String, &'static str)> {
    let workload = WORKLOAD.rsplit("---").next().unwrap();
    let access = access("summaries", HAIKU);
    let of_access = |from: &str, to: &str| access.replace(from, to);
    let model = format!("models: [{HAIKU}]");
    vec![
        (workload.replace("{ matchLabels: { app: notes } }", "{}"), "podSelector is empty and would select every pod"),
        (workload.replace("serviceAccountName: notes", "serviceAccountName: default"), "the default service account is used by every pod"),
        (workload.to_owned() + "  ownerContact: Jane Doe\n", "ownerContact"),
        (of_access("Summarization", "Diagnosis"), "this useCase is prohibited"),
        (of_access("Summarization", "Treatment"), "use DecisionSupport with an overseer"),
        (of_access("Summarization", "RiskScoring"), "name them in overseer"),
        (of_access("Summarization", "Anything"), "spec.useCase"),
        (of_access(&model, "operations: [Invoke]"), "name at least one foundation model"),
        (of_access(&model, "models: []"), "name at least one foundation model"),
        (of_access(&model, "models: ['anthropic.*']"), "spec.models"),
        (of_access(HAIKU, "us.anthropic.claude-3-haiku-20240307-v1:0"), "is an inference profile"),
        (of_access(&model, &format!("{model}\n  operations: [Delete]")), "spec.operations"),
    ]
}

#[tokio::test]
async fn bad_manifests_are_refused_in_our_words() {
    let bed = Bed::start(Shape::default()).await;
    bed.apply("{ apiVersion: v1, kind: Namespace, metadata: { name: clinic } }").await;
    for (manifest, words) in environments().into_iter().chain(others()) {
        refused(&bed, &manifest, words).await;
    }

    bed.apply(ENVIRONMENT).await;
    bed.apply(WORKLOAD).await;
    bed.apply(&access("summaries", HAIKU)).await;
    let workload = WORKLOAD.rsplit("---").next().unwrap();
    let changes = [
        (ENVIRONMENT.replace("123456789012", "123456789013"), "create another PhiEnvironment for another account"),
        (ENVIRONMENT.replace("clusterName: prod", "clusterName: test"), "create another PhiEnvironment for another account"),
        (ENVIRONMENT.replace("region: us-east-1", "region: us-west-2"), "create another PhiEnvironment for another account"),
        (workload.replace("environmentRef: { name: prod }", "environmentRef: { name: test }"), "environmentRef cannot be changed"),
        (workload.replace("serviceAccountName: notes", "serviceAccountName: other"), "serviceAccountName cannot be changed"),
        (
            access("summaries", HAIKU).replace("workloadRef: { name: notes }", "workloadRef: { name: other }"),
            "workloadRef cannot be changed",
        ),
    ];
    for (manifest, words) in changes {
        refused(&bed, &manifest, words).await;
    }
}

async fn refused(bed: &Bed, manifest: &str, words: &str) {
    let error = bed.try_apply(manifest).await.err().unwrap_or_else(|| panic!("not refused, though {words}:\n{manifest}"));
    assert!(error.to_string().contains(words), "{error}\ndoes not say: {words}\n{manifest}");
}
