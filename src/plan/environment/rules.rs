//! A `PhiEnvironment`'s spec with every default resolved.

mod account_settings;

use std::collections::BTreeSet;

use crate::api::account_settings::AccountSettingsStatus;
use crate::api::guardrails::GuardrailStatus;
use crate::api::identity::{AdditionalPolicy, IdentityManagement, RoleMapping};
use crate::api::phi_environment::{EndpointRules, EndpointSource};
use crate::api::phi_environment_status::ResolvedRules;
use crate::api::shared::{DeletionPolicy, Management};
use crate::api::stores::DataStore;
use crate::api::{BedrockApproval, PhiEnvironmentSpec, SideDoor};
use crate::domain::Scope;
use crate::domain::cidr::canonical;
use crate::observed::account_settings::AccountSettings;
use crate::plan::facts::is_placeholder;
use crate::policy::boundary::GuardrailLimits;
use crate::policy::terms::{Setting, Terms};

use super::Named;
use super::guardrails::{self, GuardrailRule};

pub use account_settings::{Governance, LoggingRule};

/// Services whose endpoints are made where the VPC has none. `sts` is how pods get credentials by web identity.
pub const DEFAULT_SERVICES: [&str; 3] = ["bedrock", "bedrock-runtime", "sts"];
/// Days between key rotations, KMS's own default.
const DEFAULT_ROTATION_DAYS: i32 = 365;
/// IAM's default and least longest session, in seconds.
const DEFAULT_SESSION_SECONDS: i32 = 3600;

/// A spec with every default resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Where it is.
    pub scope: Scope,
    /// Every endpoint service, sorted by name.
    pub endpoints: Vec<EndpointRule>,
    /// What may be called in Bedrock.
    pub terms: Terms,
    /// What accesses name of the approved families; nothing unless it is set.
    pub named: Named,
    /// Guardrails, by name.
    pub guardrails: Vec<GuardrailRule>,
    /// The rest, as shown in the status.
    pub resolved: ResolvedRules,
    /// Data stores, by name.
    pub stores: Vec<DataStore>,
    /// Whether data retention may be set.
    pub data_retention: Governance,
    /// The declared shape of invocation logging, if one is.
    pub invocation_logging: Option<LoggingRule>,
    /// Administrators of the key.
    pub key_administrators: Vec<String>,
    /// The key to verify.
    pub key_arn: Option<String>,
    /// The platform's own boundary.
    pub platform_boundary_arn: Option<String>,
    /// The platform's roles by service account, if workloads get no roles of ours.
    pub platform_roles: Option<Vec<RoleMapping>>,
    /// Managed policies that workloads may name, by name.
    pub additional_policies: Vec<AdditionalPolicy>,
    /// Whether the platform makes the network policies.
    pub verify_isolation: bool,
}

/// An endpoint service with its defaults resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointRule {
    /// Short service name.
    pub service: String,
    /// Whether we may make it.
    pub provision: bool,
    /// The endpoint to verify.
    pub vpc_endpoint_id: Option<String>,
    /// VPC of that endpoint, if it is not the environment's.
    pub hub_vpc_id: Option<String>,
    /// Addresses of that endpoint, if it lies in another account.
    pub address_ranges: BTreeSet<String>,
    /// Whether only our roles may use it.
    pub exclusive: bool,
    /// Subnets that the spec names.
    pub subnet_ids: BTreeSet<String>,
    /// Sources that the spec names.
    pub sources: Vec<EndpointSource>,
    /// Further principals.
    pub other_principals: Vec<String>,
}

