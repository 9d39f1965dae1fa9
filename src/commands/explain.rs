//! The command `explain`: what one service account can really do. It reads the cluster and the account, and writes to neither.

mod cluster;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use kube::Client;

use crate::api::PhiEnvironmentStatus;
use crate::aws::{Account, Alarm, CallObserver, Settings};
use crate::controllers::observe::{Known, Observation, observe};
use crate::domain::{Fault, names};
use crate::explain::{Explanation, Seen, Subject, explain, text};
use crate::observed::Read;
use crate::observed::identity::{IdentitySnapshot, Role};
use crate::plan::environment::{Named, Rules};
use crate::plan::facts::EnvironmentFacts;
use crate::policy::PolicyDocument;

use cluster::Found;

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
It reads the declarations in the cluster, the role with its policies and its boundary, and the policies of the endpoints, and tells for
each action and resource that the role's policies allow whether role, boundary and endpoint let it through, and which field of which
declaration it comes from. What could not be read is named, and nothing is claimed of it. Pods are not looked at.

Exit code: 0 all is as declared, 1 something is not or could not be read, 2 nothing was found or the cluster cannot be used.")]
pub struct ExplainArguments {
    /// The service account, as NAMESPACE/NAME.
    #[arg(value_name = "NAMESPACE/SERVICEACCOUNT")]
    pub service_account: String,
    /// Form of the output.
    #[arg(short, long, value_enum, default_value_t = Form::Text)]
    pub output: Form,
    /// Go on although AWS endpoints are overridden in the environment (`AWS_ENDPOINT_URL`...): calls go there instead of to AWS.
    #[arg(long, env = "HIPAA_OPERATOR_ALLOW_ENDPOINT_OVERRIDE")]
    pub allow_endpoint_override: bool,
}

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people to read.
    Text,
    /// For tools.
    Json,
}

/// How it ended: the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is as declared.
    AsDeclared,
    /// Something is not, or could not be read.
    Differs,
    /// Nothing was found, or the cluster cannot be used.
    Unusable,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::AsDeclared => 0,
            Outcome::Differs => 1,
            Outcome::Unusable => 2,
        })
    }
}

/// Reads and tells.
///
/// # Errors
/// When `output` or `errors` cannot be written.
pub async fn run(arguments: &ExplainArguments, output: &mut dyn Write, errors: &mut dyn Write) -> io::Result<Outcome> {
    let explanation = match Box::pin(explained(arguments)).await {
        Ok(explanation) => explanation,
        Err(message) => return writeln!(errors, "hipaa-operator: {message}").map(|()| Outcome::Unusable),
    };
    match arguments.output {
        Form::Text => output.write_all(text(&explanation).as_bytes())?,
        Form::Json => {
            serde_json::to_writer_pretty(&mut *output, &explanation)?;
            writeln!(output)?;
        }
    }
    Ok(if explanation.is_as_declared() { Outcome::AsDeclared } else { Outcome::Differs })
}

async fn explained(arguments: &ExplainArguments) -> Result<Explanation, String> {
    let asked = &arguments.service_account;
    let (namespace, account) = asked
        .split_once('/')
        .filter(|(namespace, account)| !namespace.is_empty() && !account.is_empty() && !account.contains('/'))
        .ok_or_else(|| format!("{asked}: name a service account as NAMESPACE/NAME, such as clinic/notes"))?;
    super::refuse_overrides(arguments.allow_endpoint_override)?;
    let client = super::cluster().await?;
    let found = cluster::find(&client, namespace, account).await?;
    Box::pin(of_account(&client, &found)).await
}

