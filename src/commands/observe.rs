//! The command `observe`: reads what a pass over an environment reads, and saves the facts that plans depend on. It writes nothing to
//! the cluster or the account.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::core::PartialObjectMeta;
use kube::{Api, Client, ResourceExt};

use crate::api::annotations::ROLE_ARN;
use crate::api::conditions::Reason;
use crate::api::{BedrockAccess, PhiEnvironment, PhiEnvironmentStatus, PhiWorkload, Verdict};
use crate::aws::{Account, Alarm, CallObserver, Settings};
use crate::cluster::fault::fault_of;
use crate::controllers::observe::{Known, Observation, observe};
use crate::domain::{Fault, names, tags};
use crate::observed::Read;
use crate::observed::environment::EnvironmentObservation;
use crate::observed::identity::IdentitySnapshot;
use crate::plan::environment::{EnvironmentInputs, Named, Rules, scope_findings};
use crate::plan::workload::{admits, carries_our_label};
use crate::preview::observed::{FoundConfigMap, FoundNamespace, FoundNetworkPolicy, KnownEnvironment, KnownFacts};
use crate::preview::save::{Seen, config_map, save, unread};

/// What a network policy of ours begins with.
const OUR_NAME: &str = "hipaa-operator.";

/// Arguments of `observe`.
#[derive(Debug, Args)]
pub struct ObserveArguments {
    /// The `PhiEnvironment` whose facts are saved. May be given several times.
    #[arg(short, long, value_name = "NAME", required = true)]
    pub environment: Vec<String>,
    /// The file to write, which is replaced; - for standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub output: String,
    /// The operator's own principal, if these are not its credentials: key and endpoint policies name it.
    #[arg(long, value_name = "ARN")]
    pub operator_arn: Option<String>,
    /// Go on although AWS endpoints are overridden in the environment (`AWS_ENDPOINT_URL`...): calls go there instead of to AWS.
    #[arg(long, env = "HIPAA_OPERATOR_ALLOW_ENDPOINT_OVERRIDE")]
    pub allow_endpoint_override: bool,
}

/// Reads and saves the facts. Nothing is written unless all of them could be read.
///
/// # Errors
/// What could not be read, or that the facts could not be written.
pub async fn run(arguments: &ObserveArguments, output: &mut dyn Write) -> Result<(), String> {
    super::refuse_overrides(arguments.allow_endpoint_override)?;
    let client = super::cluster().await?;
    let mut facts = KnownFacts::default();
    for name in &arguments.environment {
        let known = Box::pin(environment(&client, name, arguments.operator_arn.as_deref())).await;
        facts.environments.insert(name.clone(), known.map_err(|message| format!("PhiEnvironment {name}: {message}"))?);
    }
    let yaml = serde_saphyr::to_string(&facts).map_err(|error| format!("the facts cannot be written as YAML: {error}"))?;
    let text = format!("# Facts of a live account and cluster, for hipaa-operator plan --observed.\n{}\n", yaml.trim_end());
    match arguments.output.as_str() {
        "-" => output.write_all(text.as_bytes()).or_else(pipe_closed),
        file => replace(Path::new(file), &text),
    }
    .map_err(|error| format!("cannot write {}: {error}", arguments.output))
}

/// A reader that went away, such as `head`, is no failure.
fn pipe_closed(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

/// A file is whole or untouched, whatever happens meanwhile.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let name = file.file_name().ok_or_else(|| io::Error::other("name a file"))?.to_string_lossy();
    let partial = file.with_file_name(format!(".{name}.partial"));
    fs::write(&partial, text).and_then(|()| fs::rename(&partial, file)).inspect_err(|_| drop(fs::remove_file(&partial)))
}

