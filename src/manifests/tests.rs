//! Tables of manifests and what the loader says of them, against a small definition.

#![allow(clippy::unwrap_used)]

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{CustomResource, CustomResourceExt};
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;

/// A zone that is kept.
#[derive(CustomResource, Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq)]
#[kube(group = "zoo.example.com", version = "v1alpha1", kind = "Cage", namespaced)]
#[kube(validation = ("self.metadata.name != 'forbidden'", "choose another name"))]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "self.size >= self.keepers", "message": "more keepers than room: raise the size", "fieldPath": ".keepers"},
    {"rule": "self.size >= oldSelf.size", "message": "never shrink"},
]))]
struct CageSpec {
    /// The 12 digits of the account, in quotes. And more words.
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    account_id: String,
    /// How many fit in.
    #[schemars(range(min = 1, max = 10))]
    #[serde(default = "three")]
    size: i32,
    #[serde(default)]
    keepers: i32,
    #[serde(default)]
    open: bool,
    animals: Option<Vec<Animal>>,
    #[schemars(extend("x-kubernetes-list-type" = "set"), length(max = 3))]
    tags: Option<Vec<String>>,
    #[schemars(length(min = 2, max = 4))]
    word: Option<String>,
    #[schemars(extend("maxProperties" = 1))]
    notes: Option<std::collections::BTreeMap<String, String>>,
    #[serde(default)]
    #[schemars(schema_with = "anything")]
    free: Option<serde_json::Value>,
    #[serde(default)]
    #[schemars(schema_with = "port")]
    port: Option<serde_json::Value>,
    #[serde(default)]
    #[schemars(schema_with = "choice")]
    choice: Option<serde_json::Value>,
    #[serde(default)]
    #[schemars(schema_with = "animals")]
    herd: Option<Vec<Animal>>,
}

/// How it moves.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq)]
enum Gait {
    Walk,
    Swim,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq)]
struct Animal {
    name: String,
    gait: Option<Gait>,
}

fn three() -> i32 {
    3
}

fn schema(value: serde_json::Value) -> schemars::Schema {
    value.try_into().unwrap()
}

fn anything(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schema(json!({"type": "object", "nullable": true, "x-kubernetes-preserve-unknown-fields": true}))
}

fn port(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schema(json!({"x-kubernetes-int-or-string": true}))
}

fn choice(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schema(json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}))
}

fn animals(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schema(json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
        "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}}))
}

/// Something all namespaces share.
#[derive(CustomResource, Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[kube(group = "zoo.example.com", version = "v1alpha1", kind = "Park")]
#[kube(validation = ("self.spec.area > 0.5", "too small for a park"))]
struct ParkSpec {
    area: f64,
}

fn definitions() -> Vec<CustomResourceDefinition> {
    vec![Cage::crd(), Park::crd()]
}

fn loaded(text: &str) -> Loaded {
    load(&[Source { name: "f".to_owned(), text: text.to_owned() }], &definitions())
}

fn said(text: &str) -> Vec<String> {
    loaded(text).problems.iter().map(ToString::to_string).collect()
}

const HEAD: &str = "apiVersion: zoo.example.com/v1alpha1\nkind: Cage\nmetadata:\n  name: a\nspec:\n";
const ACCOUNT: &str = "  accountId: \"123456789012\"\n";

/// A sound cage with more lines in its spec, from line 7 on.
fn cage(more: &str) -> String {
    format!("{HEAD}{ACCOUNT}{more}")
}

#[track_caller]
fn assert_said(text: &str, expected: &[&str]) {
    let said = said(text);
    let text: String = text.chars().take(1000).collect();
    assert_eq!(said.len(), expected.len(), "{text}\n=> {said:#?}");
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.contains(expected), "{text}\n=> {said}\nwithout {expected}");
    }
}

