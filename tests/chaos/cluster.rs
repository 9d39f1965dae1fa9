//! The cluster's part of the picture: our objects with all of their statuses but the times, and what we wrote on others'.

use hipaa_operator::api::annotations::MANAGED_BY;
use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::picture::Thing;

/// Where the team works.
pub const NAMESPACE: &str = "clinic";
/// Where the operator works.
pub const OPERATORS: &str = "hipaa-operator";

/// Reads the cluster.
pub async fn read(client: &Client) -> Result<Vec<Thing>, String> {
    let mut things = Vec::new();
    things.extend(ours(Api::<PhiEnvironment>::all(client.clone())).await?);
    things.extend(ours(Api::<PhiWorkload>::namespaced(client.clone(), NAMESPACE)).await?);
    things.extend(ours(Api::<BedrockAccess>::namespaced(client.clone(), NAMESPACE)).await?);
    for policy in listed(&Api::<NetworkPolicy>::namespaced(client.clone(), NAMESPACE)).await? {
        let spec = json(&policy.spec);
        things.push(Thing::new(
            format!("network policy {}", policy.name_any()),
            [("spec", spec), ("labels", format!("{:?}", policy.labels())), ("owners", json(&policy.owner_references()))],
        ));
    }
    for account in listed(&Api::<ServiceAccount>::namespaced(client.clone(), NAMESPACE)).await? {
        let annotations = format!("{:?}", account.annotations());
        things.push(Thing::new(format!("service account {}", account.name_any()), [("annotations", annotations)]));
    }
    for told in listed(&Api::<ConfigMap>::namespaced(client.clone(), NAMESPACE)).await? {
        if told.labels().contains_key(MANAGED_BY) {
            let owners = told.owner_references().iter().map(|owner| format!("{} {}", owner.kind, owner.name)).collect::<Vec<_>>();
            let parts = [("data", json(&told.data)), ("labels", format!("{:?}", told.labels())), ("owners", owners.join(", "))];
            things.push(Thing::new(format!("config map {}", told.name_any()), parts));
        }
    }
    for list in listed(&Api::<ConfigMap>::namespaced(client.clone(), OPERATORS)).await? {
        let handed_over = list.data.unwrap_or_default().into_iter().filter(|(name, _)| name != "ca.crt");
        things.extend(handed_over.map(|(role, policy)| Thing::new(format!("handed over {role}"), [("policy", policy)])));
    }
    Ok(things)
}

async fn listed<K>(api: &Api<K>) -> Result<Vec<K>, String>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    Ok(api.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items)
}

async fn ours<K>(api: Api<K>) -> Result<Vec<Thing>, String>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + Serialize,
{
    let thing = |object: K| {
        let mut whole = serde_json::to_value(&object).unwrap_or_default();
        let mut status = whole["status"].take();
        timeless(&mut status, object.meta().generation);
        let mut thing = Thing::new(
            format!("{} {}", K::kind(&()), object.name_any()),
            [
                ("finalizers", format!("{:?}", object.finalizers())),
                ("annotations", format!("{:?}", object.annotations())),
                ("being deleted", object.meta().deletion_timestamp.is_some().to_string()),
            ],
        );
        for (name, value) in status.as_object().into_iter().flatten() {
            thing.parts.insert(format!("status.{name}"), value.to_string());
        }
        thing
    };
    Ok(listed(&api).await?.into_iter().map(thing).collect())
}

/// Takes out times and digests, and says of each observed generation whether it is the present one.
fn timeless(value: &mut Value, generation: Option<i64>) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !matches!(name.as_str(), "lastTransitionTime" | "lastEvaluated" | "since"));
            for (name, value) in fields {
                match name.as_str() {
                    "observedGeneration" => *value = Value::from(if value.as_i64() == generation { "present" } else { "stale" }),
                    "settledInputs" => *value = Value::from(if value.as_str() == Some("") { "unsettled" } else { "settled" }),
                    _ => timeless(value, generation),
                }
            }
        }
        Value::Array(items) => {
            for item in &mut *items {
                timeless(item, generation);
            }
            // Accesses are listed by age, which is the same for both if they were made within one second.
            if items.iter().all(|item| item["generation"].is_i64()) {
                items.sort_by_key(Value::to_string);
            }
        }
        _ => {}
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
