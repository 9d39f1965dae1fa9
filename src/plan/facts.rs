//! What the workloads and accesses of an environment need to know of it: a digest of one observation, shared by all of them.

mod resolutions;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::api::PhiEnvironmentSpec;
use crate::api::guardrails::GuardrailStatus;
use crate::api::identity::RoleMapping;
use crate::api::network::NetworkPeer;
use crate::api::stores::DataStore;
use crate::domain::{Fault, Scope, digest};
use crate::observed::environment::EnvironmentObservation;
use crate::policy::PolicyDocument;
use crate::policy::guardrails::PinnedGuardrail;
use crate::policy::terms::{Setting, Terms};

pub(super) use resolutions::profile_fact;
use resolutions::read_or_kept;
pub use resolutions::{ProfileFact, callable_profiles, obstacle};

use super::Action;
use super::additional::PolicyFact;
use super::environment::guardrails::{GuardrailRule, pinned};
use super::environment::{Rules, addresses, leads_to, leads_to_store};
use super::stores::applied;

/// The endpoint service of Bedrock's runtime with FIPS 140 (<https://docs.aws.amazon.com/bedrock/latest/userguide/vpc-interface-endpoints.html>).
pub const FIPS_RUNTIME: &str = "bedrock-runtime-fips";

/// Facts of an environment that its workloads and accesses depend on.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentFacts {
    /// Where it is.
    pub scope: Scope,
    /// VPC of the endpoints.
    pub vpc_id: String,
    /// OIDC issuer of the cluster, without the scheme.
    pub issuer: String,
    /// What the environment approves in Bedrock and opens on purpose.
    #[serde(default)]
    pub terms: Terms,
    /// Approved models, also those of approved families that an access names, with what keeps the account from calling them, if
    /// anything.
    pub models: BTreeMap<String, Option<String>>,
    /// Approved profiles, also those of approved families that an access names.
    pub profiles: BTreeMap<String, ProfileFact>,
    /// What accesses name of approved families beyond what their namespace has room for: the account is not asked for it.
    #[serde(default)]
    pub too_many: BTreeSet<String>,
    /// Guardrails, by the environment's name for each; `None` for one of which no version is usable yet.
    #[serde(default)]
    pub guardrails: BTreeMap<String, Option<PinnedGuardrail>>,
    /// The guardrail of accesses that name none.
    #[serde(default)]
    pub default_guardrail: Option<String>,
    /// ARN of the boundary in force.
    pub boundary_arn: String,
    /// Its document; `None` as long as there is none.
    pub boundary: Option<PolicyDocument>,
    /// Longest session of a role, in seconds.
    pub max_session_duration: i32,
    /// The platform's roles by service account, if workloads get no roles of ours.
    #[serde(default)]
    pub platform_roles: Option<Vec<RoleMapping>>,
    /// Managed policies that workloads may name, with what the account says of them.
    #[serde(default)]
    pub additional_policies: Vec<PolicyFact>,
    /// How many managed policies a role may have; `None` as long as that is not known.
    #[serde(default)]
    pub attachment_quota: Option<usize>,
    /// Whether the platform makes the network policies.
    #[serde(default)]
    pub verify_isolation: bool,
    /// Named network peers.
    pub peers: Vec<NetworkPeer>,
    /// Data stores, by name.
    #[serde(default)]
    pub stores: Vec<DataStore>,
    /// Services of these stores that an available endpoint leads to.
    #[serde(default)]
    pub store_services: BTreeSet<String>,
    /// Addresses of the endpoints, as CIDR blocks of one address.
    pub endpoint_addresses: BTreeSet<String>,
    /// Whether an available endpoint leads to STS, from where credentials come.
    pub has_sts: bool,
    /// Whether an available endpoint leads to Bedrock's runtime.
    pub has_runtime: bool,
    /// What applications call Bedrock's runtime by, if the environment asks for FIPS endpoints: whether an available one leads there.
    #[serde(default)]
    pub fips_runtime: Option<bool>,
    /// Addresses of the cluster's DNS service, as CIDR blocks of one address.
    pub dns_addresses: BTreeSet<String>,
    /// Whether DNS runs on the nodes, at addresses nobody can name (EKS Auto Mode).
    pub dns_on_nodes: bool,
}

