use super::*;
use serde_json::json;
use std::time::{Duration, Instant};

/// Schemas that would take ever more time or memory.
fn hostile() -> Vec<Value> {
    let mut nested = json!({});
    for _ in 0..100 {
        nested = json!({"items": nested});
    }
    let mut doubled = json!({"enum": ["a", "b"]});
    for _ in 0..30 {
        doubled = json!({"anyOf": [{}, {}], "allOf": [doubled]});
    }
    let laughs: Value = (0..40)
        .map(|i| (format!("d{i}"), json!({"anyOf": [{}, {}], "$ref": format!("#/$defs/d{}", i + 1)})))
        .chain([("d40".to_owned(), json!({"enum": ["a", "b"]}))])
        .collect();
    let many: Vec<String> = (0..1500).map(|i| format!("name {i}")).collect();
    let anything = vec![json!({}); 1500];
    let tree = |other: &str| json!({"type": "object", "properties": {"l": {"$ref": format!("#/$defs/{other}")}, "r": {"$ref": format!("#/$defs/{other}")}}});
    let chain: Value = (0..1000)
        .map(|i| (format!("d{i}"), json!({"items": {"$ref": format!("#/$defs/d{}", (i + 1) % 1000)}})))
        .collect();
    vec![
        nested,
        doubled,
        json!({"$ref": "#/$defs/d0", "$defs": laughs}),
        json!({"anyOf": anything, "enum": many}),
        json!({"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}], "$defs": {"a": tree("a"), "b": tree("b")}}),
        json!({"$ref": "#/$defs/d0", "$defs": chain}),
        json!({"$ref": "#", "type": "object"}),
        json!({"type": "object", "patternProperties": (0..100).map(|i| (format!("^{i}.*{i}"), json!({}))).collect::<Value>()}),
        json!({"type": "array", "prefixItems": vec![json!({"type": "string", "format": "email"}); 1000]}),
        json!({"description": "x".repeat(1 << 20)}),
        json!({"enum": (0..10_000).collect::<Vec<_>>()}),
    ]
}

#[test]
fn a_schema_that_would_grow_without_bound_is_refused_at_once() {
    for (i, schema) in hostile().iter().enumerate() {
        let start = Instant::now();
        let error = check(schema).err().unwrap_or_else(|| panic!("number {i} is refused"));
        assert!(matches!(error, GuideError::SchemaTooLarge { .. } | GuideError::Schema { .. }), "{i}: {error:?}");
        assert!(start.elapsed() < Duration::from_secs(1), "{i} took {:?}", start.elapsed());
    }
}

#[test]
fn what_is_joined_is_measured_as_if_it_were_written_out() {
    let size = |schema: &Value| {
        let mut expansion = Expansion { root: schema, visits: 0, open: HashSet::new(), references: HashSet::new() };
        expansion.measure(schema, Refs::Named).expect("a small schema").weight
    };
    assert_eq!(size(&json!({})), 1);
    assert_eq!(size(&json!({"type": "object", "properties": {"a": {}, "b": {"type": "null"}}})), 3);
    let (two, three) = (json!({"enum": [1, 2]}), json!({"anyOf": [{}, {}, {}]}));
    assert_eq!(size(&two), 3);
    assert_eq!(size(&three), 4);
    assert_eq!(size(&json!({"allOf": [two, three]})), 3 * 3 + 4 * 2);
}

#[test]
fn a_recursive_schema_is_fine_where_a_reference_stands_alone() {
    let tree = json!({"type": "object", "properties": {"next": {"$ref": "#", "description": "one more"}}});
    check(&tree).expect("a name is no copy");
    let both = json!({"type": "object", "properties": {"next": {"$ref": "#", "type": "object"}}});
    let error = check(&both).expect_err("written out, it has no end").to_string();
    assert!(error.contains("recursive $ref #"), "{error}");
}