async fn environment(client: &Client, name: &str, operator_arn: Option<&str>) -> Result<KnownEnvironment, String> {
    let at = Timestamp::now();
    let found =
        Api::<PhiEnvironment>::all(client.clone()).get_opt(name).await.map_err(|error| told(&fault_of("GetPhiEnvironment", &error)))?;
    let object = found.ok_or("is not in the cluster; apply it first, or correct --environment")?;
    let (spec, nothing) = (&object.spec, PhiEnvironmentStatus::default());
    let settings = Settings { region: spec.aws.region.clone(), fips: spec.fips.unwrap_or(false) };
    let account = Account::connect(&settings, CallObserver::new(|_, _, _| {}, &Alarm::default())).await;
    let caller = account.sts.caller().await;
    let partition = caller.as_ref().ok().map(|caller| caller.partition().to_owned());
    let mut rules = Rules::of(name, spec, partition.as_deref());
    let workloads = bound(client, name).await.map_err(|fault| told(&fault))?;
    rules.named = named(client, &rules, &workloads).await.map_err(|fault| told(&fault))?;
    let api_server = api_server(client).await;
    let start =
        Known { spec, rules: &rules, recorded: object.status.as_ref().unwrap_or(&nothing), caller, api_server, identity: Arc::default() };
    let Observation { environment: mut observed, identity } = observe(client, &account, start).await;
    if let Some(arn) = operator_arn {
        observed.operator_arn = Ok(arn.to_owned());
    }
    let failed = unread(&observed);
    if !failed.is_empty() {
        return Err(format!("not everything could be read, so nothing is written: {}", Vec::from_iter(failed).join("; ")));
    }
    meant(&rules, &observed)?;
    let identity = identity.map_err(|fault| told(&fault))?;
    let namespaces = namespaces(client, &object, &workloads).await.map_err(|fault| told(&fault))?;
    let tagged_policies = tagged_policies(&account, &rules, &identity, &workloads).await.map_err(|fault| told(&fault))?;
    let seen = Seen {
        rules: &rules,
        spec,
        status: object.status.as_ref().unwrap_or(&nothing),
        observed: &observed,
        identity: &identity,
        workloads: &workloads,
        tagged_policies: &tagged_policies,
        namespaces,
        at: format!("{at:.0}"),
    };
    save(&seen).map_err(|fault| told(&fault))?.ok_or_else(|| "has no cluster or no VPC".to_owned())
}

/// Identity of the API server: the UID of its namespace `kube-system`.
pub(super) async fn api_server(client: &Client) -> Read<String> {
    let found = Api::<Namespace>::all(client.clone()).get_metadata("kube-system").await;
    found.map(|namespace| namespace.uid().unwrap_or_default()).map_err(|error| fault_of("GetNamespace", &error))
}

fn told(fault: &Fault) -> String {
    format!("not everything could be read, so nothing is written: {fault}")
}

/// Facts of another account or cluster than the one meant would mislead every plan. What else is wrong is a fact that a plan tells of.
fn meant(rules: &Rules, observed: &EnvironmentObservation) -> Result<(), String> {
    let inputs = EnvironmentInputs::of(rules, observed);
    let another = [Reason::AccountMismatch, Reason::ClusterMismatch, Reason::ClusterNotFound, Reason::VpcNotFound];
    let findings = scope_findings(&inputs).into_iter();
    match findings.into_iter().find(|finding| finding.verdict == Verdict::Fail && another.contains(&finding.reason)) {
        None => Ok(()),
        Some(finding) => Err(format!("{}: {}", finding.reason.as_str(), finding.message)),
    }
}

/// The workloads of the environment.
async fn bound(client: &Client, environment: &str) -> Result<Vec<PhiWorkload>, Fault> {
    let all = Api::<PhiWorkload>::all(client.clone()).list(&ListParams::default()).await;
    let all = all.map_err(|error| fault_of("ListPhiWorkloads", &error))?;
    Ok(all.into_iter().filter(|workload| workload.spec.environment_ref.name == environment).collect())
}

/// What the accesses of the workloads name of the environment's families.
async fn named(client: &Client, rules: &Rules, workloads: &[PhiWorkload]) -> Result<Named, Fault> {
    let all = Api::<BedrockAccess>::all(client.clone()).list(&ListParams::default()).await;
    let all = all.map_err(|error| fault_of("ListBedrockAccesses", &error))?;
    let theirs = |access: &&BedrockAccess| {
        workloads.iter().any(|workload| {
            workload.metadata.namespace == access.metadata.namespace && workload.name_any() == access.spec.workload_ref.name
        })
    };
    let each = all.iter().filter(theirs);
    Ok(Named::of(&rules.terms, each.map(|access| (access.metadata.namespace.as_deref().unwrap_or_default(), &access.spec))))
}