impl Rules {
    /// Resolves the spec of the environment `name`. `partition` is the caller's, if known.
    #[must_use]
    pub fn of(name: &str, spec: &PhiEnvironmentSpec, partition: Option<&str>) -> Self {
        let scope = Scope::new(name, spec, partition);
        let key = spec.key.clone().unwrap_or_default();
        let identity = spec.identity.clone().unwrap_or_default();
        let resolved = ResolvedRules {
            approved_regions: sorted(spec.bedrock.approved_regions.clone().unwrap_or_else(|| vec![spec.aws.region.clone()])),
            identity_path: scope.path.clone(),
            max_session_duration: identity.max_session_duration.unwrap_or(DEFAULT_SESSION_SECONDS),
            rotation_period_in_days: key.rotation_period_in_days.unwrap_or(DEFAULT_ROTATION_DAYS),
            deletion_policy: match spec.deletion_policy {
                Some(DeletionPolicy::Delete) => DeletionPolicy::Delete,
                _ => DeletionPolicy::Retain,
            },
            key_management: match key.management {
                None | Some(Management::Provision) => Management::Provision,
                Some(_) => Management::Verify,
            },
            fips: spec.fips.unwrap_or(false),
        };
        Self {
            endpoints: endpoint_rules(spec.endpoints.as_deref().unwrap_or_default()),
            guardrails: guardrails::rules(spec.bedrock.guardrails.as_deref().unwrap_or_default()),
            named: Named::default(),
            terms: terms(&spec.bedrock, &resolved.approved_regions, identity.require_federation),
            stores: stores(spec.stores.as_deref().unwrap_or_default()),
            data_retention: Governance::of_retention(spec.bedrock.data_retention.as_ref()),
            invocation_logging: spec.bedrock.invocation_logging.as_ref().map(LoggingRule::of),
            key_arn: key.key_arn,
            key_administrators: sorted(key.administrators.unwrap_or_default()),
            platform_roles: match identity.management {
                None | Some(IdentityManagement::Provision) => None,
                Some(_) => Some(identity.roles.unwrap_or_default()),
            },
            platform_boundary_arn: identity.boundary_arn,
            additional_policies: by_name(identity.additional_policies.unwrap_or_default()),
            verify_isolation: !matches!(spec.network.as_ref().and_then(|network| network.management), None | Some(Management::Provision)),
            resolved,
            scope,
        }
    }

    /// The models that the account is asked for: those that the spec names by their ids, and those that accesses name.
    #[must_use]
    pub fn models(&self) -> BTreeSet<String> {
        self.terms.exact_models().chain(&self.named.models).cloned().collect()
    }

    /// The profiles that the account is asked for, application profiles by their names.
    #[must_use]
    pub fn profiles(&self) -> BTreeSet<String> {
        self.terms.exact_profiles().chain(&self.named.profiles).cloned().collect()
    }

    /// What the operator changes in Bedrock by this spec, as actions.
    #[must_use]
    pub fn changes_in_bedrock(&self) -> Vec<&'static str> {
        let mut actions = Vec::new();
        if self.guardrails.iter().any(|rule| rule.verified.is_none()) {
            actions.extend(["bedrock:CreateGuardrail*", "bedrock:DeleteGuardrail", "bedrock:TagResource", "bedrock:UpdateGuardrail"]);
        }
        if self.data_retention.provision {
            actions.push("bedrock:PutAccountDataRetention");
        }
        if self.invocation_logging.as_ref().is_some_and(|rule| rule.governance.provision) {
            actions.extend(["bedrock:DeleteModelInvocationLoggingConfiguration", "bedrock:PutModelInvocationLoggingConfiguration"]);
        }
        actions
    }

    /// Adds the guardrails that the account enforces: as read, or, if that failed, as recorded.
    pub fn add_enforced(&mut self, observed: &AccountSettings, recorded: Option<&AccountSettingsStatus>) {
        let known = recorded.into_iter().flat_map(|settings| &settings.enforced_guardrails).map(|guardrail| guardrail.arn.clone());
        let arns: Vec<String> = match &observed.enforced_guardrails {
            Ok(enforced) => enforced.iter().map(|guardrail| guardrail.arn.clone()).collect(),
            Err(_) => known.collect(),
        };
        self.terms.enforced_guardrails.extend(arns.into_iter().filter(|arn| !is_placeholder(arn)));
    }

    /// Where the environment's documents apply, from the VPC and the OIDC issuer that were found.
    #[must_use]
    pub fn setting<'a>(&'a self, vpc_id: &'a str, issuer: &'a str) -> Setting<'a> {
        Setting { scope: &self.scope, vpc_id, issuer, terms: &self.terms }
    }

    /// The guardrail of accesses that name none: the default.
    #[must_use]
    pub fn default_guardrail(&self) -> Option<String> {
        self.guardrails.iter().find(|rule| rule.is_default).map(|rule| rule.name.clone())
    }

    /// What of guardrails roles may ever use; `recorded` are those in use.
    #[must_use]
    pub fn guardrail_limits(&self, recorded: &[GuardrailStatus]) -> GuardrailLimits {
        GuardrailLimits {
            declared: !self.guardrails.is_empty(),
            kms_key_arns: self
                .guardrails
                .iter()
                .filter_map(|rule| rule.content.kms_key_arn.clone())
                .chain(recorded.iter().flat_map(|used| [&used.kms_key_arn, &used.previous_kms_key_arn]).flatten().cloned())
                .collect(),
        }
    }

    /// Full names of all endpoint services.
    #[must_use]
    pub fn service_names(&self) -> Vec<String> {
        self.endpoints.iter().map(|rule| self.scope.endpoint_service_name(&rule.service)).collect()
    }

    /// Services of the stores, by their short names, each once.
    pub fn store_services(&self) -> impl Iterator<Item = &'static str> {
        self.stores.iter().filter_map(|store| store.kind.service()).collect::<BTreeSet<_>>().into_iter()
    }

    /// Names of the platform's roles.
    #[must_use]
    pub fn platform_role_names(&self) -> BTreeSet<String> {
        self.platform_roles.iter().flatten().map(|mapping| mapping.role_name.clone()).collect()
    }

    /// ARNs of the additional policies.
    #[must_use]
    pub fn additional_policy_arns(&self) -> BTreeSet<String> {
        self.additional_policies.iter().map(|policy| policy.arn.clone()).collect()
    }

    /// ARN of the boundary in force: the platform's, or ours.
    #[must_use]
    pub fn boundary_arn(&self) -> String {
        self.platform_boundary_arn.clone().unwrap_or_else(|| self.scope.policy_arn(&crate::domain::names::boundary(&self.scope)))
    }
}

