//! What was used against what is granted, in both directions.

use std::collections::BTreeSet;

use crate::uses::{Grant, Use};

/// Where `granted` and `used` differ, in words; empty if each use is granted once and each grant is used as wide as it is.
/// `places` are the namespaces for which there are roles of their own.
pub fn differences(granted: &[Grant], used: &BTreeSet<Use>, places: &[&str]) -> Vec<String> {
    let mut found = BTreeSet::new();
    for done in used {
        let covering: Vec<_> = granted.iter().filter(|grant| grant.covers(done)).collect();
        match covering.as_slice() {
            [] => drop(found.insert(format!("used but not granted: {done}"))),
            [_] => {}
            more => drop(found.insert(format!("granted more than once: {}", joined(more.iter())))),
        }
    }
    // What comes with Kubernetes is used as a whole or not at all.
    let (given, own): (Vec<_>, Vec<_>) = granted.iter().partition(|grant| grant.given);
    for source in given.iter().map(|grant| &grant.source).collect::<BTreeSet<_>>() {
        if !given.iter().any(|grant| grant.source == *source && used.iter().any(|done| grant.covers(done))) {
            found.insert(format!("granted but never used: {source}"));
        }
    }
    for grant in own {
        let covered: Vec<_> = used.iter().filter(|done| grant.covers(done)).collect();
        if covered.is_empty() {
            found.insert(format!("granted but never used: {grant}"));
        } else if let Some(why) = too_wide(grant, &covered, used, places) {
            found.insert(format!("granted wider than used: {grant}; {why}"));
        }
    }
    found.into_iter().collect()
}

fn too_wide(grant: &Grant, covered: &[&Use], used: &BTreeSet<Use>, places: &[&str]) -> Option<String> {
    if grant.namespace.is_none() {
        let namespaces: BTreeSet<_> = covered.iter().map(|done| done.namespace.as_str()).collect();
        let narrow = namespaces.iter().all(|namespace| places.contains(namespace));
        return narrow.then(|| format!("used only in {}", joined(namespaces.iter())));
    }
    // A name is not known when an object is created by POST, so the other verbs speak for that one.
    let same = used.iter().filter(|done| grant.is_about(done) && grant.namespace.as_ref() == Some(&done.namespace));
    let names: BTreeSet<_> = same.map(|done| done.name.as_str()).filter(|name| !name.is_empty()).collect();
    let fixed = grant.name.is_none() && names.len() == 1 && covered.iter().all(|done| !done.name.is_empty());
    fixed.then(|| format!("used only for {}", joined(names.iter())))
}

fn joined(things: impl Iterator<Item = impl ToString>) -> String {
    things.map(|thing| thing.to_string()).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(verb: &str, resource: &str, namespace: &str, name: &str) -> Use {
        let [verb, resource, namespace, name] = [verb, resource, namespace, name].map(str::to_owned);
        Use { verb, group: String::new(), resource, namespace, name }
    }

    fn grant(verb: &str, resource: &str, namespace: Option<&str>, name: Option<&str>) -> Grant {
        Grant {
            source: "R".to_owned(),
            verb: verb.to_owned(),
            group: String::new(),
            resource: resource.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
            given: false,
        }
    }

    fn compare(granted: &[Grant], used: &[Use]) -> Vec<String> {
        differences(granted, &used.iter().cloned().collect(), &["own"])
    }

    #[test]
    fn the_same_is_no_difference() {
        let used = [
            done("list", "pods", "clinic", ""),
            done("get", "configmaps", "own", "one"),
            done("get", "configmaps", "own", "other"),
            done("get", "leases", "own", "lock"),
            done("create", "leases", "own", ""),
        ];
        let granted = [
            grant("list", "pods", None, None),
            grant("get", "configmaps", Some("own"), None),
            grant("get", "leases", Some("own"), Some("lock")),
            grant("create", "leases", Some("own"), None),
        ];
        assert_eq!(compare(&granted, &used), Vec::<String>::new());
    }

    #[test]
    fn each_difference_is_named() {
        let pods = done("list", "pods", "clinic", "");
        let everywhere = || grant("list", "pods", None, None);
        assert_eq!(compare(&[], std::slice::from_ref(&pods)), ["used but not granted: list pods in namespace clinic"]);
        assert_eq!(compare(&[everywhere()], &[]), ["granted but never used: list pods in the cluster, by R"]);
        assert_eq!(
            compare(&[everywhere(), grant("watch", "pods", None, None)], std::slice::from_ref(&pods)),
            ["granted but never used: watch pods in the cluster, by R"]
        );
        let twice = compare(&[everywhere(), grant("list", "pods", Some("clinic"), None)], std::slice::from_ref(&pods));
        assert_eq!(twice, ["granted more than once: list pods in the cluster, by R and list pods in namespace clinic, by R"]);
        assert_eq!(
            compare(&[everywhere()], &[done("list", "pods", "own", "")]),
            ["granted wider than used: list pods in the cluster, by R; used only in own"]
        );
        assert_eq!(
            compare(&[grant("get", "leases", Some("own"), None)], &[done("get", "leases", "own", "lock")]),
            ["granted wider than used: get leases in namespace own, by R; used only for lock"]
        );
        assert_eq!(
            compare(&[grant("get", "leases", Some("own"), Some("lock"))], &[done("get", "leases", "own", "other")]),
            ["granted but never used: get leases lock in namespace own, by R", "used but not granted: get leases other in namespace own"]
        );
        assert_eq!(
            compare(&[grant("get", "pods", None, None)], &[done("get", "pods/log", "clinic", "")]),
            ["granted but never used: get pods in the cluster, by R", "used but not granted: get pods/log in namespace clinic"]
        );
    }

    #[test]
    fn what_comes_with_kubernetes_is_used_as_a_whole() {
        let given = |path: &str| Grant { given: true, ..grant("get", path, None, None) };
        let granted = [given("/issuer"), given("/keys")];
        assert_eq!(compare(&granted, &[done("get", "/issuer", "", "")]), Vec::<String>::new());
        assert_eq!(compare(&granted, &[]), ["granted but never used: R"]);
    }
}
