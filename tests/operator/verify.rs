//! What the platform made is verified, property by property, and never touched.

use aws_sdk_ec2::types::{IpPermission, IpRange, VpcEndpointType};
use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use hipaa_operator::domain::Scope;
use hipaa_operator::policy::endpoint::{Admission, perimeter};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use crate::account::{endpoints, groups};
use crate::scene::{ENVIRONMENT, HAIKU, SOON, Scene, WORKLOAD, access};

pub const CLINIC: Option<&str> = Some("clinic");
const ALLOW_ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const FAR: &str = "vpce-0fa20fa20fa20fa20";

pub fn scope() -> Scope {
    let environment: PhiEnvironment = serde_saphyr::from_str(ENVIRONMENT).expect("the manifest is an environment");
    Scope::new("prod", &environment.spec, Some("aws"))
}

/// A rule for HTTPS from a range.
fn https(range: &str) -> IpPermission {
    let range = IpRange::builder().cidr_ip(range).build();
    IpPermission::builder().ip_protocol("tcp").from_port(443).to_port(443).ip_ranges(range).build()
}

/// A hub VPC with an endpoint for `sts`: its VPC, the endpoint and its group.
async fn hub(scene: &Scene) -> (String, String, String) {
    let ec2 = scene.bed.emulators.ec2();
    let vpc = ec2.create_vpc().cidr_block("10.99.0.0/16").send().await.expect("CreateVpc").vpc.unwrap().vpc_id.unwrap();
    let mut subnets = Vec::new();
    for (number, zone) in scene.bed.shape.zones.iter().enumerate() {
        let call = ec2.create_subnet().vpc_id(&vpc).availability_zone(zone).cidr_block(format!("10.99.{number}.0/24"));
        subnets.push(call.send().await.expect("CreateSubnet").subnet.unwrap().subnet_id.unwrap());
    }
    let group = ec2.create_security_group().group_name("hub").description("Hub").vpc_id(&vpc).send().await.expect("CreateSecurityGroup");
    let group = group.group_id.unwrap();
    let call = ec2.authorize_security_group_ingress().group_id(&group).ip_permissions(https("10.0.0.0/8"));
    call.send().await.expect("AuthorizeSecurityGroupIngress");
    let policy = perimeter(&scope(), "sts", &Admission { operator: "arn:aws:iam::123456789012:user/test", ..Admission::default() });
    let call = ec2.create_vpc_endpoint().vpc_id(&vpc).service_name("com.amazonaws.us-east-1.sts").private_dns_enabled(false);
    let call = call.vpc_endpoint_type(VpcEndpointType::Interface).set_subnet_ids(Some(subnets)).security_group_ids(&group);
    let endpoint = call.policy_document(policy.to_json()).send().await.expect("CreateVpcEndpoint").vpc_endpoint.unwrap();
    (vpc, endpoint.vpc_endpoint_id.unwrap(), group)
}