impl EnvironmentFacts {
    /// The facts in an observation whose scope is proven; `None` if a read that they need failed or found nothing. What could not be
    /// read of a model or profile is taken from the `previous` facts: a call that failed takes nothing from anybody. `guardrails` are
    /// those in use.
    #[must_use]
    pub fn of(
        rules: &Rules,
        spec: &PhiEnvironmentSpec,
        observed: &EnvironmentObservation,
        guardrails: &[GuardrailStatus],
        previous: Option<&Self>,
    ) -> Option<Self> {
        let vpc = observed.vpc.as_ref().ok()?.as_ref()?;
        let cluster = observed.cluster.as_ref().ok()?.as_ref()?;
        let endpoints = observed.endpoints.as_ref().ok()?;
        let places = [endpoints.as_slice(), observed.other_endpoints.as_ref().ok()?.as_slice()];
        let boundary = match &rules.platform_boundary_arn {
            Some(_) => observed.platform_boundary.as_ref().ok()?.clone(),
            // One of our name that is not ours limits nothing that we make: accesses wait.
            None if !*observed.boundary_is_ours.as_ref().ok()? => None,
            None => observed.boundary.as_ref().ok()?.as_ref().and_then(|boundary| boundary.document.clone()),
        };
        Some(Self {
            vpc_id: vpc.id.clone(),
            issuer: without_scheme(&cluster.issuer).to_owned(),
            terms: rules.terms.clone(),
            too_many: rules.named.too_many.clone(),
            models: read_or_kept(
                &observed.models,
                previous.map(|previous| &previous.models),
                &rules.terms.exact_models().collect(),
                obstacle,
            )?,
            profiles: read_or_kept(
                &observed.profiles,
                previous.map(|previous| &previous.profiles),
                &rules.terms.exact_profiles().collect(),
                |read| profile_fact(read, &rules.terms),
            )?,
            guardrails: pinned(rules, guardrails),
            default_guardrail: rules.default_guardrail(),
            boundary_arn: rules.boundary_arn(),
            max_session_duration: rules.resolved.max_session_duration,
            peers: spec.network.as_ref().and_then(|network| network.peers.clone()).unwrap_or_default(),
            platform_roles: rules.platform_roles.clone(),
            verify_isolation: rules.verify_isolation,
            additional_policies: {
                let known = previous.map(|previous| previous.additional_policies.as_slice());
                rules.additional_policies.iter().map(|policy| PolicyFact::of(policy, observed, boundary.as_ref(), known)).collect()
            },
            attachment_quota: match &observed.attachment_quota {
                Ok(quota) => *quota,
                Err(_) => previous.and_then(|previous| previous.attachment_quota),
            },
            stores: rules.stores.clone(),
            store_services: rules.store_services().filter(|service| leads_to_store(rules, service, places)).map(str::to_owned).collect(),
            endpoint_addresses: addresses(rules, places).iter().map(|address| block_of(address)).collect(),
            has_sts: leads_to(rules, "sts", places),
            has_runtime: leads_to(rules, "bedrock-runtime", places),
            fips_runtime: rules.resolved.fips.then(|| leads_to(rules, FIPS_RUNTIME, places)),
            dns_addresses: observed.dns_service_addresses.as_ref().ok()?.iter().map(|address| block_of(address)).collect(),
            dns_on_nodes: cluster.auto_mode,
            boundary,
            scope: rules.scope.clone(),
        })
    }
}

