//! All parts together: emulators, a seeded account, a control plane that mints tokens of the account's cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hipaa_operator::cluster::lease::LEASE;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{self, Scope};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Client, ResourceExt as _};
use serde_json::Value;
use tempfile::TempDir;

use super::control_plane::ControlPlane;
use super::emulators::Emulators;
use super::operator::Operator;
use super::process::tail;
use super::seed::{Seeded, Shape, another_cluster, seed};
use super::wait;

/// How long the API server may take to serve a new kind.
const ESTABLISHED: Duration = Duration::from_secs(30);

/// How long one list of a new kind may take.
const LISTED: Duration = Duration::from_secs(2);

/// A running test bed. Everything it started is ended when it is dropped; its folder is kept if the test fails.
#[derive(Debug)]
pub struct Bed {
    /// The Kubernetes control plane.
    pub control_plane: ControlPlane,
    /// The AWS account. Several beds may share one.
    pub emulators: Arc<Emulators>,
    /// What was asked for.
    pub shape: Shape,
    /// What the account holds.
    pub seeded: Seeded,
    /// Logs, keys, data: one file or folder for each part.
    pub folder: TempDir,
    operator_logs: Mutex<Vec<PathBuf>>,
}

impl Bed {
    /// Starts all parts and waits until they are ready.
    ///
    /// # Panics
    /// If a part cannot be started, with the end of its log.
    pub async fn start(shape: Shape) -> Self {
        Self::start_with(shape, false).await
    }

    /// The same, with an audit log of the API server.
    ///
    /// # Panics
    /// If a part cannot be started, with the end of its log.
    pub async fn start_audited(shape: Shape) -> Self {
        Self::start_with(shape, true).await
    }

    async fn start_with(shape: Shape, audited: bool) -> Self {
        let folder = folder();
        let emulators = Arc::new(Emulators::start(folder.path(), &shape.account, &shape.region).await);
        // The issuer that the tokens carry has to be that of every account that is seeded here later.
        emulators.warm_up().await;
        emulators.reset().await;
        let seeded = seed(&emulators, &shape).await;
        Self::around(folder, emulators, seeded, shape, audited).await
    }

    /// Starts another control plane on the same account and VPC. If `cluster_name` is that of the first cluster, it is a clone of its
    /// control plane; else it is another cluster. The emulator gives all clusters one issuer.
    ///
    /// # Panics
    /// If it cannot be started, with the end of its log.
    pub async fn beside(&self, cluster_name: &str) -> Self {
        let shape = Shape { cluster_name: cluster_name.to_owned(), ..self.shape.clone() };
        let seeded = if shape.cluster_name == self.shape.cluster_name {
            self.seeded.clone()
        } else {
            another_cluster(&self.emulators, &self.seeded, cluster_name).await
        };
        Self::around(folder(), self.emulators.clone(), seeded, shape, false).await
    }

    async fn around(folder: TempDir, emulators: Arc<Emulators>, seeded: Seeded, shape: Shape, audited: bool) -> Self {
        let issuer = shape.token_issuer.as_ref().unwrap_or(&seeded.issuer);
        let control_plane = if audited {
            ControlPlane::start_audited(folder.path(), issuer).await
        } else {
            ControlPlane::start(folder.path(), issuer).await
        };
        let bed = Self { control_plane, emulators, shape, seeded, folder, operator_logs: Mutex::default() };
        bed.install_crds().await;
        bed
    }

    /// A client that may do everything.
    pub fn client(&self) -> Client {
        self.control_plane.client()
    }

    /// Starts an operator on this cluster and account. It may not be ready yet.
    pub fn operator(&self, binary: &Path, flags: &[&str]) -> Operator {
        self.operator_with(binary, flags, &[])
    }

    /// The same, with more in its environment.
    pub fn operator_with(&self, binary: &Path, flags: &[&str], more: &[(&str, &str)]) -> Operator {
        let mut logs = self.operator_logs.lock().expect("no holder panics");
        let name = format!("operator-{}", logs.len() + 1);
        let mut environment = self.environment();
        environment.extend(more.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
        let operator = Operator::start(&name, binary, flags, &environment, self.folder.path());
        logs.push(operator.log().to_owned());
        operator
    }

    /// Frees the operator's lease: for a test that has killed its holder, so knows that it is dead, and need not wait for the lease to
    /// run out before the next one leads.
    ///
    /// # Panics
    /// If the API server refuses.
    pub async fn free_lease(&self) {
        let leases: Api<Lease> = Api::namespaced(self.client(), "hipaa-operator");
        match leases.delete(LEASE, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            outcome => drop(outcome.expect("the lease can be deleted")),
        }
    }

    /// What a program needs in its environment to work with this cluster and account.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut environment = self.emulators.environment();
        environment.push(("KUBECONFIG".to_owned(), self.control_plane.kubeconfig().display().to_string()));
        environment
    }