#[tokio::test]
async fn a_hub_and_another_account_serve_a_workload() {
    let scene = Scene::start().await;
    let (vpc, endpoint, group) = hub(&scene).await;
    let endpoints_of = |sts: &str| {
        format!(
            "{ENVIRONMENT}  endpoints:\n  - {{ service: sts, management: Verify, {sts} }}\n  - {{ service: bedrock-runtime, management: Verify, vpcEndpointId: {FAR}, addressRanges: [10.98.0.0/28] }}\n"
        )
    };
    scene.bed.apply(&endpoints_of(&format!("vpcEndpointId: {endpoint}"))).await;
    let told = scene.because::<PhiEnvironment>(None, "prod", "EndpointsReady", "False", "EndpointVpcMismatch").await;
    assert!(told.message.contains(&format!("lies in {vpc}, wanted in {}", scene.bed.seeded.vpc_id)), "{}", told.message);

    scene.bed.apply(&endpoints_of(&format!("vpcEndpointId: {endpoint}, vpcId: {vpc}"))).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.all_ready("summaries").await;
    let told = scene.condition::<PhiEnvironment>(None, "prod", "Compliant", "Unknown").await;
    assert!(["DeclaredOnly", "NotRead"].contains(&told.reason.as_str()), "{told:?}");
    let controls = scene.environment().await.status.unwrap().controls;
    let of = |id: &str| controls.iter().find(|control| control.id == id).map(|control| (control.reason.as_str(), control.message.as_str()));
    assert_eq!(of("NET-3/bedrock-runtime").map(|(reason, _)| reason), Some("DeclaredOnly"), "{controls:?}");
    assert!(of("NET-5/sts").is_some_and(|(reason, message)| reason == "NotRead" && message.contains("Route 53")), "{controls:?}");
    assert_eq!((endpoints(&scene).await.len(), groups(&scene).await.len()), (2, 1), "theirs in the hub, ours for bedrock");

    let fences: Api<NetworkPolicy> = Api::namespaced(scene.bed.client(), "clinic");
    let fence = serde_json::to_string(&fences.get("hipaa-operator.notes").await.unwrap().spec).unwrap();
    assert!(fence.contains("10.98.0.0/28"), "{fence}");
    let addresses = scene.bed.emulators.ec2().describe_network_interfaces().send().await.unwrap();
    let of_hub = addresses.network_interfaces().iter().filter(|one| one.vpc_id() == Some(&vpc)).filter_map(|one| one.private_ip_address());
    for address in of_hub {
        assert!(fence.contains(&format!("{address}/32")), "{address} is not in {fence}");
    }

    let counted = scene.counters().await;
    let call = scene.bed.emulators.ec2().revoke_security_group_ingress().group_id(&group).ip_permissions(https("10.0.0.0/8"));
    call.send().await.expect("RevokeSecurityGroupIngress");
    let told = scene.because::<PhiEnvironment>(None, "prod", "EndpointsReady", "False", "SecurityGroupTooNarrow").await;
    assert!(told.message.contains(&group) && told.message.contains("from nowhere, wanted from 10.20.0.0/16"), "{}", told.message);
    scene.bed.emulators.ec2().delete_vpc_endpoints().vpc_endpoint_ids(&endpoint).send().await.expect("DeleteVpcEndpoints");
    scene.because::<PhiEnvironment>(None, "prod", "EndpointsReady", "False", "EndpointNotFound").await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "IdentityReady", "False", "CredentialPathMissing").await;
    assert_eq!(scene.changes_since(&counted).await.into_iter().collect::<Vec<_>>(), [], "nothing is mended that is not ours");
}

#[tokio::test]
async fn a_key_and_a_boundary_of_the_platforms_are_judged() {
    let scene = Scene::start().await;
    let (kms, iam) = (scene.bed.emulators.kms(), scene.bed.emulators.iam());
    let key = kms.create_key().send().await.expect("CreateKey").key_metadata.unwrap();
    let boundary = iam.create_policy().policy_name("platform").policy_document(ALLOW_ALL).send().await.expect("CreatePolicy");
    let boundary = boundary.policy.unwrap().arn.unwrap();
    let arn = key.arn.clone().unwrap();
    let manifest = |arn: &str, boundary: &str| {
        format!("{ENVIRONMENT}  key: {{ management: Verify, keyArn: '{arn}' }}\n  identity: {{ boundaryArn: '{boundary}' }}\n")
    };
    scene.bed.apply(&manifest(&arn.replace("us-east-1", "us-west-2"), &format!("{boundary}-none"))).await;
    let told = scene.because::<PhiEnvironment>(None, "prod", "KeyReady", "False", "KeyElsewhere").await;
    assert!(told.message.contains("Region us-west-2, wanted account 123456789012 and Region us-east-1"), "{}", told.message);
    scene.because::<PhiEnvironment>(None, "prod", "BoundaryReady", "False", "BoundaryNotFound").await;

    scene.bed.apply(&manifest(&arn, &boundary)).await;
    scene.condition::<PhiEnvironment>(None, "prod", "Ready", "True").await;
    let control = async |id: &str, reason: &str| {
        let ask = || async {
            let controls = scene.environment().await.status.unwrap_or_default().controls;
            let found = controls.iter().any(|control| control.id == id && control.reason == reason);
            if found { Ok(()) } else { Err(format!("{controls:?}")) }
        };
        scene.bed.eventually(&format!("{id} is {reason}"), SOON, ask).await;
    };
    control("KEY-3", "RotationDisabled").await;
    control("IAM-8/side-doors", "SideDoorsOpen").await;
    kms.enable_key_rotation().key_id(&key.key_id).send().await.expect("EnableKeyRotation");
    // moto does not tell the period.
    control("KEY-3", "NotRead").await;
    let everyone =
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"Open","Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}]}"#;
    kms.put_key_policy().key_id(&key.key_id).policy_name("default").policy(everyone).send().await.expect("PutKeyPolicy");
    control("KEY-6", "KeyPolicyTooWide").await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.all_ready("summaries").await;
    let made = iam.get_role().role_name(scene.role().await).send().await.unwrap().role.unwrap();
    assert_eq!(made.permissions_boundary.unwrap().permissions_boundary_arn(), Some(boundary.as_str()));
    assert_eq!(crate::account::keys(&scene).await.len(), 1, "no key of ours");
}

