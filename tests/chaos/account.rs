//! The account's part of the picture: everything under our path or with our tags, read past the proxy.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{SecurityGroup, VpcEndpoint};
use aws_sdk_iam::types::{EntityType, ManagedPolicyDetail, RoleDetail};
use hipaa_operator::domain::scope::CLAIMS_PATH;
use hipaa_operator::domain::tags::CLUSTER;

use crate::picture::Thing;
use crate::support::comparable::{canonical, rules, sorted};
use crate::support::emulators::Emulators;

/// IAM keeps no more versions of a policy.
const VERSIONS: usize = 5;

/// What of ours the account holds.
#[derive(Default)]
pub struct Held {
    /// The things.
    pub things: Vec<Thing>,
    /// The word for each identifier that the account gave.
    pub names: BTreeMap<String, String>,
}

/// Reads the account.
pub async fn read(emulators: &Emulators) -> Result<Held, String> {
    let mut held = Held::default();
    // Boxes, because a future with an SDK call in it is large.
    let (iam, network, keys) = tokio::join!(Box::pin(identity(emulators)), Box::pin(network(emulators)), Box::pin(keys(emulators)));
    for part in [iam?, network?, keys?] {
        held.things.extend(part.things);
        held.names.extend(part.names);
    }
    Ok(held)
}

async fn identity(emulators: &Emulators) -> Result<Held, String> {
    let details = emulators.iam().get_account_authorization_details();
    let details = details.filter(EntityType::Role).filter(EntityType::LocalManagedPolicy).send().await.map_err(told)?;
    let roles = details.role_detail_list().iter().filter(|role| role.path().is_some_and(|path| path.starts_with("/hipaa-operator/")));
    let mut things: Vec<_> = roles.map(role).collect();
    let policies = details.policies().iter().filter(|policy| policy.arn().is_some_and(|arn| arn.contains(":policy/hipaa-operator/")));
    for detail in policies {
        let tags = emulators.iam().list_policy_tags().policy_arn(detail.arn().unwrap_or_default()).send().await.map_err(told)?;
        let mut thing = policy(detail);
        thing.parts.insert("tags".to_owned(), sorted(tags.tags().iter().map(|tag| (tag.key(), tag.value()))));
        things.push(thing);
    }
    Ok(Held { things, names: BTreeMap::new() })
}

fn role(role: &RoleDetail) -> Thing {
    let boundary = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
    let inline = role.role_policy_list().iter();
    Thing::new(
        format!("role {}", role.role_name().unwrap_or_default()),
        [
            ("trust", canonical(role.assume_role_policy_document().unwrap_or_default())),
            ("boundary", boundary.unwrap_or("none").to_owned()),
            ("attached", sorted(role.attached_managed_policies().iter().map(|policy| policy.policy_arn()))),
            ("inline", sorted(inline.map(|policy| (policy.policy_name(), policy.policy_document().map(canonical))))),
            ("tags", sorted(role.tags().iter().map(|tag| (tag.key(), tag.value())))),
        ],
    )
}

fn policy(policy: &ManagedPolicyDetail) -> Thing {
    let versions = policy.policy_version_list();
    let default = versions.iter().find(|version| version.is_default_version());
    let arn = policy.arn().unwrap_or_default();
    // The generation of a claim may be any.
    let place = if arn.contains(CLAIMS_PATH) { arn.rsplit_once('.').map_or(arn, |(place, _)| place) } else { arn };
    Thing::new(
        format!("policy {place}"),
        [
            ("document", canonical(default.and_then(|version| version.document()).unwrap_or_default())),
            ("versions that fit", (versions.len() <= VERSIONS).to_string()),
        ],
    )
}

