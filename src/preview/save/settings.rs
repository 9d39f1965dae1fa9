//! What applications are told: of ours what it says, of others that it is there.

use k8s_openapi::api::core::v1::ConfigMap;

use crate::api::annotations::SETTINGS_DIGEST;
use crate::plan::workload::{is_kept, settings_are_ours};
use crate::preview::observed::FoundConfigMap;

/// The config map with the name of the settings of a workload, which has this UID.
#[must_use]
pub fn config_map(found: &ConfigMap, workload: &str, uid: &str) -> FoundConfigMap {
    let ours = settings_are_ours(found, workload, uid);
    let digest = found.metadata.annotations.as_ref().and_then(|all| all.get(SETTINGS_DIGEST));
    let said = || found.data.iter().flatten().filter(|(key, _)| is_kept(key)).map(|(key, value)| (key.clone(), value.clone()));
    FoundConfigMap { ours, digest: digest.filter(|_| ours).cloned(), data: ours.then(|| said().collect()) }
}
