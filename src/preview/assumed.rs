//! The account and the cluster as a preview assumes them: the ones meant, in order, and with nothing of ours in them yet.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::PhiEnvironmentSpec;
use crate::api::shared::Management;
use crate::domain::tags::Tags;
use crate::observed::account::{Caller, Key};
use crate::observed::bedrock::ModelAvailability;
use crate::observed::claims::Claims;
use crate::observed::cluster::{Cluster, OidcProvider};
use crate::observed::environment::EnvironmentObservation;
use crate::observed::guardrails::{GuardrailContent, GuardrailVersion, ObservedGuardrail};
use crate::observed::network::{Endpoint, OfferedService, RulePeer, SecurityGroup, SecurityGroupRule, Subnet, Vpc};
use crate::plan::environment::guardrails::GuardrailRule;
use crate::plan::environment::rules::EndpointRule;
use crate::plan::environment::{Rules, WITH_GATEWAYS};
use crate::plan::facts::without_scheme;
use crate::policy::boundary::permissions_boundary;
use crate::policy::endpoint::{Admission, perimeter};
use crate::policy::key::key_policy;
use crate::policy::permissions::Profile;
use crate::policy::trust::AUDIENCE;

use super::account_settings;
use super::observed::KnownEnvironment;

/// How many managed policies a role may have, which only the account knows: IAM's default
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
const ATTACHMENTS: usize = 10;

/// One subnet stands for those of all zones.
const SUBNET: &str = "<subnet-id-of-each-zone>";
const ZONE: &str = "<zone>";
const THEIR_GROUP: &str = "<security-group-id-of-the-platform>";

/// The observation of an account in which nothing of ours exists.
pub(super) fn observation(rules: &Rules, spec: &PhiEnvironmentSpec, known: &KnownEnvironment) -> EnvironmentObservation {
    let told = |fact: &Option<String>, placeholder: &str| fact.clone().unwrap_or_else(|| placeholder.to_owned());
    let scope = &rules.scope;
    let vpc_id = spec.aws.vpc_id.clone().unwrap_or_else(|| told(&known.vpc_id, "<vpc-id>"));
    let issuer = format!("https://{}", without_scheme(&told(&known.oidc_issuer, "<oidc-issuer>")));
    let subnets = subnets(rules, known, &vpc_id);
    let cluster = Cluster {
        arn: scope.cluster_arn(),
        issuer: issuer.clone(),
        subnet_ids: subnets.iter().map(|subnet| subnet.id.clone()).collect(),
        auto_mode: known.auto_mode.unwrap_or(false),
    };
    let vpc_cidrs: BTreeSet<String> = known.vpc_cidrs.clone().unwrap_or_else(|| vec!["<vpc-cidr>".into()]).into_iter().collect();
    let operator_arn = told(&known.operator_arn, "<operator-role-arn>");
    let endpoints = |in_vpc: bool| -> Vec<Endpoint> {
        let verified = rules.endpoints.iter().filter(|rule| !rule.provision && rule.address_ranges.is_empty());
        let placed = verified.filter(|rule| rule.hub_vpc_id.is_none() == in_vpc);
        placed.map(|rule| verified_endpoint(rules, rule, known, &subnets, &vpc_id, &operator_arn)).collect()
    };
    let available = ModelAvailability {
        agreement: "AVAILABLE".into(),
        authorization: "AUTHORIZED".into(),
        entitlement: "AVAILABLE".into(),
        region: "AVAILABLE".into(),
    };
    let profiles = rules
        .profiles()
        .into_iter()
        .map(|id| {
            let profile = profile(rules, &id, known);
            (id, Ok(profile))
        })
        .collect();
    EnvironmentObservation {
        settings: account_settings::observation(rules, &profiles, known.account_settings.as_ref()),
        caller: Ok(Caller {
            account_id: scope.account_id.clone(),
            arn: format!("arn:{}:sts::{}:<operator>", scope.partition, scope.account_id),
        }),
        operator_arn: Ok(operator_arn.clone()),
        api_server: Ok(told(&known.api_server, "<uid-of-namespace-kube-system>")),
        claims: Ok(Claims::default()),
        api_server_issuer: Ok(issuer.clone()),
        cluster: Ok(Some(cluster)),
        vpc: Ok(Some(Vpc { id: vpc_id.clone(), cidrs: vpc_cidrs.clone(), dns_support: true, dns_hostnames: true })),
        oidc_provider: Ok(Some(OidcProvider { client_ids: vec![AUDIENCE.to_owned()] })),
        offered: Ok(rules.endpoints.iter().map(|rule| offered(rules, rule, known, &subnets)).collect()),
        endpoints: Ok(endpoints(true).into_iter().chain(store_endpoints(rules, known, &vpc_id)).collect()),
        other_endpoints: Ok(endpoints(false)),
        subnets: Ok(subnets),
        other_subnets: Ok(Vec::new()),
        security_groups: Ok(Vec::new()),
        other_security_groups: Ok(vec![their_group(&vpc_cidrs)]),
        key: Ok(verified_key(rules, &operator_arn)),
        boundary: Ok(None),
        boundary_is_ours: Ok(true),
        platform_boundary: Ok(rules.platform_boundary_arn.is_some().then(|| {
            let profiles = rules.terms.exact_profiles().filter_map(|id| profile(rules, id, known)).collect();
            let setting = rules.setting(&vpc_id, without_scheme(&issuer));
            permissions_boundary(&setting, &profiles, &rules.guardrail_limits(&[]), &rules.stores.iter().collect::<Vec<_>>())
        })),
        models: rules.models().into_iter().map(|model| (model, Ok(Some(available.clone())))).collect(),
        guardrails: rules.guardrails.iter().map(|rule| (rule.name.clone(), Ok(guardrail(rules, rule)))).collect(),
        only_named: BTreeSet::new(),
        profiles,
        attachment_quota: Ok((!rules.additional_policies.is_empty()).then_some(ATTACHMENTS)),
        additional_policies: BTreeMap::new(),
        dns_service_addresses: Ok(known.dns_service_addresses.clone().unwrap_or_else(|| vec!["<cluster-dns-service-address>".to_owned()])),
    }
}