#[test]
fn sound_manifests_load_with_defaults_and_positions() {
    let text = format!(
        "# comment\n---\n{}---\n\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: x}}\n",
        cage("  animals:\n  - name: z\n  - name: w\n    gait: Swim\n")
    );
    let loaded = loaded(&text);
    assert_eq!(loaded.problems, []);
    let [cage, namespace] = loaded.manifests.as_slice() else { unreachable!("{loaded:?}") };
    assert_eq!((cage.kind(), cage.name(), cage.namespace(), cage.line), ("Cage", "a", Some("default"), 3));
    assert_eq!((namespace.api_version(), namespace.namespace(), namespace.line), ("v1", None, 16));
    for (field, line) in
        [("spec.animals[1].gait", 12), ("spec.animals[1]", 11), (".spec.animals[7].x", 9), ("status", 3), ("", 3), ("spec.accountId.x[", 8)]
    {
        assert_eq!(cage.line_of(field), line, "{field}");
    }
    let object: Cage = parse(cage).unwrap();
    assert_eq!((object.spec.size, object.spec.animals.unwrap()[1].gait.clone()), (3, Some(Gait::Swim)));
    let error = parse::<Cage>(namespace).unwrap_err();
    assert!(error.to_string().starts_with("f:16: Namespace x: not a valid Namespace"), "{error}");
}

#[test]
fn each_fault_is_told_with_its_remedy() {
    let table = [
        ("  accuntId: x\n", "f:7: Cage default/a: spec.accuntId: unknown field `accuntId`: did you mean `accountId`?"),
        ("  zebra: x\n", "f:7: Cage default/a: spec.zebra: unknown field `zebra`: remove it, or write `accountId`"),
        ("  size: 0\n", "spec.size: the number 0 is too small: write 1 or more (How many fit in)"),
        ("  size: 11\n", "too large: write 10 or less"),
        ("  size: \"3\"\n", "the text \"3\" cannot stand here: remove the quotes: write 3"),
        ("  size: 1.5\n", "write a whole number"),
        ("  keepers: -3000000000\n", "outside what this field can hold"),
        ("  open: \"true\"\n", "remove the quotes: write true"),
        ("  open: 3\n", "write true or false"),
        ("  tags: a\n", "write a list"),
        ("  tags: [a, b, a]\n", "spec.tags[2]: this value is already in the list, at [0]: remove one"),
        ("  tags: [a, b, c, d]\n", "4 items, at most 3 are allowed: remove 1"),
        ("  tags: [on]\n", "spec.tags[0]: the truth value on cannot stand here: quote it: write \"on\""),
        ("  tags: [null]\n", "spec.tags[0]: nothing cannot stand here: write text"),
        ("  word: x\n", "1 characters, at least 2 are needed: add 1"),
        ("  word: häßlich\n", "7 characters, at most 4 are allowed: remove 3"),
        ("  notes: {a: b, c: d}\n", "2 entries, at most 1 are allowed"),
        ("  notes: {a.b/c: 1}\n", "spec.notes[a.b/c]: the number 1 cannot stand here: quote it: write \"1\""),
        ("  free: []\n", "a list cannot stand here"),
        ("  port: 1.5\n", "write a whole number or text"),
        ("  choice: {}\n", "spec.choice: none of the alternatives is written: add `a` or `b`"),
        ("  choice: {a: x, b: w}\n", "more than one alternative is written: keep only `a` or `b`"),
        ("  herd: [{name: x}, {name: w}, {name: x}]\n", "spec.herd[2]: this name is already in the list, at [0]"),
        ("  animals: [{name: x, gait: swim}]\n", "spec.animals[0].gait: \"swim\" is not allowed here: did you mean \"Swim\"?"),
        ("  animals: [{name: x, gait: Fly}]\n", "\"Fly\" is not allowed here: write \"Walk\" or \"Swim\""),
        ("  animals:\n  - gait: Walk\n", "f:8: Cage default/a: spec.animals[0].name: missing: add `name`"),
        ("  animals: [x]\n", "spec.animals[0]: the text \"x\" cannot stand here: write its fields below it"),
        ("  word: ab\n  word: cd\n", "f:8: Cage default/a: spec.word: written twice, first on line 7: keep one"),
        ("status: {}\n", "f:7: Cage default/a: status: unknown field `status`"),
    ];
    for (more, expected) in table {
        assert_said(&cage(more), &[expected]);
        assert!(loaded(&cage(more)).manifests.is_empty(), "{more}");
    }
}