    /// Applies every document of `yaml`.
    ///
    /// # Panics
    /// If the API server refuses one.
    pub async fn apply(&self, yaml: &str) -> Vec<DynamicObject> {
        self.try_apply(yaml).await.unwrap_or_else(|error| panic!("apply: {error}\n{yaml}"))
    }

    /// Applies the documents of `yaml` up to the first one that is refused, and says why.
    ///
    /// # Panics
    /// If it is not YAML of Kubernetes objects.
    pub async fn try_apply(&self, yaml: &str) -> kube::Result<Vec<DynamicObject>> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
        let mut applied = Vec::new();
        for document in documents.into_iter().filter(|document| !document.is_null()) {
            let object: DynamicObject = serde_json::from_value(document).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
            applied.push(self.apply_object(&object).await?);
        }
        Ok(applied)
    }

    async fn apply_object(&self, object: &DynamicObject) -> kube::Result<DynamicObject> {
        let types = object.types.as_ref().expect("an object names its kind");
        let kind = GroupVersionKind::try_from(types).expect("apiVersion is group and version");
        let (resource, capabilities) = discovery::pinned_kind(&self.client(), &kind).await?;
        let api: Api<DynamicObject> = match (capabilities.scope, object.namespace()) {
            (Scope::Cluster, _) => Api::all_with(self.client(), &resource),
            (Scope::Namespaced, Some(namespace)) => Api::namespaced_with(self.client(), &namespace, &resource),
            (Scope::Namespaced, None) => Api::default_namespaced_with(self.client(), &resource),
        };
        api.patch(&object.name_any(), &PatchParams::apply("test").force(), &Patch::Apply(object)).await
    }

    /// Asks every 100 ms until the answer is `Ok`.
    ///
    /// # Panics
    /// After `deadline`, with `what`, the last `Err` and the end of each operator's log.
    pub async fn eventually<T, A: Future<Output = Result<T, String>>>(&self, what: &str, deadline: Duration, ask: impl FnMut() -> A) -> T {
        match wait::until(deadline, ask).await {
            Ok(answer) => answer,
            Err(error) => {
                let logs = self.operator_logs.lock().expect("no holder panics");
                let logs: Vec<_> = logs.iter().map(|log| tail(log)).collect();
                panic!("not within {deadline:?}: {what}: {error}\n{}", logs.join("\n"));
            }
        }
    }

    /// The process groups of all parts.
    pub fn groups(&self) -> Vec<i32> {
        [self.control_plane.groups(), self.emulators.groups()].concat()
    }

    async fn install_crds(&self) {
        let mut files: Vec<_> = match fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("crds")) {
            Ok(entries) => entries.map(|entry| entry.expect("crds/ can be read").path()).collect(),
            Err(_) => return,
        };
        files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client());
        let mut kinds = Vec::new();
        for file in files {
            for definition in self.apply(&fs::read_to_string(&file).expect("a CRD file can be read")).await {
                let name = definition.name_any();
                let established = await_condition(definitions.clone(), &name, conditions::is_crd_established());
                let established = tokio::time::timeout(ESTABLISHED, established).await;
                established.unwrap_or_else(|_| panic!("{name} is not established")).unwrap_or_else(|error| panic!("{name}: {error}"));
                let definition = definitions.get(&name).await.expect("the definition is there");
                let (group, names) = (definition.spec.group, definition.spec.names);
                kinds.push(ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(&group, "v1alpha1", &names.kind), &names.plural));
            }
        }
        // A list that comes while the API server still exchanges the storage of a new kind is answered after a minute, with an error.
        for kind in kinds {
            let api: Api<DynamicObject> = Api::all_with(self.client(), &kind);
            let served = || async {
                let listed = tokio::time::timeout(LISTED, api.list(&ListParams::default())).await;
                listed.map_err(|_| "it does not answer".to_owned())?.map_err(|error| error.to_string())
            };
            self.eventually(&format!("{} are served", kind.plural), ESTABLISHED, served).await;
        }
    }
}

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("hipaa-operator-bed-").tempdir().expect("there is a folder for temporary files")
}

impl Drop for Bed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("the test bed's logs are kept in {}", self.folder.path().display());
        }
    }
}
