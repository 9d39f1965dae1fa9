//! Reads everything that a pass over an environment needs, once, as much as possible at the same time.

mod elsewhere;
mod guardrails;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use futures::join;
use k8s_openapi::api::core::v1::Service;
use kube::{Api, Client};
use serde::Deserialize;

use crate::api::{PhiEnvironmentSpec, PhiEnvironmentStatus};
use crate::aws::Account;
use crate::aws::iam::Ours;
use crate::cluster::fault::fault_of;
use crate::domain::{Fault, FaultClass, names, tags};
use crate::observed::Read;
use crate::observed::account::Caller;
use crate::observed::claims::Claims;
use crate::observed::environment::EnvironmentObservation;
use crate::observed::identity::{IdentitySnapshot, ManagedPolicy};
use crate::observed::network::Subnet;
use crate::plan::environment::Rules;
use crate::plan::facts::without_scheme;

/// What was read, with the account's IAM apart: that is shared with the workloads.
pub struct Observation {
    /// For the environment's own plan.
    pub environment: EnvironmentObservation,
    /// The account's IAM, as far as it is ours.
    pub identity: Read<IdentitySnapshot>,
}

/// What an observation starts from.
pub struct Known<'a> {
    /// The spec of the environment.
    pub spec: &'a PhiEnvironmentSpec,
    /// The same, resolved.
    pub rules: &'a Rules,
    /// The status as last written: what it records of ours is read by id.
    pub recorded: &'a PhiEnvironmentStatus,
    /// The caller, read before: the partition of every ARN comes from it.
    pub caller: Read<Caller>,
    /// Identity of the API server.
    pub api_server: Read<String>,
    /// The account's IAM as it was known before.
    pub identity: Arc<IdentitySnapshot>,
}

/// Reads for an environment. Claims are read before endpoints: what is there once a claim is ours is seen.
pub async fn observe(client: &Client, account: &Account, known: Known<'_>) -> Observation {
    let Known { spec, rules, recorded, caller, api_server, identity: known } = known;
    let scope = &rules.scope;
    let role_name = caller.as_ref().ok().and_then(|caller| caller.role_name().map(str::to_owned));
    let cluster_arn = scope.cluster_arn();
    let alias = names::key_alias(scope);
    let platform_roles = rules.platform_role_names();
    let (models, profiles) = (rules.models(), rules.profiles());
    let key = spec.key.as_ref().and_then(|key| key.key_arn.clone()).unwrap_or(alias);
    let additional = rules.additional_policy_arns();
    let (cluster, issuer, key, identity, models, profiles, guardrails, dns, platform_boundary, attachment_quota, additional_policies) = join!(
        account.eks.cluster(&scope.cluster_name),
        api_server_issuer(client),
        account.kms.key(&key),
        account.iam.snapshot(Ours {
            path: &scope.path,
            cluster_arn: &cluster_arn,
            operator_role_name: role_name.as_deref(),
            named_roles: &platform_roles,
            known: &known
        }),
        each(&models, |model| account.bedrock.availability(model)),
        each(&profiles, |profile| account.bedrock.profile(profile, rules.terms.identifier(profile))),
        guardrails::read(account, rules, &recorded.guardrails),
        dns_service_addresses(client),
        async {
            match &rules.platform_boundary_arn {
                Some(arn) => account.iam.policy_document(arn).await,
                None => Ok(None),
            }
        },
        async { if additional.is_empty() { Ok(None) } else { account.iam.attachment_quota().await.map(Some) } },
        each(&additional, |arn| account.iam.policy_document(arn)),
    );
    let issuer_of_cluster = cluster.as_ref().map(|cluster| cluster.as_ref().map(|cluster| cluster.issuer.clone()).unwrap_or_default());
    let (subnets, oidc_provider, offered, settings) = join!(
        async {
            match &cluster {
                Ok(Some(cluster)) => account.ec2.subnets(&cluster.subnet_ids).await,
                Ok(None) => Ok(Vec::new()),
                Err(fault) => Err(fault.clone()),
            }
        },
        async {
            match &issuer_of_cluster {
                Ok(issuer) if issuer.is_empty() => Ok(None),
                Ok(issuer) => account.iam.oidc_provider(&scope.oidc_provider_arn(without_scheme(issuer))).await,
                Err(fault) => Err((*fault).clone()),
            }
        },
        async { account.ec2.offered_services(&rules.service_names()).await },
        Box::pin(settings::read(account, rules, &profiles)),
    );
    let vpc_id = subnets.as_ref().map_err(Clone::clone).map(|subnets| spec.aws.vpc_id.clone().or_else(|| vpc_of(subnets)));
    let (vpc, endpoints, security_groups) = match vpc_id {
        Ok(Some(id)) => join!(account.ec2.vpc(&id), account.ec2.endpoints(&id), account.ec2.security_groups(&id, &cluster_arn)),
        Ok(None) => (Ok(None), Ok(Vec::new()), Ok(Vec::new())),
        Err(fault) => (Err(fault.clone()), Err(fault.clone()), Err(fault)),
    };
    let other_endpoints = elsewhere::endpoints(account, rules, &endpoints).await;
    let other_subnets = elsewhere::subnets(account, rules, &subnets, [&endpoints, &other_endpoints]).await;
    let boundary_arn = scope.policy_arn(&names::boundary(scope));
    let boundary = identity.as_ref().map(|identity| identity.policies.get(&boundary_arn).map(|policy| policy.read())).map_err(Clone::clone);
    let boundary_is_ours = is_ours(account, rules, recorded, &boundary).await;
    let mut environment = EnvironmentObservation {
        operator_arn: operator_arn(&caller, &identity),
        caller,
        api_server,
        claims: identity.as_ref().map(|identity| Claims::among(identity.policies.values().map(AsRef::as_ref))).map_err(Clone::clone),
        api_server_issuer: issuer,
        cluster,
        vpc,
        subnets,
        other_subnets,
        oidc_provider,
        offered,
        endpoints,
        other_endpoints,
        security_groups,
        other_security_groups: Ok(Vec::new()),
        key,
        boundary,
        boundary_is_ours,
        platform_boundary,
        attachment_quota,
        additional_policies,
        models,
        profiles,
        only_named: rules.named.models.union(&rules.named.profiles).cloned().collect(),
        guardrails,
        settings,
        dns_service_addresses: dns,
    };
    environment.other_security_groups = elsewhere::security_groups(account, rules, &environment, &recorded.endpoints).await;
    Observation { environment, identity }
}

