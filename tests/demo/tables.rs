//! The tables of `kubectl get`, without kubectl: the API server makes them, and kubectl only prints what it is given.

use std::fmt::Write as _;

use axum::http::{Request, header};
use kube::Client;
use serde::Deserialize;
use serde_json::Value;

/// What asks the API server for a table.
const AS_TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

/// One kind to list.
struct Listed {
    path: &'static str,
    /// What kubectl puts before the names when it lists several kinds.
    prefix: &'static str,
    /// Whether there is a column for the namespace.
    with_namespace: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Table {
    column_definitions: Vec<Column>,
    #[serde(default)]
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
    priority: i32,
}

#[derive(Deserialize)]
struct Row {
    cells: Vec<Value>,
    #[serde(default)]
    object: Value,
}

/// Our three kinds in all namespaces.
pub async fn ours(client: &Client) -> Result<String, String> {
    let listed = |path, prefix, with_namespace| Listed { path, prefix, with_namespace };
    all(
        client,
        [
            listed("/apis/hipaa-operator.io/v1alpha1/phienvironments", "phienvironment.hipaa-operator.io/", false),
            listed("/apis/hipaa-operator.io/v1alpha1/phiworkloads", "phiworkload.hipaa-operator.io/", true),
            listed("/apis/hipaa-operator.io/v1alpha1/bedrockaccesses", "bedrockaccess.hipaa-operator.io/", true),
        ],
    )
    .await
}

/// The application's Deployment, and what fences its pods in.
pub async fn of_clinic(client: &Client) -> Result<String, String> {
    let listed = |path, prefix| Listed { path, prefix, with_namespace: false };
    all(
        client,
        [
            listed("/apis/apps/v1/namespaces/clinic/deployments", "deployment.apps/"),
            listed("/apis/networking.k8s.io/v1/namespaces/clinic/networkpolicies", "networkpolicy.networking.k8s.io/"),
        ],
    )
    .await
}

async fn all<const N: usize>(client: &Client, kinds: [Listed; N]) -> Result<String, String> {
    let mut texts = Vec::new();
    for kind in kinds {
        let request = Request::get(kind.path).header(header::ACCEPT, AS_TABLE).body(Vec::new()).map_err(|error| error.to_string())?;
        let table: Table = client.request(request).await.map_err(|error| format!("{}: {error}", kind.path))?;
        texts.push(print(&table, &kind));
    }
    Ok(texts.join("\n"))
}

fn print(table: &Table, kind: &Listed) -> String {
    // The others are for `-o wide`.
    let shown: Vec<usize> = (0..table.column_definitions.len()).filter(|&at| table.column_definitions[at].priority == 0).collect();
    let mut lines = vec![shown.iter().map(|&at| table.column_definitions[at].name.to_uppercase()).collect::<Vec<_>>()];
    for row in &table.rows {
        let mut cells: Vec<String> = shown.iter().map(|&at| cell(&row.cells[at])).collect();
        cells[0].insert_str(0, kind.prefix);
        lines.push(cells);
    }
    if kind.with_namespace {
        lines[0].insert(0, "NAMESPACE".to_owned());
        for (line, row) in lines[1..].iter_mut().zip(&table.rows) {
            line.insert(0, cell(&row.object["metadata"]["namespace"]));
        }
    }
    aligned(&lines)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn aligned(lines: &[Vec<String>]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or_default();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column)));
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("   ").trim_end());
    }
    text
}
