//! The object as the API server would store it: defaults filled in, nulls that are not allowed dropped.

use serde_json::Value;

/// Drops the nulls the schema does not allow and fills in its defaults, at all levels.
pub(super) fn fill_in(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(entries) => {
            let properties = schema["properties"].as_object();
            let of = |name: &str| properties.and_then(|all| all.get(name)).unwrap_or(&schema["additionalProperties"]);
            entries.retain(|name, entry| !entry.is_null() || of(name)["nullable"] == true || !of(name).is_object());
            for (name, property) in properties.into_iter().flatten() {
                if !property["default"].is_null() && !entries.contains_key(name) {
                    entries.insert(name.clone(), property["default"].clone());
                }
            }
            for (name, entry) in entries.iter_mut() {
                fill_in(of(name), entry);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill_in(&schema["items"], item)),
        _ => {}
    }
}