fn terms(bedrock: &BedrockApproval, regions: &[String], require_federation: Option<bool>) -> Terms {
    let named = |list: &Option<Vec<String>>| list.iter().flatten().cloned().collect();
    let application = bedrock.application_inference_profiles.iter().flatten();
    Terms {
        models: named(&bedrock.models),
        profiles: named(&bedrock.inference_profiles),
        application_profiles: application.map(|profile| (profile.name.clone(), profile.arn.clone())).collect(),
        regions: regions.iter().cloned().collect(),
        global_profiles: bedrock.allow_global_profiles.unwrap_or(false),
        side_doors: bedrock.side_doors.iter().flatten().copied().filter(|door| *door != SideDoor::Unrecognized).collect(),
        enforced_guardrails: bedrock.enforced_guardrails.iter().flatten().cloned().collect(),
        require_federation: require_federation.unwrap_or(false),
    }
}

fn endpoint_rules(declared: &[EndpointRules]) -> Vec<EndpointRule> {
    let mut rules: Vec<EndpointRule> = declared
        .iter()
        .map(|rule| EndpointRule {
            service: rule.service.clone(),
            provision: rule.management == Management::Provision,
            vpc_endpoint_id: rule.vpc_endpoint_id.clone(),
            hub_vpc_id: rule.vpc_id.clone(),
            address_ranges: rule.address_ranges.iter().flatten().map(|range| canonical(range).unwrap_or_else(|| range.clone())).collect(),
            exclusive: rule.exclusive.unwrap_or(false),
            subnet_ids: rule.subnet_ids.iter().flatten().cloned().collect(),
            sources: rule.sources.clone().unwrap_or_default(),
            other_principals: sorted(rule.other_principals.clone().unwrap_or_default()),
        })
        .collect();
    for service in DEFAULT_SERVICES {
        if !rules.iter().any(|rule| rule.service == service) {
            rules.push(EndpointRule {
                service: service.to_owned(),
                provision: true,
                vpc_endpoint_id: None,
                hub_vpc_id: None,
                address_ranges: BTreeSet::new(),
                exclusive: false,
                subnet_ids: BTreeSet::new(),
                sources: Vec::new(),
                other_principals: Vec::new(),
            });
        }
    }
    rules.sort_by(|a, b| a.service.cmp(&b.service));
    rules
}

/// The stores in an order that does not depend on how they were written.
fn stores(declared: &[DataStore]) -> Vec<DataStore> {
    let mut stores = declared.to_vec();
    for store in &mut stores {
        store.verbs.sort_unstable();
        store.prefixes.iter_mut().for_each(|prefixes| prefixes.sort_unstable());
    }
    stores.sort_by(|a, b| a.name.cmp(&b.name));
    stores
}

fn by_name(mut policies: Vec<AdditionalPolicy>) -> Vec<AdditionalPolicy> {
    policies.sort_by(|a, b| a.name.cmp(&b.name));
    policies
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort_unstable();
    texts.dedup();
    texts
}