#[test]
fn what_the_schema_allows_passes() {
    let table = [
        "  free: {any: [1, {x: y}]}\n",
        "  free: null\n  size: null\n  tags: ~\n",
        "  port: 80\n",
        "  port: http\n",
        "  choice: {b: w}\n",
        "  size: 0x3\n  keepers: 1_0e-1\n",
        "  size: 3.0\n  open: yes\n",
        "  word: \"on\"\n  notes: {\"<<\": x}\n",
        "  notes: {yes: x}\n",
        "  notes: &n {k: v}\n  free: {<<: *n, l: *n}\n",
        "  word: !!str 12\n",
    ];
    for more in table {
        assert_said(&cage(more), &[]);
    }
    let folded = loaded(&cage("  free:\n    <<: [{a: 1}, {a: 2, b: 2}]\n    b: 3\n"));
    assert_eq!(folded.manifests[0].value["spec"]["free"], json!({"a": 1, "b": 3}));
    assert_eq!(loaded(&cage("  size: null\n")).manifests[0].value["spec"]["size"], json!(3));
}

#[test]
fn an_account_id_must_be_quoted_and_fit() {
    let table = [
        (
            "abc",
            "f:6: Cage default/a: spec.accountId: \"abc\" does not fit: The 12 digits of the account, in quotes (matching ^[0-9]{12}$)",
        ),
        ("123456789012", "the number 123456789012 cannot stand here: quote it: write \"123456789012\""),
        ("012345678912", "quote it: write \"012345678912\""),
        ("012345670123", "quote it: write \"012345670123\""),
        ("", "spec.accountId: missing: add `accountId` (The 12 digits"),
    ];
    for (account, expected) in table {
        assert_said(&format!("{HEAD}  accountId: {account}\n"), &[expected]);
    }
}

#[test]
fn identity_is_checked() {
    let spec = "spec: {accountId: \"123456789012\"}\n";
    let table: [(&str, &[&str]); 15] = [
        (
            "apiVersion: zoo.example.com/v1\nkind: Cage\nmetadata: {name: a}\n",
            &["f:1: Cage a: apiVersion: \"zoo.example.com/v1\" does not serve Cage: write `zoo.example.com/v1alpha1`"],
        ),
        ("apiVersion: zo.example.com/v1alpha1\nkind: Cage\nmetadata: {name: a}\n", &["write `zoo.example.com/v1alpha1`"]),
        ("apiVersion: v1alpha1\nkind: Cage\nmetadata: {name: a}\n", &["write `zoo.example.com/v1alpha1`"]),
        (
            "apiVersion: zoo.example.com/v1alpha1\nkind: Cagee\nmetadata: {name: a}\n",
            &["f:2: Cagee a: kind: the group zoo.example.com has no kind `Cagee`: did you mean `Cage`?"],
        ),
        ("apiVersion: zoo.example.com/v1alpha1\nkind: Tiger\nmetadata: {name: a}\n", &["write `Cage` or `Park`"]),
        ("kind: Cage\n", &["apiVersion: missing: add `apiVersion`, such as v1", "metadata.name: missing"]),
        ("apiVersion: v1\n", &["kind: missing", "metadata.name: missing"]),
        ("apiVersion: 1\nkind: X\nmetadata: {name: a}\n", &["the number 1 cannot stand here: quote it: write \"1\""]),
        ("apiVersion: zoo.example.com/v1alpha1\nkind: Cage\n", &["f:1: Cage: metadata.name: missing: add `metadata.name`"]),
        (
            "apiVersion: zoo.example.com/v1alpha1\nkind: Cage\nmetadata: x\n",
            &["metadata: the text \"x\" cannot stand here", "metadata.name: missing"],
        ),
        (
            "apiVersion: zoo.example.com/v1alpha1\nkind: Cage\nmetadata: {name: 1}\n",
            &["metadata.name: the number 1 cannot stand here: quote it"],
        ),
        (
            "apiVersion: zoo.example.com/v1alpha1\nkind: Cage\nmetadata: {name: A_b}\n",
            &["metadata.name: \"A_b\" is not a name: write lower-case"],
        ),
        (
            "apiVersion: zoo.example.com/v1alpha1\nkind: Cage\nmetadata: {name: a, namespace: b.c}\n",
            &["Cage b.c/a: metadata.namespace: \"b.c\" is not a namespace"],
        ),
        (
            "apiVersion: zoo.example.com/v1alpha1\nkind: Cage\nmetadata: {name: a, label: {}}\n",
            &["metadata.label: unknown field `label`: did you mean `labels`?"],
        ),
        ("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: A_b}\n", &[]),
    ];
    for (text, expected) in table {
        assert_said(&format!("{text}{spec}"), expected);
    }
    let park = "apiVersion: zoo.example.com/v1alpha1\nkind: Park\nmetadata: {name: a, namespace: b}\nspec: {area: 1}\n";
    assert_said(park, &["metadata.namespace: Park lives in no namespace: remove `namespace: b`"]);
}

