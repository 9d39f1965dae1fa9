//! What a document found in the account is to the one we want: the same, narrower, or wider.
//!
//! Documents are compared by meaning: as sets of single permissions (one effect, principal, action, resource, under conditions), so
//! that AWS's rewrites (order, one text for a list of one, an account id for its root ARN) are no difference. Where the relation of
//! two permissions cannot be shown, they are taken for unrelated; the answer is then `Wider`, which is repaired.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::document::{Effect, PolicyDocument, Principal, Statement};

/// What an observed document is to the desired one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It means the same.
    Same,
    /// It gives less and denies more: someone narrowed it.
    Narrower,
    /// It gives something more, or denies something less.
    Wider,
}

/// Relates `observed` to `desired`.
#[must_use]
pub fn relate(desired: &PolicyDocument, observed: &PolicyDocument) -> Relation {
    // Most often nothing has to be taken apart.
    if desired == observed || atoms(desired) == atoms(observed) {
        return Relation::Same;
    }
    let (wanted, found) = (atoms(desired), atoms(observed));
    let of = |set: &BTreeSet<Permission>, effect| set.iter().filter(move |p| p.effect == effect).cloned().collect::<Vec<_>>();
    let allows_shrank = all_covered(&of(&found, Effect::Allow), &of(&wanted, Effect::Allow));
    let denies_grew = all_covered(&of(&wanted, Effect::Deny), &of(&found, Effect::Deny));
    if allows_shrank && denies_grew { Relation::Narrower } else { Relation::Wider }
}

/// Whether a boundary lets everything through that a document allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Everything is let through.
    Covered,
    /// Something is not.
    Missing,
    /// It depends on conditions whose outcome cannot be told from the documents.
    Unproven,
}

/// Whether `boundary` lets through everything that `document` gives. What both deny, the document does not give.
#[must_use]
pub fn covers(boundary: &PolicyDocument, document: &PolicyDocument) -> Coverage {
    let denied: BTreeSet<Permission> = atoms(document).into_iter().filter(|atom| atom.effect == Effect::Deny).collect();
    let limits: Vec<Permission> = boundary.statement.iter().flat_map(statement_atoms).filter(|limit| !denied.contains(limit)).collect();
    let mut coverage = Coverage::Covered;
    let allows = document.statement.iter().filter(|statement| statement.effect == Effect::Allow);
    for wanted in &allows.flat_map(statement_atoms).collect::<Vec<_>>() {
        let allowed = limits.iter().any(|limit| limit.effect == Effect::Allow && limit.covers(wanted));
        let perhaps = limits.iter().any(|limit| limit.effect == Effect::Allow && limit.reaches(wanted));
        let denies = || limits.iter().filter(|limit| limit.effect == Effect::Deny);
        let forbidden = denies().any(|limit| limit.covers(wanted));
        let perhaps_not = denies().any(|limit| limit.meets(wanted));
        match (allowed, perhaps, perhaps_not) {
            _ if forbidden => return Coverage::Missing,
            (true, _, false) => {}
            (false, false, _) => return Coverage::Missing,
            _ => coverage = Coverage::Unproven,
        }
    }
    coverage
}

/// Whether a document lets `action`, which may hold wildcards, through for anything at all: some allow speaks of it, under whatever
/// conditions, and no deny takes all of it away without condition.
#[must_use]
pub fn admits(document: &PolicyDocument, action: &str) -> bool {
    let action = action.to_lowercase();
    let speaks = |pattern: &Pattern| match pattern {
        Pattern::Itself => false,
        Pattern::Like(other) => matches(other, &action) || matches(&action, other),
        Pattern::AllBut(these) => !these.iter().any(|one| matches(one, &action)),
    };
    let takes_all = |limit: &Permission| {
        let unconditional = limit.condition.is_empty() && matches!(*limit.principal, Subject::Holder | Subject::Anyone);
        let of_action = match &*limit.action {
            Pattern::Like(pattern) => matches(pattern, &action),
            all_but => speaks(all_but),
        };
        unconditional && of_action && limit.resource.covers(&Pattern::Like("*".to_owned()))
    };
    let limits = atoms(document);
    let denied = limits.iter().any(|limit| limit.effect == Effect::Deny && takes_all(limit));
    !denied && limits.iter().any(|limit| limit.effect == Effect::Allow && speaks(&limit.action))
}