/// The environment with this role of the platform's for the workload.
pub fn attaching(role: &str) -> String {
    format!(
        "{ENVIRONMENT}  identity: {{ management: Attach, roles: [{{ namespace: clinic, serviceAccountName: notes, roleName: {role} }}] }}\n"
    )
}

/// A role as a platform team makes it, outside of our path.
pub async fn platform_role(scene: &Scene, name: &str) {
    let issuer = scene.bed.seeded.issuer.trim_start_matches("https://").to_owned();
    let trust = hipaa_operator::policy::trust::service_account_trust(&scope(), &issuer, "clinic", "notes").to_json();
    let call = scene.bed.emulators.iam().create_role().path("/team/").role_name(name).assume_role_policy_document(trust);
    call.send().await.expect("CreateRole");
}

/// ARNs of the policies that are attached to a role.
pub async fn attached(scene: &Scene, role: &str) -> Vec<String> {
    let listed = scene.bed.emulators.iam().list_attached_role_policies().role_name(role).send().await.expect("ListAttachedRolePolicies");
    listed.attached_policies().iter().filter_map(|policy| policy.policy_arn().map(str::to_owned)).collect()
}

/// Waits until the service account names this role, or none.
pub async fn annotated(scene: &Scene, role_arn: Option<&str>) {
    let accounts: Api<ServiceAccount> = Api::namespaced(scene.bed.client(), "clinic");
    let ask = || async {
        let account = accounts.get("notes").await.map_err(|error| error.to_string())?;
        let named = account.annotations().get("eks.amazonaws.com/role-arn");
        if named.map(String::as_str) == role_arn { Ok(()) } else { Err(format!("{named:?}")) }
    };
    scene.bed.eventually(&format!("the service account names {role_arn:?}"), SOON, ask).await;
}

#[tokio::test]
async fn a_role_of_the_platforms_gets_our_policy_and_nothing_else() {
    const ARN: &str = "arn:aws:iam::123456789012:role/team/notes-phi";
    let scene = Scene::start().await;
    scene.bed.apply(&attaching("notes-phi").replace("serviceAccountName: notes", "serviceAccountName: other")).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "IdentityReady", "False", "RoleNotMapped").await;
    scene.bed.apply(&attaching("notes-phi")).await;
    let told = scene.because::<PhiWorkload>(CLINIC, "notes", "IdentityReady", "False", "RoleNotFound").await;
    assert!(told.message.contains("system:serviceaccount:clinic:notes"), "{}", told.message);

    platform_role(&scene, "notes-phi").await;
    let told = scene.condition::<PhiWorkload>(CLINIC, "notes", "IdentityReady", "True").await;
    assert!(told.message.contains(ARN) && told.message.contains("only that policy is proven"), "{}", told.message);
    scene.all_ready("summaries").await;
    annotated(&scene, Some(ARN)).await;
    let identity = scene.workload().await.status.unwrap().identity.unwrap();
    assert_eq!((identity.role_arn.as_str(), attached(&scene, "notes-phi").await), (ARN, vec![identity.policy_arn.clone()]));
    assert_eq!(crate::account::roles(&scene).await, Vec::<String>::new());
    let iam = scene.bed.emulators.iam();
    let role = iam.get_role().role_name("notes-phi").send().await.unwrap().role.unwrap();
    assert!(role.tags().is_empty() && role.permissions_boundary.is_none(), "nothing else of it was changed");
    let reasons = async || scene.workload().await.status.unwrap().controls.iter().map(|control| control.reason.clone()).collect::<Vec<_>>();
    assert!(reasons().await.contains(&"BoundaryMissing".to_owned()), "{:?}", reasons().await);

    let counted = scene.counters().await;
    iam.attach_role_policy()
        .role_name("notes-phi")
        .policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess")
        .send()
        .await
        .expect("AttachRolePolicy");
    let foreign = || async {
        let found = reasons().await;
        if found.contains(&"ForeignPolicy".to_owned()) { Ok(()) } else { Err(format!("{found:?}")) }
    };
    scene.bed.eventually("what else is on the role is told", SOON, foreign).await;
    scene.sweeps(2).await;
    assert_eq!(scene.changes_since(&counted).await.into_iter().collect::<Vec<_>>(), [], "and left");
    iam.detach_role_policy().role_name("notes-phi").policy_arn(&identity.policy_arn).send().await.expect("DetachRolePolicy");
    let back = || async {
        let found = attached(&scene, "notes-phi").await;
        if found.contains(&identity.policy_arn) { Ok(()) } else { Err(format!("{found:?}")) }
    };
    scene.bed.eventually("our policy is attached again", SOON, back).await;

    scene.delete::<PhiWorkload>(CLINIC, "notes").await;
    annotated(&scene, None).await;
    assert_eq!(attached(&scene, "notes-phi").await, ["arn:aws:iam::aws:policy/ReadOnlyAccess"], "the role stays, our policy goes");
    assert!(crate::account::policy(&scene, &identity.policy_arn).await.is_none());
    scene.because::<BedrockAccess>(CLINIC, "summaries", "Ready", "False", "WorkloadNotFound").await;
}

