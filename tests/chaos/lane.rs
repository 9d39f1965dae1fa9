//! A lane: a bed of its own with the proxy and an operator on it, made as new between cycles.

use std::path::Path;
use std::time::Duration;

use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::account;
use crate::cluster::{self, NAMESPACE, OPERATORS};
use crate::picture::Picture;
use crate::support::bed::Bed;
use crate::support::fault_proxy::FaultProxy;
use crate::support::fault_proxy::foreign::Foreign;
use crate::support::fault_proxy::world::World;
use crate::support::operator::{self, Operator};
use crate::support::seed::{Shape, seed};
use crate::support::wait;

/// How long an object may take to go that nothing keeps.
const GONE: Duration = Duration::from_secs(20);

const TEAM: &str = "
apiVersion: v1
kind: Namespace
metadata: { name: hipaa-operator }
---
apiVersion: v1
kind: Namespace
metadata: { name: clinic, labels: { hipaa-operator.io/phi: allowed } }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: notes, namespace: clinic }
";

/// How the account behaves during a cycle.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Setting {
    /// As the emulators do.
    #[default]
    Plain,
    /// Reads lag behind.
    Stale,
    /// New endpoints take their time.
    Pending,
    /// It is full of others' roles.
    Crowded,
}

impl Setting {
    fn world(self) -> World {
        match self {
            Self::Plain => World::default(),
            Self::Stale => World { stale: Duration::from_secs(2), ..World::default() },
            Self::Pending => World { pending: Duration::from_secs(3), ..World::default() },
            Self::Crowded => World { foreign: Some(Foreign { roles: 5000, versions: 5, on_a_page: 150 }), ..World::default() },
        }
    }

    /// Seconds within which the operator does not believe a read of IAM that does not show its write.
    fn settling(self) -> &'static str {
        if self == Self::Stale { "3" } else { "0" }
    }
}

/// Everything that runs.
pub struct Lane {
    // The operator ends before what it works on.
    operator: Option<Operator>,
    /// The way to the account.
    pub proxy: FaultProxy,
    /// The cluster and the account.
    pub bed: Bed,
    setting: Setting,
}

impl Lane {
    /// Starts all but the operator.
    pub async fn start() -> Self {
        let bed = Bed::start(Shape::default()).await;
        let proxy = FaultProxy::start(&bed.emulators).await;
        Self { operator: None, proxy, bed, setting: Setting::default() }
    }

    /// Makes cluster and account as new, and starts an operator.
    pub async fn renew(&mut self, setting: Setting) -> Result<(), String> {
        self.kill();
        self.setting = setting;
        self.proxy.plan(None);
        self.proxy.resume();
        self.proxy.world(setting.world());
        clear(&self.bed.client()).await?;
        self.bed.emulators.reset().await;
        let seeded = seed(&self.bed.emulators, &self.bed.shape).await;
        if seeded != self.bed.seeded {
            return Err(format!("the account has other ids: {seeded:?}"));
        }
        self.bed.try_apply(TEAM).await.map_err(|error| error.to_string())?;
        self.launch("operator").await
    }

    /// Kills the operator at once, as a crash would.
    pub fn kill(&mut self) {
        if let Some(operator) = self.operator.take() {
            operator.kill();
        }
    }

    /// Starts an operator after one was killed.
    pub async fn relaunch(&mut self) -> Result<(), String> {
        self.launch("operator-relaunched").await
    }

    async fn launch(&mut self, name: &str) -> Result<(), String> {
        // A killed leader's lease is left to run out; nothing is shown by waiting for it here.
        delete_all(Api::<Lease>::namespaced(self.bed.client(), OPERATORS)).await?;
        let flags = ["--sweep-interval", "1", "--iam-settling", self.setting.settling(), "--allow-endpoint-override"];
        let flags = [&flags[..], &["--log", "info,hipaa_operator=debug"]].concat();
        let mut environment = self.bed.environment();
        environment.extend(self.proxy.environment());
        self.operator = Some(Operator::start(name, &operator::binary(), &flags, &environment, self.bed.folder.path()));
        Ok(())
    }

    /// What account and cluster hold.
    pub async fn picture(&self) -> Result<Picture, String> {
        let client = self.bed.client();
        let (account, cluster) = tokio::join!(account::read(&self.bed.emulators), cluster::read(&client));
        let mut held = account?;
        held.things.extend(cluster?);
        let system = Api::<Namespace>::all(client).get_metadata("kube-system").await.map_err(|error| error.to_string())?;
        held.names.insert(system.metadata.uid.unwrap_or_default(), "<API server>".to_owned());
        Ok(Picture::new(held.things, &held.names))
    }

    /// The operator's logs, the killed one's first.
    pub fn logs(&self) -> String {
        let text = |name: &str| {
            let path = self.bed.folder.path().join(format!("{name}.log"));
            std::fs::read_to_string(path).unwrap_or_default()
        };
        let (first, second) = (text("operator"), text("operator-relaunched"));
        format!("--- operator\n{first}\n--- operator, if it was started again in this or an earlier cycle\n{second}")
    }

    /// The most memory that the operator has used, in MiB; `None` where the kernel does not tell.
    pub fn peak_memory(&self) -> Option<u64> {
        let group = self.operator.as_ref()?.group();
        let folders = std::fs::read_dir("/proc").ok()?;
        folders.flatten().filter_map(|folder| peak_in_group(&folder.path(), group)).max()
    }
}

/// Peak memory in MiB of a process of this group.
fn peak_in_group(process: &Path, group: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    let found: i32 = stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()?;
    let status = std::fs::read_to_string(process.join("status")).ok().filter(|_| found == group)?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(peak.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
}

/// Removes everything of an earlier cycle from the cluster.
async fn clear(client: &Client) -> Result<(), String> {
    delete_all(Api::<BedrockAccess>::namespaced(client.clone(), NAMESPACE)).await?;
    delete_all(Api::<PhiWorkload>::namespaced(client.clone(), NAMESPACE)).await?;
    delete_all(Api::<PhiEnvironment>::all(client.clone())).await?;
    delete_all(Api::<NetworkPolicy>::namespaced(client.clone(), NAMESPACE)).await?;
    delete_all(Api::<ServiceAccount>::namespaced(client.clone(), NAMESPACE)).await?;
    delete_all(Api::<ConfigMap>::namespaced(client.clone(), OPERATORS)).await
}

/// Deletes all objects of a kind, without regard to finalizers, and waits until none of them is left.
async fn delete_all<K>(api: Api<K>) -> Result<(), String>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let told = |error: kube::Error| error.to_string();
    let old = api.list_metadata(&ListParams::default()).await.map_err(told)?.items;
    for object in &old {
        let freed = serde_json::json!({ "metadata": { "finalizers": null } });
        unless_gone(api.patch_metadata(&object.name_any(), &PatchParams::default(), &Patch::Merge(&freed)).await)?;
        unless_gone(api.delete(&object.name_any(), &DeleteParams::default()).await)?;
    }
    let none_left = || async {
        let left = api.list_metadata(&ListParams::default()).await.map_err(told)?.items;
        // The namespace's own service account comes back at once.
        let left = left.iter().filter(|one| old.iter().any(|other| other.metadata.uid == one.metadata.uid)).count();
        if left == 0 { Ok(()) } else { Err(format!("{left} {} are left", K::kind(&()))) }
    };
    wait::until(GONE, none_left).await
}

fn unless_gone<T>(outcome: kube::Result<T>) -> Result<(), String> {
    match outcome {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        outcome => outcome.map(drop).map_err(|error| error.to_string()),
    }
}
