//! Four things someone might do behind the operator's back, each found and repaired.

use std::time::{Instant, SystemTime};

use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams};
use serde_json::{Value, json};

use crate::stage::{SWEEP, Stage};
use crate::{account, events, out, reads};

/// The policy of AWS that allows everything.
const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// Does all four, one after the other.
pub async fn all(stage: &Stage) -> Result<(), String> {
    out::heading(&format!("Four things go wrong; the account is swept every {SWEEP} s, the cluster is watched"));
    let identity = reads::identity(&stage.bed.client()).await?;
    let role = identity.role_arn.rsplit('/').next().unwrap_or_default();
    attach_administrator(stage, role, &identity.policy_arn).await?;
    open_endpoint(stage).await?;
    delete_network_policy(stage).await?;
    widen_trust(stage, role).await
}

/// Something done behind the operator's back.
struct Tampering {
    what: String,
    at: Instant,
    since: SystemTime,
}

impl Tampering {
    fn begin(what: String) -> Self {
        out::doing(&what);
        Self { what, at: Instant::now(), since: SystemTime::now() }
    }

    /// Waits until `ask` sees it undone, and until the operator tells that it was the one who did it, by `operation`.
    async fn undone<A>(self, stage: &Stage, operation: &str, ask: impl FnMut() -> A) -> Result<(), String>
    where
        A: Future<Output = Result<(), String>>,
    {
        stage.until(&format!("it is undone that {}", self.what), ask).await?;
        let took = self.at.elapsed();
        let client = stage.bed.client();
        let event = stage.until("the operator tells of it", || events::repair(&client, operation, self.since)).await?;
        out::seen(&format!("found and repaired after {:.1} s", took.as_secs_f64()));
        out::shown(&event);
        Ok(())
    }
}

async fn attach_administrator(stage: &Stage, role: &str, policy_arn: &str) -> Result<(), String> {
    let iam = stage.bed.emulators.iam();
    let tampering = Tampering::begin(format!("someone attaches AdministratorAccess to {role}"));
    iam.attach_role_policy().role_name(role).policy_arn(ADMINISTRATOR).send().await.map_err(reads::told)?;
    let only_ours = || async {
        let attached = reads::attached(&iam, role).await?;
        if attached == [policy_arn] { Ok(()) } else { Err(format!("attached are {}", attached.join(", "))) }
    };
    tampering.undone(stage, "iam:DetachRolePolicy", only_ours).await
}

async fn open_endpoint(stage: &Stage) -> Result<(), String> {
    let ec2 = stage.bed.emulators.ec2();
    let endpoints = account::owned_endpoints(&ec2).await?;
    let runtime = endpoints.iter().find(|endpoint| endpoint.service_name().is_some_and(|name| name.ends_with(".bedrock-runtime")));
    let id = runtime.and_then(|endpoint| endpoint.vpc_endpoint_id()).ok_or("there is no endpoint for bedrock-runtime")?;
    let before = reads::endpoint_policy(&ec2, id).await?;
    let open = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" }] });

    let tampering = Tampering::begin(format!("someone opens the policy of bedrock-runtime's endpoint {id} to everyone"));
    ec2.modify_vpc_endpoint().vpc_endpoint_id(id).policy_document(open.to_string()).send().await.map_err(reads::told)?;
    let closed = || async { as_before(&before, &reads::endpoint_policy(&ec2, id).await?) };
    tampering.undone(stage, "ec2:ModifyVpcEndpoint", closed).await
}

async fn delete_network_policy(stage: &Stage) -> Result<(), String> {
    let policies: Api<NetworkPolicy> = Api::namespaced(stage.bed.client(), "clinic");
    let name = hipaa_operator::domain::names::network_policy("notes");
    let before = policies.get(&name).await.map_err(|error| error.to_string())?;

    let tampering = Tampering::begin(format!("someone deletes NetworkPolicy clinic/{name}"));
    policies.delete(&name, &DeleteParams::default()).await.map_err(|error| error.to_string())?;
    let made_anew = || async {
        let now = policies.get(&name).await.map_err(|error| error.to_string())?;
        if now.uid() == before.uid() {
            return Err("it is still the deleted one".to_owned());
        }
        if now.spec == before.spec { Ok(()) } else { Err("there is another one".to_owned()) }
    };
    tampering.undone(stage, "kubernetes:ApplyNetworkPolicy", made_anew).await
}

async fn widen_trust(stage: &Stage, role: &str) -> Result<(), String> {
    let iam = stage.bed.emulators.iam();
    let before = reads::trust(&iam, role).await?;
    let mut wide = before.clone();
    // Without the subject, any service account of the cluster may assume the role.
    let equals = wide.pointer_mut("/Statement/0/Condition/StringEquals").and_then(Value::as_object_mut);
    let equals = equals.ok_or_else(|| format!("the trust policy does not tell whom it trusts: {before}"))?;
    equals.retain(|key, _| !key.ends_with(":sub"));

    let tampering = Tampering::begin(format!("someone lets any service account of the cluster assume {role}"));
    iam.update_assume_role_policy().role_name(role).policy_document(wide.to_string()).send().await.map_err(reads::told)?;
    let exact = || async { as_before(&before, &reads::trust(&iam, role).await?) };
    tampering.undone(stage, "iam:UpdateAssumeRolePolicy", exact).await
}

fn as_before(before: &Value, now: &Value) -> Result<(), String> {
    if now == before { Ok(()) } else { Err(format!("the document is {now}")) }
}