/// Network policies as a platform team makes them: default deny, and what is needed.
pub fn fence(addresses: &[String]) -> String {
    let blocks: Vec<String> = addresses.iter().map(|address| format!("{{ ipBlock: {{ cidr: {address} }} }}")).collect();
    format!(
        "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{ name: default-deny, namespace: clinic }}
spec: {{ podSelector: {{}}, policyTypes: [Ingress, Egress] }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{ name: needed, namespace: clinic }}
spec:
  podSelector: {{ matchLabels: {{ app: notes }} }}
  policyTypes: [Egress]
  egress:
  - to: [{}]
    ports: [{{ protocol: TCP, port: 443 }}]
  - to: [{{ namespaceSelector: {{ matchLabels: {{ kubernetes.io/metadata.name: kube-system }} }}, podSelector: {{ matchLabels: {{ k8s-app: kube-dns }} }} }}]
    ports: [{{ protocol: UDP, port: 53 }}, {{ protocol: TCP, port: 53 }}]
",
        blocks.join(", ")
    )
}

/// The addresses of all endpoints of the environment's VPC, as blocks.
pub async fn addresses(scene: &Scene) -> Vec<String> {
    let mut found = Vec::new();
    for endpoint in endpoints(scene).await {
        let call = scene
            .bed
            .emulators
            .ec2()
            .describe_network_interfaces()
            .set_network_interface_ids(Some(endpoint.network_interface_ids().to_vec()));
        let interfaces = call.send().await.expect("DescribeNetworkInterfaces");
        found.extend(
            interfaces.network_interfaces().iter().filter_map(|one| one.private_ip_address()).map(|address| format!("{address}/32")),
        );
    }
    found
}

#[tokio::test]
async fn network_policies_of_the_platforms_are_judged() {
    let scene = Scene::start().await;
    scene.bed.apply(&format!("{ENVIRONMENT}  network: {{ management: Verify }}\n")).await;
    scene.bed.apply(WORKLOAD).await;
    scene.bed.apply(&access("summaries", HAIKU)).await;
    scene.because::<PhiWorkload>(CLINIC, "notes", "NetworkIsolated", "False", "EgressNotDenied").await;
    assert_eq!(crate::account::roles(&scene).await, Vec::<String>::new(), "no role before the fence");

    let needed = fence(&addresses(&scene).await);
    scene.bed.apply(needed.split("---").next().unwrap()).await;
    let told = scene.because::<PhiWorkload>(CLINIC, "notes", "NetworkIsolated", "False", "EgressTooNarrow").await;
    assert!(told.message.contains("DNS on UDP 53"), "{}", told.message);
    scene.bed.apply(&needed).await;
    scene.all_ready("summaries").await;
    let fences: Api<NetworkPolicy> = Api::namespaced(scene.bed.client(), "clinic");
    assert_eq!(fences.list(&ListParams::default()).await.unwrap().items.len(), 2, "none of ours");

    let open = needed.replace("default-deny", "open").replace("policyTypes: [Ingress, Egress]", "egress: [{}]");
    scene.bed.apply(open.split("---").next().unwrap()).await;
    let wide = || async {
        let controls = scene.workload().await.status.unwrap().controls;
        let found = controls.iter().any(|control| control.id == "NET-10/open" && control.message.contains("egress to every address"));
        if found { Ok(()) } else { Err(format!("{controls:?}")) }
    };
    scene.bed.eventually("what is wider is told", SOON, wide).await;
}