fn all_covered(smaller: &[Permission], larger: &[Permission]) -> bool {
    smaller.iter().all(|one| larger.iter().any(|other| other.covers(one)))
}

/// One permission: the least part of a statement. The permissions of one statement share what it says of all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Permission {
    effect: Effect,
    principal: Rc<Subject>,
    action: Rc<Pattern>,
    resource: Rc<Pattern>,
    /// (operator, key) → values, in lower-case names.
    condition: Rc<BTreeMap<(String, String), BTreeSet<String>>>,
}

/// Whom a permission is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    /// An identity policy speaks of its own holder.
    Holder,
    Anyone,
    One(String, String),
    AllBut(BTreeSet<(String, String)>),
}

/// What a permission is on: a pattern, or everything but some patterns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pattern {
    /// A trust policy names no resource.
    Itself,
    Like(String),
    AllBut(BTreeSet<String>),
}

impl Permission {
    /// Whether everything that `other` speaks of is spoken of by this one too.
    fn covers(&self, other: &Self) -> bool {
        self.principal.covers(&other.principal)
            && self.action.covers(&other.action)
            && self.resource.covers(&other.resource)
            && self.condition.iter().all(|(at, values)| is_met(at, values, &other.condition))
    }

    /// Whether this one may speak of everything that `other` speaks of, conditions aside.
    fn reaches(&self, other: &Self) -> bool {
        self.action.covers(&other.action) && self.resource.covers(&other.resource)
    }

    /// Whether this one may speak of something that `other` speaks of: conditions that exclude each other say that it does not.
    fn meets(&self, other: &Self) -> bool {
        let excluded = self.condition.iter().any(|(at, values)| is_excluded(at, values, &other.condition));
        self.action.meets(&other.action) && self.resource.meets(&other.resource) && !excluded
    }
}

/// Whether everything that meets the conditions `narrower` has a value of `values` too.
fn is_met(at: &(String, String), values: &BTreeSet<String>, narrower: &BTreeMap<(String, String), BTreeSet<String>>) -> bool {
    let same = narrower.get(at);
    if at.0 == "stringlike" {
        let exact = narrower.get(&("stringequals".to_owned(), at.1.clone()));
        let like = |one: &String| values.iter().any(|pattern| matches(pattern, one));
        // Texts that are compared exactly hold no wildcards, whatever their characters.
        return same
            .into_iter()
            .chain(exact.filter(|texts| !texts.iter().any(|text| text.contains(['*', '?']))))
            .any(|texts| texts.iter().all(like));
    }
    same.is_some_and(|narrower| if is_negated(&at.0) { narrower.is_superset(values) } else { narrower.is_subset(values) })
}

/// Whether nothing that meets the conditions `others` can have a value as asked for here.
fn is_excluded(at: &(String, String), values: &BTreeSet<String>, others: &BTreeMap<(String, String), BTreeSet<String>>) -> bool {
    let Some(exact) = others.get(&("stringequals".to_owned(), at.1.clone())) else { return false };
    match at.0.as_str() {
        "stringequals" => exact.is_disjoint(values),
        "stringnotequals" => exact.is_subset(values),
        "stringlike" => !exact.iter().any(|text| values.iter().any(|pattern| matches(pattern, text))),
        _ => false,
    }
}

/// Operators whose values exclude: more values make the condition harder to meet.
fn is_negated(operator: &str) -> bool {
    operator.contains("not") && !operator.starts_with("null")
}

impl Subject {
    fn covers(&self, other: &Self) -> bool {
        self == other || *self == Self::Anyone
    }
}