async fn network(emulators: &Emulators) -> Result<Held, String> {
    let ec2 = emulators.ec2();
    let (endpoints, groups) = tokio::join!(ec2.describe_vpc_endpoints().send(), ec2.describe_security_groups().send());
    let mut held = Held::default();
    let groups = groups.map_err(told)?.security_groups.unwrap_or_default();
    for one in groups.iter().filter(|group| group.tags().iter().any(|tag| tag.key() == Some(CLUSTER))) {
        let name = one.group_name().unwrap_or_default();
        held.names.insert(one.group_id().unwrap_or_default().to_owned(), format!("<group {name}>"));
        held.things.push(group(one));
    }
    let endpoints = endpoints.map_err(told)?;
    // The account had none before: an endpoint without our tags is one of ours that lost them.
    for one in endpoints.vpc_endpoints().iter().filter(|endpoint| lives(endpoint)) {
        let interfaces = ec2.describe_network_interfaces().set_network_interface_ids(one.network_interface_ids.clone());
        for address in interfaces.send().await.map_err(told)?.network_interfaces().iter().filter_map(|one| one.private_ip_address()) {
            held.names.insert(format!("{address}/32"), "<address of an endpoint>".to_owned());
        }
        let service = one.service_name().unwrap_or_default();
        held.names.insert(one.vpc_endpoint_id().unwrap_or_default().to_owned(), format!("<endpoint {service}>"));
        held.things.push(endpoint(one));
    }
    Ok(held)
}

fn lives(endpoint: &VpcEndpoint) -> bool {
    endpoint.state().is_none_or(|state| !state.as_str().eq_ignore_ascii_case("deleted"))
}

fn endpoint(endpoint: &VpcEndpoint) -> Thing {
    Thing::new(
        format!("endpoint {}", endpoint.service_name().unwrap_or_default()),
        [
            ("vpc", endpoint.vpc_id().unwrap_or_default().to_owned()),
            ("policy", canonical(endpoint.policy_document().unwrap_or_default())),
            ("groups", sorted(endpoint.groups().iter().map(|group| group.group_id()))),
            ("subnets", sorted(endpoint.subnet_ids().iter())),
            ("private DNS", format!("{:?}", endpoint.private_dns_enabled())),
            ("tags", sorted(endpoint.tags().iter().map(|tag| (tag.key(), tag.value())))),
        ],
    )
}

fn group(group: &SecurityGroup) -> Thing {
    Thing::new(
        format!("group {}", group.group_name().unwrap_or_default()),
        [
            ("ingress", rules(group.ip_permissions())),
            ("egress", rules(group.ip_permissions_egress())),
            ("tags", sorted(group.tags().iter().map(|tag| (tag.key(), tag.value())))),
        ],
    )
}

/// All keys of the account: it had none before. A key is known by the alias in its tags, because a second one would have no alias.
async fn keys(emulators: &Emulators) -> Result<Held, String> {
    let kms = emulators.kms();
    let mut held = Held::default();
    let (listed, aliases) = tokio::join!(kms.list_keys().send(), kms.list_aliases().send());
    let aliases = aliases.map_err(told)?;
    for key in listed.map_err(told)?.keys().iter().filter_map(|key| key.key_id()) {
        let (described, tags) = (kms.describe_key().key_id(key).send(), kms.list_resource_tags().key_id(key).send());
        let (policy, rotation) =
            (kms.get_key_policy().key_id(key).policy_name("default").send(), kms.get_key_rotation_status().key_id(key).send());
        let (described, tags, policy, rotation) = tokio::join!(described, tags, policy, rotation);
        let state = described.map_err(told)?.key_metadata.and_then(|metadata| metadata.key_state);
        let of_key = aliases.aliases().iter().filter(|alias| alias.target_key_id() == Some(key)).map(|alias| alias.alias_name());
        held.names.insert(key.to_owned(), "<key>".to_owned());
        held.things.push(Thing::new(
            "key".to_owned(),
            [
                ("state", format!("{state:?}")),
                ("aliases", sorted(of_key)),
                ("rotation", rotation.map(|status| status.key_rotation_enabled()).map_err(told)?.to_string()),
                ("policy", canonical(policy.map_err(told)?.policy().unwrap_or_default())),
                ("tags", sorted(tags.map_err(told)?.tags().iter().map(|tag| (tag.tag_key().to_owned(), tag.tag_value().to_owned())))),
            ],
        ));
    }
    Ok(held)
}

/// An error with what the service said.
pub fn told(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
