//! Everything that a pass over an environment has read.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::Fault;
use crate::policy::PolicyDocument;
use crate::policy::permissions::Profile;

use super::Read;
use super::account::{Caller, Key};
use super::account_settings::AccountSettings;
use super::bedrock::ModelAvailability;
use super::claims::Claims;
use super::cluster::{Cluster, OidcProvider};
use super::guardrails::ObservedGuardrail;
use super::identity::ManagedPolicy;
use super::network::{Endpoint, OfferedService, SecurityGroup, Subnet, Vpc};

/// Everything that a pass over an environment has read. Reads that depend on another failed one carry that one's fault.
#[derive(Clone, Debug)]
pub struct EnvironmentObservation {
    /// Who calls.
    pub caller: Read<Caller>,
    /// The operator's own IAM principal: a role or user ARN, with its path.
    pub operator_arn: Read<String>,
    /// Identity of this API server: the UID of its namespace `kube-system`.
    pub api_server: Read<String>,
    /// The claims of the account.
    pub claims: Read<Claims>,
    /// Issuer of this API server's tokens, with its scheme.
    pub api_server_issuer: Read<String>,
    /// The cluster named in the spec.
    pub cluster: Read<Option<Cluster>>,
    /// The VPC: the spec's, or that of the cluster's subnets.
    pub vpc: Read<Option<Vpc>>,
    /// The cluster's subnets.
    pub subnets: Read<Vec<Subnet>>,
    /// Subnets beside the cluster's that the spec or an endpoint names.
    pub other_subnets: Read<Vec<Subnet>>,
    /// The IAM OIDC provider of the cluster's issuer.
    pub oidc_provider: Read<Option<OidcProvider>>,
    /// The wanted endpoint services that the Region offers.
    pub offered: Read<Vec<OfferedService>>,
    /// The VPC's endpoints.
    pub endpoints: Read<Vec<Endpoint>>,
    /// Endpoints that the spec names and that lie in another VPC of the account.
    pub other_endpoints: Read<Vec<Endpoint>>,
    /// Our security groups in the VPC, by their tags.
    pub security_groups: Read<Vec<SecurityGroup>>,
    /// Further groups, read by id: those of endpoints that are only verified, and recorded ones of ours that lost their tags.
    pub other_security_groups: Read<Vec<SecurityGroup>>,
    /// The key: the spec's, or the one behind our alias.
    pub key: Read<Option<Key>>,
    /// Our boundary.
    pub boundary: Read<Option<ManagedPolicy>>,
    /// Whether the boundary of our name is ours: recorded in the status, or with our tags.
    pub boundary_is_ours: Read<bool>,
    /// The document of the platform's own boundary, if the spec names one.
    pub platform_boundary: Read<Option<PolicyDocument>>,
    /// How many managed policies a role may have in this account; `None` if nobody asks for more than ours.
    pub attachment_quota: Read<Option<usize>>,
    /// Documents of the additional policies, by ARN; `None` for one that the account does not have.
    pub additional_policies: BTreeMap<String, Read<Option<PolicyDocument>>>,
    /// Availability of every approved model; `None` for a model that Bedrock does not know.
    pub models: BTreeMap<String, Read<Option<ModelAvailability>>>,
    /// Every approved profile; `None` for one that the account does not see.
    pub profiles: BTreeMap<String, Read<Option<Profile>>>,
    /// Those of the models and profiles that only accesses name.
    pub only_named: BTreeSet<String>,
    /// Every declared guardrail, by the environment's name for it.
    pub guardrails: BTreeMap<String, Read<ObservedGuardrail>>,
    /// What Bedrock keeps once for the whole account.
    pub settings: AccountSettings,
    /// Service addresses of the cluster's DNS.
    pub dns_service_addresses: Read<Vec<String>>,
}

impl EnvironmentObservation {
    /// The fault of every read that failed, with the name of what was read. Destructured, so that no read can be left out.
    #[must_use]
    pub fn faults(&self) -> Vec<(&'static str, &Fault)> {
        let Self {
            caller,
            operator_arn,
            api_server,
            claims,
            api_server_issuer,
            cluster,
            vpc,
            subnets,
            other_subnets,
            oidc_provider,
            offered,
            endpoints,
            other_endpoints,
            security_groups,
            other_security_groups,
            key,
            boundary,
            boundary_is_ours,
            platform_boundary,
            attachment_quota,
            additional_policies,
            models,
            profiles,
            only_named,
            guardrails,
            settings: AccountSettings { data_retention, invocation_logging, enforced_guardrails },
            dns_service_addresses,
        } = self;
        let single = [
            ("caller", caller.as_ref().err()),
            ("operator-arn", operator_arn.as_ref().err()),
            ("api-server", api_server.as_ref().err()),
            ("claims", claims.as_ref().err()),
            ("api-server-issuer", api_server_issuer.as_ref().err()),
            ("cluster", cluster.as_ref().err()),
            ("vpc", vpc.as_ref().err()),
            ("subnets", subnets.as_ref().err()),
            ("other-subnets", other_subnets.as_ref().err()),
            ("oidc-provider", oidc_provider.as_ref().err()),
            ("offered", offered.as_ref().err()),
            ("endpoints", endpoints.as_ref().err()),
            ("other-endpoints", other_endpoints.as_ref().err()),
            ("security-groups", security_groups.as_ref().err()),
            ("other-security-groups", other_security_groups.as_ref().err()),
            ("key", key.as_ref().err()),
            ("boundary", boundary.as_ref().err()),
            ("boundary-tags", boundary_is_ours.as_ref().err()),
            ("platform-boundary", platform_boundary.as_ref().err()),
            ("attachment-quota", attachment_quota.as_ref().err()),
            ("invocation-logging", invocation_logging.as_ref().err()),
            ("enforced-guardrails", enforced_guardrails.as_ref().err()),
            ("dns-service", dns_service_addresses.as_ref().err()),
        ];
        // Of these only the accesses that name them have to do without.
        let label = |id: &String, name| if only_named.contains(id) { "named-by-access" } else { name };
        let models = models.iter().map(|(id, read)| (label(id, "model"), read.as_ref().err()));
        let profiles = profiles.iter().map(|(id, read)| (label(id, "profile"), read.as_ref().err()));
        let guardrails = guardrails.values().map(|read| ("guardrail", read.as_ref().err()));
        let policies = additional_policies.values().map(|read| ("additional-policy", read.as_ref().err()));
        let retention = data_retention.values().map(|read| ("data-retention", read.as_ref().err()));
        let each = single.into_iter().chain(policies).chain(models).chain(profiles).chain(guardrails).chain(retention);
        each.filter_map(|(name, fault)| Some((name, fault?))).collect()
    }
}