#[test]
fn names_have_their_lengths() {
    let named = |name: &str, namespace: &str| cage("").replace("name: a", &format!("name: {name}\n  namespace: {namespace}"));
    let (n63, n253) = ("n".repeat(63), "n".repeat(253));
    assert_said(&named(&n253, &n63), &[]);
    assert_said(&named(&format!("{n253}n"), "a"), &["metadata.name: \"nnn"]);
    assert_said(&named("a", &format!("{n63}n")), &["metadata.namespace: \"nnn"]);
}

#[test]
fn null_counts_only_where_it_is_allowed() {
    let table = [
        (json!({"type": "string"}), "a: null", 1),
        (json!({"type": "string", "nullable": true}), "a: null", 0),
        (json!({"type": "string", "nullable": true}), "{}", 1),
        (json!({"type": "string", "default": "x"}), "a: null", 0),
        (json!({"type": "string", "default": "x"}), "{}", 0),
    ];
    for (property, text, expected) in table {
        let schema = json!({"type": "object", "required": ["a"], "properties": {"a": property}});
        let (documents, _) = yaml::read(text);
        let found = structure::check(&schema, &documents[0].root, &mut structure::Patterns::new());
        assert_eq!(found.len(), expected, "{schema} {text}: {found:?}");
    }
}

#[test]
fn rules_are_told_and_leave_the_manifest_usable() {
    let loaded = loaded(&cage("  keepers: 4\n").replace("name: a", "name: forbidden"));
    let said: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "f:1: Cage default/forbidden: choose another name",
            "f:7: Cage default/forbidden: spec.keepers: more keepers than room: raise the size",
        ]
    );
    assert!(loaded.problems.iter().all(|problem| problem.severity == Severity::RuleBroken));
    assert_eq!(loaded.manifests.len(), 1);
    let park = "apiVersion: zoo.example.com/v1alpha1\nkind: Park\nmetadata: {name: a}\nspec: {area: ";
    assert_said(&format!("{park}1}}\n"), &[]);
    assert_said(&format!("{park}0.5}}\n"), &["f:1: Park a: too small for a park"]);
    // A blocking fault hides the rules, another does not.
    assert_said(&cage("  keepers: 4\n  zebra: 1\n"), &["more keepers", "zebra"]);
    assert_said(&cage("  keepers: 4\n  open: 1\n"), &["spec.open"]);
}

#[test]
fn a_rule_that_cannot_be_tried_is_told() {
    for (rule, expected) in [
        ("self.size >=", "failed to compile"),
        ("self.nothing > 1", "cannot be tried"),
        ("nonsense(self)", "cannot be tried"),
        ("1", "did not evaluate to bool"),
    ] {
        let mut definition = serde_json::to_value(Cage::crd()).unwrap();
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["x-kubernetes-validations"] =
            json!([{"rule": rule}]);
        let definition = serde_json::from_value(definition).unwrap();
        let loaded = load(&[Source { name: "f".to_owned(), text: cage("") }], &[definition]);
        let [problem] = loaded.problems.as_slice() else { unreachable!("{rule}: {loaded:?}") };
        assert!(problem.message.contains(expected), "{problem}");
        assert_eq!((problem.severity, loaded.manifests.len()), (Severity::Unusable, 0));
    }
}

