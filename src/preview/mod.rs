//! What declarations would lead to, computed with no cluster and no account: for review before anything is applied.
//!
//! The plans are those of the controllers ([`crate::plan`]). What only the account knows is assumed (`assumed`): nothing of ours
//! exists yet, and each fact is a named placeholder such as `<vpc-id>` unless it is told ([`KnownFacts`]). Facts that were observed
//! (`save`) tell what exists already (`standing`): the plan is then that of the controllers' next pass.

mod account_settings;
mod assumed;
mod carried_out;
#[cfg(feature = "operator")]
pub mod command;
mod environment;
pub mod items;
pub mod observed;
mod report;
pub mod save;
#[cfg(feature = "operator")]
mod sources;
mod standing;
#[cfg(test)]
mod tests;
#[cfg(feature = "operator")]
mod text;
mod workload;

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use serde::Serialize;
use serde_json::Value;

use crate::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
pub use items::Item;
use observed::KnownEnvironment;
pub use observed::KnownFacts;
pub use report::{Assumption, PreviewError, PreviewFinding};

/// The object something is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Subject {
    /// Its kind.
    pub kind: String,
    /// Its namespace, if it lies in one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl Subject {
    /// An object of the group's kinds.
    #[must_use]
    pub fn of<K: ResourceExt>(kind: &str, object: &K) -> Self {
        Self { kind: kind.to_owned(), namespace: object.namespace(), name: object.name_any() }
    }
}

/// What the files declare. No object is in it twice.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// The environments.
    pub environments: Vec<PhiEnvironment>,
    /// The workloads; of two with one service account the first has it.
    pub workloads: Vec<PhiWorkload>,
    /// The accesses.
    pub accesses: Vec<BedrockAccess>,
    /// The namespaces among the files, with their labels.
    pub namespaces: BTreeMap<String, BTreeMap<String, String>>,
    /// The service accounts among the files: namespace and name.
    pub service_accounts: BTreeSet<(String, String)>,
    /// Objects that are among the files and that the API server would refuse: nothing comes of them.
    pub refused: BTreeSet<Subject>,
}

/// Everything the declarations would lead to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Preview {
    /// Objects in the account.
    pub aws: Vec<Item>,
    /// Objects in the cluster, as manifests.
    pub kubernetes: Vec<Value>,
    /// What was assumed, and what is worth knowing.
    pub findings: Vec<PreviewFinding>,
    /// The rules that the declarations break.
    pub errors: Vec<PreviewError>,
}

/// Computes the preview. It is the same for every order of the declarations, service accounts that two workloads claim aside.
#[must_use]
pub fn preview(declared: &Declared, known: &KnownFacts) -> Preview {
    let mut preview = Preview::default();
    let mut environments: Vec<&PhiEnvironment> = declared.environments.iter().collect();
    environments.sort_by_key(|environment| environment.name_any());
    let nothing = KnownEnvironment::default();
    let bound: BTreeMap<String, environment::Bound> = environments
        .into_iter()
        .filter_map(|environment| {
            let name = environment.name_any();
            let bound = environment::plan(declared, environment, known.environments.get(&name).unwrap_or(&nothing), &mut preview)?;
            Some((name, bound))
        })
        .collect();
    let mut workloads: Vec<&PhiWorkload> = declared.workloads.iter().collect();
    workloads.sort_by_key(|workload| (workload.namespace(), workload.name_any()));
    for workload in workloads {
        workload::plan(declared, workload, &bound, &mut preview);
    }
    workload::judge_accesses_without_workload(declared, &mut preview);
    preview
}