/// Addresses of the endpoint of a service. An endpoint that is yet to be made has none that anybody knows.
pub(super) fn addresses(known: &KnownEnvironment, service: &str) -> BTreeSet<String> {
    let present =
        |service: &str| known.found.as_ref().is_none_or(|found| found.endpoints.iter().any(|endpoint| endpoint.service == service));
    match known.endpoints.get(service).filter(|_| present(service)) {
        Some(endpoint) => endpoint.addresses.iter().cloned().collect(),
        None => BTreeSet::from([format!("<{service}-endpoint-addresses>")]),
    }
}

/// The cluster's subnets and those that the spec names.
fn subnets(rules: &Rules, known: &KnownEnvironment, vpc_id: &str) -> Vec<Subnet> {
    let subnet = |id: &str, zone: &str| Subnet { id: id.to_owned(), zone: zone.to_owned(), vpc_id: vpc_id.to_owned() };
    let mut subnets: Vec<Subnet> = match &known.subnets {
        Some(known) => known.iter().map(|known| subnet(&known.id, &known.zone)).collect(),
        None => vec![subnet(SUBNET, ZONE)],
    };
    for id in rules.endpoints.iter().flat_map(|rule| &rule.subnet_ids) {
        if !subnets.iter().any(|known| known.id == *id) {
            subnets.push(subnet(id, &format!("<zone-of-{id}>")));
        }
    }
    subnets
}

/// The service is offered in all zones; where the spec names subnets, their zones are the only ones of interest.
fn offered(rules: &Rules, rule: &EndpointRule, known: &KnownEnvironment, subnets: &[Subnet]) -> OfferedService {
    let of_cluster = |subnet: &&Subnet| match &known.subnets {
        Some(known) => known.iter().any(|known| known.id == subnet.id),
        None => subnet.id == SUBNET,
    };
    let wanted = |subnet: &&Subnet| if rule.subnet_ids.is_empty() { of_cluster(subnet) } else { rule.subnet_ids.contains(&subnet.id) };
    OfferedService {
        name: rules.scope.endpoint_service_name(&rule.service),
        zones: subnets.iter().filter(wanted).map(|subnet| subnet.zone.clone()).collect(),
        policy_supported: true,
    }
}