#[test]
fn texts_that_cannot_be_read_are_told() {
    let deep = "[".repeat(100_000);
    let deep_block = (0..200).fold(String::new(), |text, depth| text + &" ".repeat(depth) + "a:\n");
    let bomb = (1..40).fold("a0: &a0 [x, x]\n".to_owned(), |text, i| format!("{text}a{i}: &a{i} [*a{0}, *a{0}, *a{0}]\n", i - 1));
    let large = " ".repeat(5 << 20);
    let table: [(&str, &[&str]); 20] = [
        ("a: b: c\n", &["f:1: not readable as YAML"]),
        ("a: \"x\n", &["not readable as YAML"]),
        ("a:\n\t- b\n", &["f:2: not readable as YAML"]),
        ("a: 1\n  b: 2\n---\n[]\n---\nx: {\n", &["f:2: not readable", "f:4: a list is no Kubernetes object", "f:7: not readable"]),
        ("\u{feff}", &[]),
        ("---\n---\n# x\n--- # y\n...\n", &[]),
        ("a\r\n---\r\nb\r\n", &["f:1: the text \"a\" is no", "f:3: the text \"b\" is no"]),
        ("kind: a\0b", &["f:1: holds the control character U+0000: remove it"]),
        ("x: 1\ny: \u{1b}[31m\n", &["f:2: holds the control character U+001B"]),
        (&deep, &["not readable as YAML: recursion limit exceeded"]),
        (&deep[..200], &["nested more than 64 levels"]),
        (&deep_block, &["f:65: "]),
        (&bomb, &["anchors and aliases copy too much"]),
        (&large, &["larger than 4 MiB"]),
        ("a: &a [*a]\n", &["f:1: a[0]: an alias inside what it stands for"]),
        ("a: *b\n", &["not readable as YAML"]),
        ("a: !secret x\n", &["f:1: a: the tag !secret means nothing"]),
        ("a: .inf\n", &["a: .inf is not a number that a manifest can hold"]),
        ("? [a]\n: b\n", &["a list or map as the name of a field"]),
        ("<<: 1\n", &["f:1: [<<]: `<<` takes a map"]),
    ];
    for (text, expected) in table {
        assert_said(text, expected);
        assert!(loaded(text).manifests.is_empty());
    }
}

#[test]
fn lists_and_json_are_unpacked() {
    let item = |name: &str| json!({"apiVersion": "zoo.example.com/v1alpha1", "kind": "Cage", "metadata": {"name": name}, "spec": {"accountId": "123456789012"}});
    let mut broken = item("b");
    broken["spec"]["accountId"] = json!(1);
    let list = json!({"kind": "List", "apiVersion": "v1", "items": [item("a"), broken, item("c")]});
    for text in
        [serde_json::to_string_pretty(&list).unwrap(), serde_json::to_string_pretty(&list).unwrap().replace("  ", "\t"), list.to_string()]
    {
        let loaded = loaded(&text);
        let names: Vec<&str> = loaded.manifests.iter().map(Manifest::name).collect();
        assert_eq!(names, ["a", "c"], "{text}\n{:?}", loaded.problems);
        assert_eq!(loaded.problems.len(), 1);
        assert!(loaded.problems[0].to_string().contains("Cage default/b: spec.accountId: the number 1"));
    }
}

#[test]
fn problems_come_in_the_order_of_sources_and_lines() {
    let source = |name: &str, text: String| Source { name: name.to_owned(), text };
    let sources = [source("z", cage("  zebra: 1\n  ant: 1\n")), source("a", cage("  word: x\n---\n: [\n"))];
    let places: Vec<(String, usize)> = load(&sources, &definitions()).problems.into_iter().map(|p| (p.file, p.line)).collect();
    assert_eq!(places[..3], [("z".to_owned(), 7), ("z".to_owned(), 8), ("a".to_owned(), 7)]);
    assert_eq!(places.len(), 4);
}

