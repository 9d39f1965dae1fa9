//! Reads everything that a pass over an environment needs, once, as much as possible at the same time.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use futures::join;
use k8s_openapi::api::core::v1::Service;
use kube::{Api, Client};
use serde::Deserialize;

use crate::api::PhiEnvironmentSpec;
use crate::aws::Account;
use crate::cluster::fault::fault_of;
use crate::domain::{Fault, FaultClass, names};
use crate::observed::Read;
use crate::observed::account::Caller;
use crate::observed::environment::EnvironmentObservation;
use crate::observed::identity::{IdentitySnapshot, ManagedPolicy};
use crate::observed::network::{Endpoint, Subnet};
use crate::plan::environment::Rules;
use crate::plan::facts::without_scheme;

/// What was read, with the account's IAM apart: that is shared with the workloads.
pub struct Observation {
    /// For the environment's own plan.
    pub environment: EnvironmentObservation,
    /// The account's IAM, as far as it is ours.
    pub identity: Read<IdentitySnapshot>,
}

/// Reads for the environment with this spec. `caller` was read before: the partition of every ARN comes from it.
pub async fn observe(client: &Client, account: &Account, spec: &PhiEnvironmentSpec, rules: &Rules, caller: Read<Caller>) -> Observation {
    let scope = &rules.scope;
    let role_name = caller.as_ref().ok().and_then(|caller| caller.role_name().map(str::to_owned));
    let cluster_arn = scope.cluster_arn();
    let alias = names::key_alias(scope);
    let key = spec.key.as_ref().and_then(|key| key.key_arn.clone()).unwrap_or(alias);
    let (cluster, issuer, key, identity, models, profiles, dns, platform_boundary) = join!(
        account.eks.cluster(&scope.cluster_name),
        api_server_issuer(client),
        account.kms.key(&key),
        account.iam.snapshot(&scope.path, &cluster_arn, role_name.as_deref()),
        each(&rules.models, |model| account.bedrock.availability(model)),
        each(&rules.profiles, |profile| account.bedrock.profile(profile)),
        dns_service_addresses(client),
        async {
            match &rules.platform_boundary_arn {
                Some(arn) => account.iam.policy_document(arn).await,
                None => Ok(None),
            }
        },
    );
    let issuer_of_cluster = cluster.as_ref().map(|cluster| cluster.as_ref().map(|cluster| cluster.issuer.clone()).unwrap_or_default());
    let (subnets, oidc_provider, offered) = join!(
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
    );
    let vpc_id = subnets.as_ref().map_err(Clone::clone).map(|subnets| spec.aws.vpc_id.clone().or_else(|| vpc_of(subnets)));
    let (vpc, endpoints, security_groups) = match vpc_id {
        Ok(Some(id)) => join!(account.ec2.vpc(&id), account.ec2.endpoints(&id), account.ec2.security_groups(&id, &cluster_arn)),
        Ok(None) => (Ok(None), Ok(Vec::new()), Ok(Vec::new())),
        Err(fault) => (Err(fault.clone()), Err(fault.clone()), Err(fault)),
    };
    let other_subnets = other_subnets(account, rules, &subnets, &endpoints).await;
    let boundary_arn = scope.policy_arn(&names::boundary(scope));
    let environment = EnvironmentObservation {
        operator_arn: operator_arn(&caller, &identity),
        caller,
        api_server_issuer: issuer,
        cluster,
        vpc,
        subnets,
        other_subnets,
        oidc_provider,
        offered,
        endpoints,
        security_groups,
        key,
        boundary: identity.as_ref().map(|identity| identity.policies.get(&boundary_arn).map(ManagedPolicy::read)).map_err(Clone::clone),
        platform_boundary,
        models,
        profiles,
        dns_service_addresses: dns,
    };
    Observation { environment, identity }
}

async fn each<'a, T, F>(names: &'a BTreeSet<String>, read: impl Fn(&'a str) -> F) -> BTreeMap<String, Read<T>>
where
    F: Future<Output = Read<T>>,
{
    join_all(names.iter().map(|name| async { (name.clone(), read(name).await) })).await.into_iter().collect()
}

/// The subnets that the spec or an endpoint of a wanted service names beside the cluster's; mostly there are none, and no call.
async fn other_subnets(
    account: &Account,
    rules: &Rules,
    subnets: &Read<Vec<Subnet>>,
    endpoints: &Read<Vec<Endpoint>>,
) -> Read<Vec<Subnet>> {
    let known: BTreeSet<&String> = subnets.iter().flatten().map(|subnet| &subnet.id).collect();
    let services = rules.service_names();
    let serving = endpoints.iter().flatten().filter(|endpoint| services.contains(&endpoint.service_name));
    let of_endpoints = serving.flat_map(|endpoint| &endpoint.subnet_ids);
    let named = rules.endpoints.iter().flat_map(|rule| &rule.subnet_ids);
    let others: BTreeSet<String> = named.chain(of_endpoints).filter(|id| !known.contains(id)).cloned().collect();
    if others.is_empty() {
        return Ok(Vec::new());
    }
    account.ec2.subnets(&others.into_iter().collect::<Vec<_>>()).await
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
