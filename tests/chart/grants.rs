//! What the installed bindings give to a service account.

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use crate::uses::Grant;

/// Everything that bindings to this service account by its name give it, one verb on one resource each.
pub async fn of(client: &Client, namespace: &str, account: &str) -> Vec<Grant> {
    let is_it = |subjects: &Option<Vec<Subject>>| {
        let named = |subject: &Subject| {
            (subject.kind.as_str(), subject.namespace.as_deref(), subject.name.as_str()) == ("ServiceAccount", Some(namespace), account)
        };
        subjects.iter().flatten().any(named)
    };
    let mut grants = Vec::new();
    let roles: Api<ClusterRole> = Api::all(client.clone());
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    for binding in bindings.list(&ListParams::default()).await.expect("bindings can be listed") {
        if is_it(&binding.subjects) {
            let role = roles.get(&binding.role_ref.name).await.expect("the bound role is there");
            add(&mut grants, &format!("ClusterRole {}", role.name_any()), role.rules, None);
        }
    }
    let bindings: Api<RoleBinding> = Api::all(client.clone());
    for binding in bindings.list(&ListParams::default()).await.expect("bindings can be listed") {
        if is_it(&binding.subjects) {
            assert_eq!(binding.role_ref.kind, "Role", "a RoleBinding of the chart names a Role");
            let place = binding.namespace().expect("a RoleBinding has a namespace");
            let roles: Api<Role> = Api::namespaced(client.clone(), &place);
            let role = roles.get(&binding.role_ref.name).await.expect("the bound role is there");
            add(&mut grants, &format!("Role {place}/{}", role.name_any()), role.rules, Some(&place));
        }
    }
    grants
}

fn add(grants: &mut Vec<Grant>, source: &str, rules: Option<Vec<PolicyRule>>, namespace: Option<&str>) {
    let given = source.starts_with("ClusterRole system:");
    for rule in rules.into_iter().flatten() {
        let names = rule.resource_names.filter(|names| !names.is_empty());
        let names: Vec<_> = names.map_or_else(|| vec![None], |names| names.into_iter().map(Some).collect());
        let one = |verb: &str, group: &str, resource: &str, name: Option<String>| Grant {
            source: source.to_owned(),
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            namespace: namespace.map(str::to_owned),
            name,
            given,
        };
        for verb in &rule.verbs {
            grants.extend(rule.non_resource_urls.iter().flatten().map(|path| one(verb, "", path, None)));
            for group in rule.api_groups.iter().flatten() {
                for resource in rule.resources.iter().flatten() {
                    grants.extend(names.iter().map(|name| one(verb, group, resource, name.clone())));
                }
            }
        }
    }
}