impl EnvironmentFacts {
    /// What is left of these facts under other rules: what is no longer approved or mapped is gone, and nothing comes instead.
    #[must_use]
    pub fn under(&self, rules: &Rules) -> Self {
        let mut facts = self.clone();
        facts.terms = self.terms.under(&rules.terms);
        facts.models.retain(|model, _| facts.terms.approves_model(model));
        facts.profiles.retain(|profile, _| facts.terms.approves_profile(profile));
        let known = |store: &&DataStore| self.stores.iter().any(|before| applied(before) == applied(store));
        facts.stores = rules.stores.iter().filter(known).cloned().collect();
        facts.additional_policies.retain(|fact| rules.additional_policies.contains(&fact.declared));
        facts.platform_roles.clone_from(&rules.platform_roles);
        let before = |rule: &GuardrailRule| (rule.name.clone(), self.guardrails.get(&rule.name).cloned().flatten());
        facts.guardrails = rules.guardrails.iter().map(before).collect();
        facts.default_guardrail = rules.default_guardrail();
        facts
    }
}

/// The fault of a read that workloads and accesses depend on, if one failed. What was known before holds for a time, but not for ever.
#[must_use]
pub fn unread(observed: &EnvironmentObservation) -> Option<&Fault> {
    const NEEDED: [&str; 17] = [
        "caller",
        "api-server",
        "claims",
        "api-server-issuer",
        "cluster",
        "vpc",
        "subnets",
        "endpoints",
        "other-endpoints",
        "oidc-provider",
        "boundary",
        "boundary-tags",
        "platform-boundary",
        "model",
        "profile",
        "guardrail",
        "dns-service",
    ];
    observed.faults().into_iter().find(|(name, _)| NEEDED.contains(name)).map(|(_, fault)| fault)
}

impl EnvironmentFacts {
    /// Where the environment's documents apply.
    #[must_use]
    pub fn setting(&self) -> Setting<'_> {
        Setting { scope: &self.scope, vpc_id: &self.vpc_id, issuer: &self.issuer, terms: &self.terms }
    }

    /// Digest of what all documents depend on, whatever single models, profiles and guardrails resolve to.
    #[must_use]
    pub fn digest_without_resolutions(&self) -> String {
        digest::of_value(&Self {
            models: BTreeMap::new(),
            profiles: BTreeMap::new(),
            too_many: BTreeSet::new(),
            guardrails: BTreeMap::new(),
            ..self.clone()
        })
    }

    /// Name of the platform's role for a service account; `None` if roles are ours to make, or none is named.
    #[must_use]
    pub fn platform_role(&self, namespace: &str, service_account: &str) -> Option<&str> {
        let of = |mapping: &&RoleMapping| mapping.namespace == namespace && mapping.service_account_name == service_account;
        self.platform_roles.iter().flatten().find(of).map(|mapping| mapping.role_name.as_str())
    }

    /// Adds what withheld actions would make, so that Audit plans a workload as Enforce would. Addresses are not known before.
    pub fn foresee(&mut self, withheld: &[Action]) {
        for action in withheld {
            match action {
                Action::CreateVpcEndpoint(endpoint) if endpoint.service == "sts" => self.has_sts = true,
                Action::CreateVpcEndpoint(endpoint) if endpoint.service == "bedrock-runtime" => self.has_runtime = true,
                Action::CreateVpcEndpoint(endpoint) if endpoint.service == FIPS_RUNTIME => {
                    self.fips_runtime = self.fips_runtime.map(|_| true);
                }
                Action::CreateVpcEndpoint(endpoint)
                    if self.stores.iter().any(|store| store.kind.service() == Some(endpoint.service.as_str())) =>
                {
                    self.store_services.insert(endpoint.service.clone());
                }
                Action::CreateBoundary { document, .. } | Action::ChangeBoundary { document, .. } => {
                    self.boundary = Some(document.clone());
                }
                _ => {}
            }
        }
    }
}

/// Whether a text stands for a fact that only the account knows, such as `<vpc-id>`.
#[must_use]
pub fn is_placeholder(text: &str) -> bool {
    text.starts_with('<') && text.ends_with('>')
}

/// An issuer as IAM writes it in condition keys and provider ARNs.
#[must_use]
pub fn without_scheme(issuer: &str) -> &str {
    issuer.strip_prefix("https://").unwrap_or(issuer).trim_end_matches('/')
}

fn block_of(address: &str) -> String {
    if is_placeholder(address) || address.contains('/') {
        address.to_owned()
    } else if address.contains(':') {
        format!("{address}/128")
    } else {
        format!("{address}/32")
    }
}