impl Pattern {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Like(wide), Self::Like(narrow)) => matches(wide, narrow),
            (Self::Like(wide), Self::AllBut(_)) => wide == "*",
            (Self::AllBut(these), Self::AllBut(more)) => these.is_subset(more),
            (Self::AllBut(these), Self::Like(narrow)) => !narrow.contains(['*', '?']) && !these.iter().any(|one| matches(one, narrow)),
            _ => self == other,
        }
    }

    /// Whether something of `other` may be spoken of.
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::AllBut(these), Self::Like(narrow)) => !these.iter().any(|one| matches(one, narrow)),
            (Self::Like(wide), Self::Like(narrow)) => matches(wide, narrow) || matches(narrow, wide),
            _ => self == other,
        }
    }
}

/// Whether the glob `pattern` matches everything that the glob `text` matches. Sufficient, not necessary: a wildcard of `text` is
/// matched by `*` only.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        let fits = pattern.get(p).is_some_and(|&c| (c == text[t] && c != b'*') || (c == b'?' && text[t] != b'*'));
        if fits {
            p += 1;
            t += 1;
        } else if pattern.get(p) == Some(&b'*') {
            retry = Some((p + 1, t));
            p += 1;
        } else if let Some((after, from)) = retry {
            p = after;
            t = from + 1;
            retry = Some((after, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

fn atoms(document: &PolicyDocument) -> BTreeSet<Permission> {
    document.statement.iter().flat_map(statement_atoms).collect()
}

fn statement_atoms(statement: &Statement) -> Vec<Permission> {
    let condition: BTreeMap<_, _> = statement
        .condition
        .iter()
        .flat_map(|(operator, keys)| {
            keys.iter().map(move |(key, values)| {
                ((operator.to_lowercase(), key.to_lowercase()), values.0.iter().cloned().collect::<BTreeSet<_>>())
            })
        })
        .collect();
    let condition = Rc::new(condition);
    let actions = patterns(lower(&statement.action), lower(&statement.not_action));
    let resources = patterns(statement.resource.clone(), statement.not_resource.clone());
    let mut atoms = Vec::new();
    for principal in subjects(statement).into_iter().map(Rc::new) {
        for action in &actions {
            for resource in resources.iter().cloned() {
                let (principal, action, condition) = (principal.clone(), action.clone(), condition.clone());
                atoms.push(Permission { effect: statement.effect, principal, action, resource, condition });
            }
        }
    }
    atoms
}

fn lower(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| text.to_lowercase()).collect()
}

fn patterns(these: Vec<String>, all_but: Vec<String>) -> Vec<Rc<Pattern>> {
    if !all_but.is_empty() {
        vec![Pattern::AllBut(all_but.into_iter().collect()).into()]
    } else if these.is_empty() {
        vec![Pattern::Itself.into()]
    } else {
        these.into_iter().map(|pattern| Pattern::Like(pattern).into()).collect()
    }
}

fn subjects(statement: &Statement) -> Vec<Subject> {
    match (&statement.principal, &statement.not_principal) {
        (Some(principal), _) => members(principal)
            .into_iter()
            .map(|(kind, value)| if value == "*" && kind == "AWS" { Subject::Anyone } else { Subject::One(kind, value) })
            .collect(),
        (None, Some(not)) => vec![Subject::AllBut(members(not).into_iter().collect())],
        (None, None) => vec![Subject::Holder],
    }
}

fn members(principal: &Principal) -> Vec<(String, String)> {
    match principal {
        Principal::Anyone(text) => vec![("AWS".to_owned(), text.clone())],
        Principal::Of(kinds) => kinds
            .iter()
            .flat_map(|(kind, values)| values.0.iter().map(move |value| (kind.clone(), account_of_root(value).to_owned())))
            .collect(),
    }
}

/// AWS writes an account principal as its id or as its root ARN; both mean the account.
fn account_of_root(value: &str) -> &str {
    value.strip_suffix(":root").and_then(|arn| arn.rsplit(':').next()).unwrap_or(value)
}

#[cfg(test)]
mod tests;
