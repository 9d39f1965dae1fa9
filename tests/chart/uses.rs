//! The words of a comparison: what was done to the API, and what may be done to it.

use std::fmt;

/// Something that was done to the API.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Use {
    /// Such as `patch`.
    pub verb: String,
    /// The API group; empty for the core's.
    pub group: String,
    /// The resource, with a slash and the subresource if there is one; or a path, which begins with a slash.
    pub resource: String,
    /// The namespace; empty for an object of the cluster or for all namespaces at once.
    pub namespace: String,
    /// The object's name; empty if the verb needs none.
    pub name: String,
}

/// Something that may be done to the API.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Grant {
    /// Which rule it is of, such as `Role phi-system/hipaa-operator`.
    pub source: String,
    /// Such as `patch`.
    pub verb: String,
    /// The API group; empty for the core's.
    pub group: String,
    /// The resource as in [`Use`].
    pub resource: String,
    /// The only namespace; `None` for the whole cluster.
    pub namespace: Option<String>,
    /// The only object; `None` for any.
    pub name: Option<String>,
    /// The role comes with Kubernetes, and its rules are not ours to cut.
    pub given: bool,
}

impl Grant {
    /// Whether it is the same kind of thing, wherever that is and whatever its name.
    pub fn is_about(&self, done: &Use) -> bool {
        (&self.group, &self.resource) == (&done.group, &done.resource)
    }

    /// Whether it allows this.
    pub fn covers(&self, done: &Use) -> bool {
        self.is_about(done)
            && self.verb == done.verb
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == done.namespace)
            && self.name.as_ref().is_none_or(|name| *name == done.name)
    }
}

impl fmt::Display for Use {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        thing(out, &self.verb, &self.group, &self.resource)?;
        if !self.name.is_empty() {
            write!(out, " {}", self.name)?;
        }
        if self.namespace.is_empty() { Ok(()) } else { write!(out, " in namespace {}", self.namespace) }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        thing(out, &self.verb, &self.group, &self.resource)?;
        if let Some(name) = &self.name {
            write!(out, " {name}")?;
        }
        match &self.namespace {
            Some(namespace) => write!(out, " in namespace {namespace}")?,
            None => write!(out, " in the cluster")?,
        }
        write!(out, ", by {}", self.source)
    }
}

fn thing(out: &mut fmt::Formatter<'_>, verb: &str, group: &str, resource: &str) -> fmt::Result {
    let dot = if group.is_empty() { "" } else { "." };
    write!(out, "{verb} {resource}{dot}{group}")
}
