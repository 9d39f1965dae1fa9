//! What a document found in the account and a wanted one have in common: what may be written where power may only be taken away.

use super::document::{Effect, PolicyDocument, Statement};
use super::relation::{Coverage, covers};

/// A document that gives nothing that `found` does not give, and nothing that `wanted` does not give; all that `found` denies stays
/// denied. What cannot be shown to be in both is left out. For identity policies.
#[must_use]
pub fn common(found: &PolicyDocument, wanted: &PolicyDocument) -> PolicyDocument {
    let (mut statements, wanted_denies) = (denies(found), denies(wanted));
    let found_denies = statements.clone();
    // Each permission is judged together with what its own document denies.
    let with = |one: Statement, denies: &[Statement]| PolicyDocument::of([&[one], denies].concat());
    statements.extend(part(wanted, |one| covers(found, &with(one, &wanted_denies)) == Coverage::Covered));
    let there = PolicyDocument::of(statements.clone());
    statements.extend(part(found, |one| {
        let one = with(one, &found_denies);
        covers(wanted, &one) == Coverage::Covered && covers(&there, &one) != Coverage::Covered
    }));
    if statements.is_empty() {
        // IAM keeps no document without a statement.
        statements.push(Statement::deny("NothingIsDeclared", &["*"], vec!["*".to_owned()]));
    }
    PolicyDocument::of(statements)
}

fn denies(document: &PolicyDocument) -> Vec<Statement> {
    document.statement.iter().filter(|statement| statement.effect == Effect::Deny).cloned().collect()
}

/// The permissions of a document that are `kept`, each judged by itself. Without names, because one statement may become several.
fn part(document: &PolicyDocument, kept: impl Fn(Statement) -> bool) -> Vec<Statement> {
    let mut part: Vec<Statement> = Vec::new();
    for statement in document.statement.iter().filter(|statement| statement.effect == Effect::Allow) {
        for resource in &statement.resource {
            let one = |action: &String| Statement {
                sid: None,
                action: vec![action.clone()],
                resource: vec![resource.clone()],
                ..statement.clone()
            };
            let action: Vec<String> = statement.action.iter().filter(|action| kept(one(action))).cloned().collect();
            if action.is_empty() {
                continue;
            }
            let fits = |other: &&mut Statement| other.action == action && other.condition == statement.condition;
            match part.iter_mut().find(fits) {
                Some(other) => other.resource.push(resource.clone()),
                None => part.push(Statement { sid: None, action, resource: vec![resource.clone()], ..statement.clone() }),
            }
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::relation::{Relation, relate};

    fn allow(actions: &[&str], resources: &[&str]) -> Statement {
        Statement::allow("A", actions, resources.iter().map(|&resource| resource.to_owned()).collect())
    }

    fn document(statements: Vec<Statement>) -> PolicyDocument {
        PolicyDocument::of(statements)
    }

    #[test]
    fn what_is_in_both_stays_and_nothing_else() {
        let found = document(vec![allow(&["s3:GetObject", "s3:PutObject"], &["arn:a", "arn:b"])]);
        let wanted = document(vec![allow(&["s3:GetObject"], &["arn:a", "arn:c"]), allow(&["s3:PutObject"], &["arn:a"])]);
        let left = common(&found, &wanted);
        assert_eq!(relate(&document(vec![allow(&["s3:GetObject", "s3:PutObject"], &["arn:a"])]), &left), Relation::Same);
        assert!(left.statement.iter().all(|statement| statement.sid.is_none()));
    }

    #[test]
    fn what_was_denied_stays_denied_and_nothing_in_common_is_a_deny() {
        let deny = Statement::deny("Responder", &["s3:PutObject"], vec!["*".to_owned()]);
        let found = document(vec![allow(&["s3:GetObject"], &["arn:a"]), deny.clone()]);
        assert_eq!(common(&found, &document(vec![allow(&["sqs:*"], &["arn:q"])])).statement, [deny]);
        let nothing = common(&document(vec![allow(&["s3:GetObject"], &["arn:a"])]), &document(vec![allow(&["s3:GetObject"], &["arn:b"])]));
        assert!(nothing.only_denies() && !nothing.statement.is_empty());
    }

    #[test]
    fn conditions_that_grew_keep_what_was_there() {
        let list = |prefixes: &[&str]| {
            let prefixes = prefixes.iter().map(|&prefix| prefix.to_owned()).collect();
            document(vec![allow(&["s3:ListBucket"], &["arn:a"]).when("StringLike", "s3:prefix", prefixes)])
        };
        let (less, more) = (list(&["a/*"]), list(&["a/*", "b/*"]));
        assert_eq!(relate(&less, &common(&less, &more)), Relation::Same, "what is new is not given");
        assert_eq!(relate(&less, &common(&more, &less)), Relation::Same, "what is gone goes");
    }

    fn some_document() -> impl Strategy<Value = PolicyDocument> {
        let actions = prop::collection::btree_set(prop_oneof![Just("s3:GetObject"), Just("s3:PutObject"), Just("s3:*")], 1..3);
        let resources = prop::collection::btree_set(prop_oneof![Just("arn:a"), Just("arn:b"), Just("arn:*")], 1..3);
        let one = (actions, resources, any::<bool>()).prop_map(|(actions, resources, tied)| {
            let statement = allow(&actions.into_iter().collect::<Vec<_>>(), &resources.into_iter().collect::<Vec<_>>());
            if tied { statement.when("StringEquals", "aws:SourceVpc", vec!["vpc-1".to_owned()]) } else { statement }
        });
        prop::collection::vec(one, 1..4).prop_map(document)
    }

    proptest! {
        #[test]
        fn it_gives_no_more_than_either(found in some_document(), wanted in some_document()) {
            let left = common(&found, &wanted);
            prop_assert_ne!(relate(&found, &left), Relation::Wider);
            prop_assert_eq!(covers(&wanted, &left), Coverage::Covered);
            prop_assert_eq!(relate(&found, &common(&found, &found)), Relation::Same);
        }
    }
}
