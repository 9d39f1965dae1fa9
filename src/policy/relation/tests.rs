use super::*;
use proptest::prelude::*;

fn document(text: &str) -> PolicyDocument {
    PolicyDocument::parse(text).unwrap()
}

const WANTED: &str = r#"{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":["bedrock:InvokeModel","bedrock:CountTokens"],"Resource":["m:1","m:2"],
   "Condition":{"StringEquals":{"aws:SourceVpc":"vpc-1"}}},
  {"Effect":"Deny","Action":"bedrock-mantle:*","Resource":"*"}]}"#;

#[test]
fn relations_by_table() {
    let narrow =
        r#"{"Effect":"Allow","Action":"bedrock:InvokeModel","Resource":"m:1","Condition":{"StringEquals":{"aws:SourceVpc":"vpc-1"}}}"#;
    let deny = r#"{"Effect":"Deny","Action":"bedrock-mantle:*","Resource":"*"}"#;
    let cases = [
        (
            "the same, rewritten",
            format!(
                r#"{{"Statement":[{deny},
            {{"Effect":"Allow","Action":["BEDROCK:CountTokens"],"Resource":["m:2","m:1"],"Condition":{{"stringequals":{{"AWS:SourceVpc":["vpc-1"]}}}}}},
            {{"Effect":"Allow","Action":"bedrock:InvokeModel","Resource":["m:1","m:2"],"Condition":{{"StringEquals":{{"aws:SourceVpc":"vpc-1"}}}}}}]}}"#
            ),
            Relation::Same,
        ),
        ("fewer allows", format!(r#"{{"Statement":[{narrow},{deny}]}}"#), Relation::Narrower),
        ("no allow", format!(r#"{{"Statement":{deny}}}"#), Relation::Narrower),
        ("a new deny", format!(r#"{{"Statement":[{narrow},{deny},{{"Effect":"Deny","Action":"*","Resource":"*"}}]}}"#), Relation::Narrower),
        ("a wider deny", format!(r#"{{"Statement":[{narrow},{{"Effect":"Deny","Action":"*","Resource":"*"}}]}}"#), Relation::Narrower),
        (
            "a further condition",
            r#"{"Statement":[{"Effect":"Allow","Action":"bedrock:InvokeModel","Resource":"m:1",
            "Condition":{"StringEquals":{"aws:SourceVpc":"vpc-1"},"DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}},
            {"Effect":"Deny","Action":"bedrock-mantle:*","Resource":"*"}]}"#
                .to_owned(),
            Relation::Narrower,
        ),
        (
            "a condition lost",
            format!(r#"{{"Statement":[{{"Effect":"Allow","Action":"bedrock:InvokeModel","Resource":"m:1"}},{deny}]}}"#),
            Relation::Wider,
        ),
        ("another value", format!(r#"{{"Statement":[{},{deny}]}}"#, narrow.replace("vpc-1", "vpc-2")), Relation::Wider),
        ("a deny lost", format!(r#"{{"Statement":[{narrow}]}}"#), Relation::Wider),
        ("a wildcard", format!(r#"{{"Statement":[{},{deny}]}}"#, narrow.replace("m:1", "*")), Relation::Wider),
        (
            "a conditional deny",
            format!(
                r#"{{"Statement":[{narrow},{}]}}"#,
                r#"{"Effect":"Deny","Action":"bedrock-mantle:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":false}}}"#
            ),
            Relation::Wider,
        ),
        ("not-action", format!(r#"{{"Statement":[{{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}},{deny}]}}"#), Relation::Wider),
    ];
    for (name, observed, expected) in cases {
        assert_eq!(relate(&document(WANTED), &document(&observed)), expected, "{name}");
    }
}

#[test]
fn principals_by_table() {
    let trust =
        |principal: &str| document(&format!(r#"{{"Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}]}}"#));
    let wanted = trust(r#"{"AWS":"arn:aws:iam::123456789012:root"}"#);
    assert_eq!(relate(&wanted, &trust(r#"{"AWS":["123456789012"]}"#)), Relation::Same);
    assert_eq!(relate(&wanted, &trust(r#""*""#)), Relation::Wider);
    assert_eq!(relate(&wanted, &trust(r#"{"AWS":["123456789012","210987654321"]}"#)), Relation::Wider);
    assert_eq!(relate(&trust(r#"{"AWS":"*"}"#), &trust(r#""*""#)), Relation::Same);
}

#[test]
fn globs_by_table() {
    for (pattern, text, expected) in [
        ("*", "anything*", true),
        ("a*c", "abc", true),
        ("a*c", "a*c", true),
        ("a?c", "a*c", false),
        ("a?c", "abc", true),
        ("a*", "b", false),
        ("abc", "ab*", false),
        ("*b*d", "abcbd", true),
        ("", "", true),
        ("a**", "a", true),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} against {text}");
    }
}

#[test]
fn a_boundary_covers_what_it_lets_through() {
    let wanted = document(
        r#"{"Statement":{"Effect":"Allow","Action":"bedrock:InvokeModel","Resource":"m:1","Condition":{"StringEquals":{"aws:SourceVpc":"vpc-1"}}}}"#,
    );
    for (boundary, expected) in [
        (r#"{"Statement":{"Effect":"Allow","Action":"bedrock:*","Resource":"*"}}"#, Coverage::Covered),
        (r#"{"Statement":{"Effect":"Allow","Action":"bedrock:InvokeModel","Resource":"m:2"}}"#, Coverage::Missing),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}}}"#,
            Coverage::Unproven,
        ),
        (
            r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"bedrock:*","Resource":"*"}]}"#,
            Coverage::Missing,
        ),
        (
            r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
                {"Effect":"Deny","Action":"*","Resource":"*","Condition":{"BoolIfExists":{"aws:SecureTransport":false}}}]}"#,
            Coverage::Unproven,
        ),
    ] {
        assert_eq!(covers(&document(boundary), &wanted), expected, "{boundary}");
    }
}

fn any_document() -> impl Strategy<Value = PolicyDocument> {
    let statement = (
        any::<bool>(),
        prop::collection::vec("[a-c]:[a-c*?]{1,3}", 1..3),
        prop::collection::vec("[a-c*]{1,3}", 1..3),
        prop::option::of("[a-c]"),
    )
        .prop_map(|(allow, actions, resources, condition)| {
            let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
            let statement = if allow { Statement::allow("S", &actions, resources) } else { Statement::deny("S", &actions, resources) };
            match condition {
                Some(value) => statement.when("StringEquals", "aws:SourceVpc", vec![value]),
                None => statement,
            }
        });
    prop::collection::vec(statement, 0..4).prop_map(PolicyDocument::of)
}

proptest! {
    #[test]
    fn a_document_is_the_same_as_itself_in_any_order(document in any_document()) {
        let mut turned = document.clone();
        turned.statement.reverse();
        for statement in &mut turned.statement {
            statement.action.reverse();
            statement.resource.reverse();
        }
        prop_assert_eq!(relate(&document, &turned), Relation::Same);
        prop_assert_eq!(PolicyDocument::parse(&document.to_json()).unwrap(), document);
    }

    #[test]
    fn a_deny_taken_away_or_an_unlike_allow_added_is_never_narrower(document in any_document()) {
        let mut added = document.clone();
        added.statement.push(Statement::allow("New", &["z:New"], vec!["z".into()]));
        prop_assume!(!document.statement.iter().any(|s| s.effect == Effect::Allow && s.resource.iter().any(|r| r.contains('*')) && s.action.iter().any(|a| a.contains('*'))));
        prop_assert_eq!(relate(&document, &added), Relation::Wider);
    }

    #[test]
    fn a_deny_added_is_narrower_or_the_same(document in any_document()) {
        let mut denied = document.clone();
        denied.statement.push(Statement::deny("New", &["*"], vec!["*".into()]));
        prop_assert_eq!(relate(&document, &denied), Relation::Narrower);
    }

    #[test]
    fn any_text_parses_or_is_refused(text in ".{0,200}") {
        let _ = PolicyDocument::parse(&text);
    }
}

#[test]
fn what_a_document_admits_at_all() {
    let all = || vec!["*".to_owned()];
    let only = |resource: &str| vec![resource.to_owned()];
    let deny = |action: &str, resource: Vec<String>| Statement::deny("D", &[action], resource);
    let everything = || Statement::allow("A", &["*"], all());
    let cases = [
        (vec![everything()], true),
        (vec![Statement::allow("A", &["bedrock:*"], only("arn:x"))], true),
        (vec![Statement::allow("A", &["bedrock:InvokeModel"], all())], false),
        (vec![Statement { not_action: vec!["iam:*".into()], action: vec![], ..everything() }], true),
        (vec![Statement { not_action: vec!["bedrock:*".into()], action: vec![], ..everything() }], false),
        (vec![everything(), deny("bedrock:InvokeTool", all())], false),
        (vec![everything(), deny("bedrock:*", all())], false),
        (vec![everything(), deny("bedrock:InvokeTool", only("arn:x"))], true),
        (vec![everything(), deny("bedrock:InvokeTool", all()).when("Bool", "aws:SecureTransport", only("false"))], true),
    ];
    for (statements, expected) in cases {
        let document = PolicyDocument::of(statements);
        assert_eq!(admits(&document, "bedrock:InvokeTool"), expected, "{}", document.to_json());
    }
    assert!(admits(&PolicyDocument::of(vec![Statement::allow("A", &["bedrock-mantle:CreateInference"], all())]), "bedrock-mantle:*"));
}