/// Whether the boundary of our name is ours. The bulk read does not carry the tags of policies: they are asked for only when the status
/// does not record it.
async fn is_ours(account: &Account, rules: &Rules, recorded: &PhiEnvironmentStatus, boundary: &Read<Option<ManagedPolicy>>) -> Read<bool> {
    let boundary = match boundary {
        Err(fault) => return Err(fault.clone()),
        Ok(Some(boundary)) if rules.platform_boundary_arn.is_none() => boundary,
        Ok(_) => return Ok(rules.platform_boundary_arn.is_none()),
    };
    if recorded.boundary_arn.as_ref() == Some(&boundary.arn) {
        return Ok(true);
    }
    let found = account.iam.policy_tags(&boundary.arn).await?;
    Ok(found.is_some_and(|found| tags::owned(&found, &tags::of_environment(&rules.scope))))
}

async fn each<'a, T, F>(names: &'a BTreeSet<String>, read: impl Fn(&'a str) -> F) -> BTreeMap<String, Read<T>>
where
    F: Future<Output = Read<T>>,
{
    join_all(names.iter().map(|name| async { (name.clone(), read(name).await) })).await.into_iter().collect()
}

/// The VPC that all the subnets lie in, if it is one.
fn vpc_of(subnets: &[Subnet]) -> Option<String> {
    let ids: BTreeSet<&str> = subnets.iter().map(|subnet| subnet.vpc_id.as_str()).collect();
    (ids.len() == 1).then(|| ids.first().map(|&id| id.to_owned())).flatten()
}

/// The operator's IAM principal. A session's ARN does not carry the role's path, so the role itself is asked.
fn operator_arn(caller: &Read<Caller>, identity: &Read<IdentitySnapshot>) -> Read<String> {
    let caller = caller.as_ref().map_err(Clone::clone)?;
    let Some(role_name) = caller.role_name() else {
        return Ok(caller.arn.clone());
    };
    let identity = identity.as_ref().map_err(Clone::clone)?;
    let pathless = || format!("arn:{}:iam::{}:role/{role_name}", caller.partition(), caller.account_id);
    Ok(identity.operator_role_arn.clone().unwrap_or_else(pathless))
}

/// The issuer of the tokens that this API server mints.
async fn api_server_issuer(client: &Client) -> Read<String> {
    #[derive(Deserialize)]
    struct Configuration {
        issuer: String,
    }
    const OPERATION: &str = "GetOpenidConfiguration";
    let unexpected = || Fault { class: FaultClass::Unexpected, service: "kubernetes", operation: OPERATION, code: String::new() };
    let request = axum::http::Request::get("/.well-known/openid-configuration").body(Vec::new()).map_err(|_| unexpected())?;
    let configuration: Configuration = client.request(request).await.map_err(|error| fault_of(OPERATION, &error))?;
    Ok(configuration.issuer)
}

/// Service addresses of the cluster's DNS; none where it is run in another way.
async fn dns_service_addresses(client: &Client) -> Read<Vec<String>> {
    let api: Api<Service> = Api::namespaced(client.clone(), "kube-system");
    let service = api.get_opt("kube-dns").await.map_err(|error| fault_of("GetService", &error))?;
    let spec = service.and_then(|service| service.spec);
    Ok(spec.and_then(|spec| spec.cluster_ips).unwrap_or_default().into_iter().filter(|address| address != "None").collect())
}