/// Reads the account, and explains.
async fn of_account(client: &Client, found: &Found) -> Result<Explanation, String> {
    let (spec, nothing) = (&found.environment.spec, PhiEnvironmentStatus::default());
    let settings = Settings { region: spec.aws.region.clone(), fips: spec.fips.unwrap_or(false) };
    let account = Account::connect(&settings, CallObserver::new(|_, _, _| {}, &Alarm::default())).await;
    let caller = account.sts.caller().await;
    let partition = caller.as_ref().ok().map(|caller| caller.partition().to_owned());
    let mut rules = Rules::of(&found.environment_name(), spec, partition.as_deref());
    // All of one namespace.
    let each = found.accesses.iter();
    rules.named = Named::of(&rules.terms, each.map(|access| ("", &access.spec)));
    let recorded = found.environment.status.as_ref().unwrap_or(&nothing);
    let api_server = super::observe::api_server(client).await;
    let start = Known { spec, rules: &rules, recorded, caller, api_server, identity: Arc::default() };
    let Observation { environment: observed, identity } = observe(client, &account, start).await;
    rules.add_enforced(&observed.settings, recorded.account_settings.as_ref());
    let facts = EnvironmentFacts::of(&rules, spec, &observed, &recorded.guardrails, None);
    let role_name = rules.platform_roles.as_ref().map_or_else(
        || Some(names::role(&rules.scope, &found.namespace, &found.service_account)),
        |roles| {
            let of = |mapping: &&crate::api::identity::RoleMapping| {
                mapping.namespace == found.namespace && mapping.service_account_name == found.service_account
            };
            roles.iter().find(of).map(|mapping| mapping.role_name.clone())
        },
    );
    let role = role_of(&identity, role_name.as_deref());
    let (attached, boundary) = documents(&account, &identity, &role).await;
    let live = match (&facts, &identity) {
        (Some(facts), Ok(identity)) => found.live(&account, facts, identity, &role).await,
        _ => None,
    };
    let live = live.transpose().map_err(|fault| fault.to_string());
    let read = live.as_ref().ok().and_then(Option::as_ref);
    let others: Vec<_> = read.iter().flat_map(|live| &live.others).collect();
    let workloads: Vec<_> = found.others.iter().map(|(name, selector)| (name.as_str(), selector)).collect();
    let inputs = read.zip(facts.as_ref()).map(|(live, facts)| live.inputs(found, facts, &others, &workloads));
    let seen = Seen {
        environment: &found.environment,
        rules: &rules,
        observed: &observed,
        inputs: inputs.as_ref(),
        subject: Subject {
            namespace: &found.namespace,
            service_account: &found.service_account,
            workload: found.workload.metadata.name.as_deref().unwrap_or_default(),
            annotation: found.account.as_ref().and_then(|account| account.role_arn.as_deref()),
        },
        role,
        attached,
        boundary,
    };
    let mut explanation = explain(&seen);
    explanation.unknown.extend(live.err());
    Ok(explanation)
}

fn role_of(identity: &Read<IdentitySnapshot>, name: Option<&str>) -> Read<Option<Role>> {
    let identity = identity.as_ref().map_err(Clone::clone)?;
    Ok(name.and_then(|name| identity.roles.get(name)).map(|role| role.read()))
}

/// The documents of what is attached to the role, and of its boundary. The bulk read holds those of the environment.
async fn documents(
    account: &Account,
    identity: &Read<IdentitySnapshot>,
    role: &Read<Option<Role>>,
) -> (BTreeMap<String, Read<Option<PolicyDocument>>>, Read<Option<PolicyDocument>>) {
    let role = match role {
        Ok(role) => role.as_ref(),
        Err(fault) => return (BTreeMap::new(), Err(fault.clone())),
    };
    let read = async |arn: &str| -> Result<Option<PolicyDocument>, Fault> {
        match identity.as_ref().ok().and_then(|identity| identity.policies.get(arn)) {
            Some(policy) => Ok(policy.read().document),
            None => account.iam.policy_document(arn).await,
        }
    };
    let mut attached = BTreeMap::new();
    for arn in role.into_iter().flat_map(|role| &role.attached) {
        attached.insert(arn.clone(), read(arn).await);
    }
    let boundary = match role.and_then(|role| role.boundary_arn.as_ref()) {
        Some(arn) => read(arn).await,
        None => Ok(None),
    };
    (attached, boundary)
}