/// An endpoint of the platform's, as it should be.
fn verified_endpoint(
    rules: &Rules,
    rule: &EndpointRule,
    known: &KnownEnvironment,
    subnets: &[Subnet],
    vpc_id: &str,
    operator: &str,
) -> Endpoint {
    Endpoint {
        id: rule.vpc_endpoint_id.clone().unwrap_or_else(|| format!("<vpc-endpoint-id-of-{}>", rule.service)),
        vpc_id: rule.hub_vpc_id.clone().unwrap_or_else(|| vpc_id.to_owned()),
        service_name: rules.scope.endpoint_service_name(&rule.service),
        state: "available".into(),
        endpoint_type: "Interface".into(),
        private_dns: true,
        policy: Some(perimeter(&rules.scope, &rule.service, &Admission { operator, ..Admission::default() })),
        subnet_ids: subnets.iter().map(|subnet| subnet.id.clone()).collect(),
        security_group_ids: BTreeSet::from([THEIR_GROUP.to_owned()]),
        addresses: addresses(known, &rule.service),
        tags: Tags::new(),
    }
}

/// The services of stores that the spec has no rule for: each is assumed to have the endpoint that is usual for it.
pub(super) fn without_rule(rules: &Rules) -> impl Iterator<Item = &'static str> {
    rules.store_services().filter(|service| !rules.endpoints.iter().any(|rule| rule.service == *service))
}

/// The endpoints of the platform's that lead to stores. One of the type Gateway has no addresses.
fn store_endpoints(rules: &Rules, known: &KnownEnvironment, vpc_id: &str) -> Vec<Endpoint> {
    let usual = |service: &'static str| {
        let gateway = WITH_GATEWAYS.contains(&service);
        Endpoint {
            id: format!("<vpc-endpoint-id-of-{service}>"),
            vpc_id: vpc_id.to_owned(),
            service_name: rules.scope.endpoint_service_name(service),
            state: "available".into(),
            endpoint_type: if gateway { "Gateway" } else { "Interface" }.into(),
            private_dns: !gateway,
            addresses: if gateway { BTreeSet::new() } else { addresses(known, service) },
            ..Endpoint::default()
        }
    };
    without_rule(rules).map(usual).collect()
}

/// A security group of the platform's, as it should be.
fn their_group(cidrs: &BTreeSet<String>) -> SecurityGroup {
    let ingress = cidrs.iter().cloned().map(RulePeer::Cidr).map(SecurityGroupRule::https_from).collect();
    SecurityGroup { id: THEIR_GROUP.to_owned(), ingress, ..SecurityGroup::default() }
}

/// The platform's key, as it should be.
fn verified_key(rules: &Rules, operator: &str) -> Option<Key> {
    let arn = rules.key_arn.clone().filter(|_| rules.resolved.key_management == Management::Verify)?;
    Some(Key {
        arn,
        state: "Enabled".into(),
        customer_managed: true,
        usage: None,
        spec: None,
        rotation_enabled: true,
        rotation_period_in_days: Some(rules.resolved.rotation_period_in_days),
        policy: Some(key_policy(&rules.scope, &[], operator, &BTreeSet::new())),
        tags: Tags::new(),
    })
}

/// A verified guardrail, as it should be; nothing of one that the operator makes.
fn guardrail(rules: &Rules, rule: &GuardrailRule) -> ObservedGuardrail {
    let scope = &rules.scope;
    let published = rule.verified.as_ref().map(|(id, version)| GuardrailVersion {
        id: id.clone(),
        arn: format!("arn:{}:bedrock:{}:{}:guardrail/{id}", scope.partition, scope.region, scope.account_id),
        version: version.clone(),
        status: "READY".to_owned(),
        content: GuardrailContent {
            content_filters: BTreeMap::from([("HATE".to_owned(), ("HIGH".to_owned(), "HIGH".to_owned()))]),
            pii_entities: BTreeMap::from([("NAME".to_owned(), "ANONYMIZE".to_owned())]),
            ..rule.content.clone()
        },
        ..GuardrailVersion::default()
    });
    ObservedGuardrail { published, ..ObservedGuardrail::default() }
}

/// A profile with the models behind it: the environment's own Region, and others that only the account knows. `None` if the account is
/// known not to see it.
fn profile(rules: &Rules, id: &str, known: &KnownEnvironment) -> Option<Profile> {
    let (geography, model) = id.split_once('.').unwrap_or(("", id));
    let elsewhere = format!("<{geography}-destination-region>");
    let assumed = || [rules.scope.region.as_str(), &elsewhere].map(|region| rules.scope.foundation_model_arn(region, model)).into();
    let model_arns = match known.profiles.get(id) {
        None => assumed(),
        Some(arns) => arns.as_ref()?.iter().cloned().collect(),
    };
    Some(Profile { id: id.to_owned(), model_arns })
}
