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
        (and("  dataRetention: { management: Provision }"), "needs acceptAccountWideImpact: true"),
        (and("  dataRetention: { management: Provision, acceptAccountWideImpact: false }"), "needs acceptAccountWideImpact: true"),
        (and("  dataRetention: { adopt: true }"), "set management to Provision, or remove adopt"),
        (and("  dataRetention: { management: Perhaps }"), "dataRetention.management"),
        (and("  invocationLogging: { shape: Disabled, management: Provision }"), "needs acceptAccountWideImpact: true"),
        (and("  invocationLogging: { shape: Some }"), "invocationLogging.shape"),
        (and("  invocationLogging: { shape: Disabled, bucketName: logs }"), "shape Disabled logs nowhere"),
        (and("  invocationLogging: { shape: ProtectedStore }"), "set logGroupName or bucketName"),
        (
            and("  invocationLogging: { shape: MetadataOnly, management: Provision, acceptAccountWideImpact: true }"),
            "needs somewhere to log to",
        ),
        (
            and("  invocationLogging: { shape: MetadataOnly, management: Provision, acceptAccountWideImpact: true, logGroupName: calls }"),
            "needs roleArn beside logGroupName",
        ),
        (and("  invocationLogging: { shape: MetadataOnly, largeDataBucketName: logs }"), "belong to a log group"),
        (and("  invocationLogging: { shape: MetadataOnly, keyPrefix: logs }"), "set bucketName too"),
    ]
}

/// A store with everything it needs, and what is put into it.
fn store(more: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("name", "records"),
        ("type", "S3"),
        ("arn", "'arn:aws:s3:::clinic-records'"),
        ("verbs", "[read]"),
        ("namespaceSelector", "{ matchLabels: { team: clinic } }"),
    ];
    for &(name, value) in more {
        fields.retain(|(known, _)| *known != name);
        fields.push((name, value));
    }
    let fields: Vec<String> =
        fields.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}: {value}")).collect();
    format!("{ENVIRONMENT}  stores: [{{ {} }}]\n", fields.join(", "))
}

const TABLE: &str = "'arn:aws:dynamodb:us-east-1:123456789012:table/visits'";
const SECRET: &str = "'arn:aws:secretsmanager:us-east-1:123456789012:secret:records/db-AbCdEf'";
const QUEUE: &str = "'arn:aws:sqs:us-east-1:123456789012:intake.fifo'";

#[rustfmt::skip]
fn bad_stores() -> Vec<(String, &'static str)> {
    vec![
        // The ARN is one of the type, without wildcards.
        (store(&[("arn", TABLE)]), "the arn of type S3 is that of a bucket"),
        (store(&[("arn", "'arn:aws:s3:::clinic-records/notes'")]), "name its folders in prefixes"),
        (store(&[("arn", "'arn:aws:s3:::clinic-*'")]), "without wildcards"),
        (store(&[("arn", "'*'")]), "the arn of type S3 is that of a bucket"),
        (store(&[("arn", "'arn:aws:s3:::${aws:username}'")]), "the arn of type S3 is that of a bucket"),
        (store(&[("type", "DynamoDB")]), "the arn of type DynamoDB is that of a table"),
        (store(&[("type", "DynamoDB"), ("arn", "'arn:aws:dynamodb:us-east-1:123456789012:table/*'")]), "without index and wildcards"),
        (store(&[("type", "DynamoDB"), ("arn", "'arn:aws:dynamodb:us-east-1:123456789012:table/visits/index/day'")]), "without index and wildcards"),
        (store(&[("type", "SecretsManager"), ("arn", "'arn:aws:secretsmanager:us-east-1:123456789012:secret:records'")]), "the six characters that AWS put behind its name"),
        (store(&[("type", "SecretsManager"), ("arn", "'arn:aws:secretsmanager:us-east-1:123456789012:secret:records-??????'")]), "without wildcards"),
        (store(&[("type", "SQS"), ("arn", SECRET)]), "the arn of type SQS is that of a queue"),
        (store(&[("type", "SQS"), ("arn", "'arn:aws:sqs:us-east-1:123456789012:in?ake'")]), "without wildcards"),
        (store(&[("type", "DynamoDB"), ("arn", "'arn:aws:dynamodb:us-west-2:123456789012:table/visits'")]), "a store lies in the Region of the environment"),
        // Prefixes are folders of a bucket.
        (store(&[("prefixes", "[notes]")]), "ends with a slash, such as notes/"),
        (store(&[("prefixes", "['notes/*']")]), "has no wildcards or variables"),
        (store(&[("prefixes", "['*/']")]), "has no wildcards or variables"),
        (store(&[("prefixes", "['${aws:username}/']")]), "has no wildcards or variables"),
        (store(&[("prefixes", "['/']")]), "a prefix begins with a folder's name"),
        (store(&[("prefixes", "[notes//old/]")]), "a prefix begins with a folder's name"),
        (store(&[("prefixes", "['John Doe/']")]), "prefixes"),
        (store(&[("prefixes", "[/notes/]")]), "a prefix begins with a folder's name"),
        (store(&[("prefixes", "[]")]), "prefixes"),
        (store(&[("type", "SQS"), ("arn", QUEUE), ("prefixes", "[notes/]")]), "prefixes are folders of a bucket"),
        // The rest.
        (store(&[("type", "Bucket")]), "Unsupported value"),
        (store(&[("verbs", "[]")]), "verbs"),
        (store(&[("verbs", "")]), "verbs: Required value"),
        (store(&[("verbs", "[Read]")]), "Unsupported value"),
        (store(&[("verbs", "[delete]")]), "Unsupported value"),
        (store(&[("kmsKeyArn", "'arn:aws:kms:us-east-1:123456789012:key/*'")]), "kmsKeyArn"),
        (store(&[("kmsKeyArn", "'arn:aws:kms:us-east-1:123456789012:alias/records'")]), "kmsKeyArn"),
        (store(&[("kmsKeyArn", "'arn:aws:kms:us-west-2:123456789012:key/1'")]), "a store's kmsKeyArn lies in the Region of the store"),
        (store(&[("namespaceSelector", "{}")]), "would give the store to every namespace"),
        (store(&[("namespaceSelector", "{ matchLabels: {} }")]), "would give the store to every namespace"),
        (store(&[("namespaceSelector", "")]), "namespaceSelector: Required value"),
        (store(&[("name", "Records")]), "stores[0].name"),
    ]
}

fn good_stores() -> Vec<String> {
    vec![
        store(&[]),
        store(&[
            ("prefixes", "[notes/, year=2026/month=11/]"),
            ("verbs", "[read, write]"),
            ("kmsKeyArn", "'arn:aws:kms:us-east-1:123456789012:key/1'"),
        ]),
        store(&[("type", "DynamoDB"), ("arn", TABLE), ("verbs", "[write]")]),
        store(&[("type", "SecretsManager"), ("arn", SECRET)]),
        store(&[("type", "SQS"), ("arn", QUEUE)]),
        store(&[("namespaceSelector", "{ matchExpressions: [{ key: team, operator: In, values: [a, b] }] }")]),
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
        (workload.to_owned() + "  stores: ['arn:aws:s3:::clinic-records']\n", "spec.stores[0]"),
        (workload.to_owned() + "  stores: [records, records]\n", "duplicate entries"),
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
    for (manifest, words) in environments().into_iter().chain(bad_stores()).chain(others()) {
        refused(&bed, &manifest, words).await;
    }
    for manifest in good_stores() {
        bed.apply(&manifest).await;
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