#[test]
fn plain_scalars_mean_what_the_kubernetes_tools_take_them_for() {
    let table = [
        ("0", json!(0)),
        ("-0", json!(0)),
        ("017", json!(15)),
        ("0o17", json!(15)),
        ("0b11", json!(3)),
        ("0xfF", json!(255)),
        ("08", json!(8)),
        ("-7", json!(-7)),
        ("+7", json!(7)),
        ("+-7", json!("+-7")),
        ("1_000", json!(1000)),
        ("1e3", json!(1000)),
        ("1.50", json!(1.5)),
        (".5", json!(0.5)),
        ("1.2.3", json!("1.2.3")),
        ("1e999", json!("1e999")),
        ("-", json!("-")),
        ("0x", json!("0x")),
        ("2024-01-01", json!("2024-01-01")),
        ("yes", json!(true)),
        ("Off", json!(false)),
        ("~", json!(null)),
        ("yEs", json!("yEs")),
        ("18446744073709551615", json!(u64::MAX)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("é1", json!("é1")),
        ("0é", json!("0é")),
        ("e1", json!("e1")),
        (".e1", json!(".e1")),
    ];
    for (word, expected) in table {
        assert_eq!(scalar::plain(word).unwrap(), expected, "{word}");
    }
}

/// Text made of what YAML gives a meaning to, which arbitrary text would rarely hit.
fn yaml_like() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "apiVersion: zoo.example.com/v1alpha1",
        "kind: Cage",
        "kind: List",
        "metadata:",
        "name: a",
        "spec:",
        "accountId: ",
        "items:",
        "  ",
        "    ",
        "\n",
        "\n",
        "\n",
        "\n  ",
        "\n- ",
        "- ",
        "? ",
        ": ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&a ",
        "*a",
        "!!str ",
        "!x ",
        "|",
        ">",
        "|2-\n",
        "\"",
        "'",
        "\\u0",
        "#",
        "%YAML 1.2\n",
        "%TAG ! !\n",
        "---",
        "\n---\n",
        "...",
        "\n...\n",
        "\t",
        "\r",
        "\0",
        "\u{feff}",
        "\u{85}",
        "\u{2028}",
        "é",
        "🐘",
        "<<: ",
        "null",
        "1e99",
        "-",
        "0x",
        "tags:",
        "animals:",
        "metadata: x\n",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_panics_on_arbitrary_text(text in any::<String>(), field in ".*") {
        for manifest in loaded(&text).manifests {
            let _ = manifest.line_of(&field);
        }
    }

    #[test]
    fn never_panics_on_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = loaded(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn never_panics_on_what_looks_like_yaml(text in yaml_like()) {
        let lines = text.lines().count() + text.matches(['\r', '\u{85}', '\u{2028}']).count() + 1;
        for problem in loaded(&text).problems {
            prop_assert!((1..=lines).contains(&problem.line), "{problem}");
        }
    }

    #[test]
    fn what_is_loaded_can_be_parsed(text in yaml_like()) {
        for manifest in loaded(&cage(&text)).manifests.iter().filter(|manifest| manifest.kind() == "Cage") {
            prop_assert!(parse::<Cage>(manifest).is_ok(), "{:?}", manifest.value);
        }
    }

    #[test]
    fn never_panics_on_any_spec(spec in json_value()) {
        let mut object = json!({"apiVersion": "zoo.example.com/v1alpha1", "kind": "Cage", "metadata": {"name": "a"}});
        for name in ["accountId", "size", "animals", "tags", "notes", "free", "port", "choice", "herd"] {
            object["spec"][name] = spec.clone();
        }
        let _ = loaded(&object.to_string());
        object["metadata"] = spec;
        let _ = loaded(&object.to_string());
    }
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<u64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        any::<String>().prop_map(|s| json!(s)),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| json!(items)),
            prop::collection::btree_map(prop_oneof!["name", "a", "gait", any::<String>()], inner, 0..5).prop_map(|entries| json!(entries)),
        ]
    })
}