/// The namespaces that the environment admits or that hold a workload of it.
async fn namespaces(
    client: &Client,
    environment: &PhiEnvironment,
    workloads: &[PhiWorkload],
) -> Result<BTreeMap<String, FoundNamespace>, Fault> {
    let everything = ListParams::default();
    let names = Api::<Namespace>::all(client.clone()).list_metadata(&everything).await;
    let names = names.map_err(|error| fault_of("ListNamespaces", &error))?;
    let accounts = Api::<ServiceAccount>::all(client.clone()).list_metadata(&everything).await;
    let accounts = accounts.map_err(|error| fault_of("ListServiceAccounts", &error))?;
    let policies = Api::<NetworkPolicy>::all(client.clone()).list(&everything).await;
    let policies = policies.map_err(|error| fault_of("ListNetworkPolicies", &error))?;
    let holds = |name: &str| workloads.iter().any(|workload| workload.metadata.namespace.as_deref() == Some(name));
    let wanted = |namespace: &&PartialObjectMeta<Namespace>| {
        admits(&environment.spec.namespace_selector, namespace.labels()) || holds(&namespace.name_any())
    };
    let mut found: BTreeMap<String, FoundNamespace> = names
        .iter()
        .filter(wanted)
        .map(|namespace| (namespace.name_any(), FoundNamespace { labels: namespace.labels().clone(), ..FoundNamespace::default() }))
        .collect();
    for account in accounts {
        if let Some(around) = found.get_mut(&account.namespace().unwrap_or_default()) {
            around.service_accounts.insert(account.name_any(), account.annotations().get(ROLE_ARN).cloned());
        }
    }
    for (place, settings) in config_maps(client, workloads).await? {
        if let Some(around) = found.get_mut(&place.0) {
            around.config_maps.insert(place.1, settings);
        }
    }
    let recorded = recorded_policies(workloads);
    for policy in policies {
        let place = (policy.namespace().unwrap_or_default(), policy.name_any());
        let ours = carries_our_label(&policy) || recorded.contains(&place);
        let Some(around) = found.get_mut(&place.0).filter(|_| ours || place.1.starts_with(OUR_NAME)) else { continue };
        around.network_policies.insert(place.1, FoundNetworkPolicy { ours, spec: policy.spec.filter(|_| ours) });
    }
    Ok(found)
}

/// What the workloads' applications are told, by namespace and name.
async fn config_maps(client: &Client, workloads: &[PhiWorkload]) -> Result<BTreeMap<(String, String), FoundConfigMap>, Fault> {
    let mut found = BTreeMap::new();
    for workload in workloads {
        let (namespace, name) = (workload.namespace().unwrap_or_default(), names::settings(&workload.name_any()));
        let there = Api::<ConfigMap>::namespaced(client.clone(), &namespace).get_opt(&name).await;
        let Some(there) = there.map_err(|error| fault_of("GetConfigMap", &error))? else { continue };
        let known = config_map(&there, &workload.name_any(), workload.metadata.uid.as_deref().unwrap_or_default());
        found.insert((namespace, name), known);
    }
    Ok(found)
}

/// The network policies that the workloads' statuses record: namespace and name.
fn recorded_policies(workloads: &[PhiWorkload]) -> BTreeSet<(String, String)> {
    let recorded = workloads.iter().filter_map(|workload| {
        let name = workload.status.as_ref()?.network_policy_name.clone()?;
        Some((workload.namespace().unwrap_or_default(), name))
    });
    recorded.collect()
}

/// The bulk read does not carry the tags of policies. They are asked for only where no status says whose the policy is.
async fn tagged_policies(
    account: &Account,
    rules: &Rules,
    identity: &IdentitySnapshot,
    workloads: &[PhiWorkload],
) -> Result<BTreeSet<String>, Fault> {
    let scope = &rules.scope;
    let recorded: BTreeSet<&String> =
        workloads.iter().filter_map(|workload| Some(&workload.status.as_ref()?.identity.as_ref()?.policy_arn)).collect();
    let boundary = scope.policy_arn(&names::boundary(scope));
    let mut tagged = BTreeSet::new();
    let ours = |arn: &&String| arn.starts_with(&scope.policy_arn("")) && **arn != boundary && !recorded.contains(arn);
    for arn in identity.policies.keys().filter(ours) {
        let Some(found) = account.iam.policy_tags(arn).await? else { continue };
        if let (Some(namespace), Some(service_account)) = (found.get(tags::NAMESPACE), found.get(tags::SERVICE_ACCOUNT))
            && scope.policy_arn(&names::role(scope, namespace, service_account)) == *arn
            && tags::owned(&found, &tags::of_workload(scope, namespace, service_account))
        {
            tagged.insert(arn.clone());
        }
    }
    Ok(tagged)
}
