//! Where Qdrant's settings of placement want the bytes of sealed segments.
//!
//! | setting | of what |
//! |---|---|
//! | `on_disk_payload` | payloads |
//! | `always_ram` of `quantization_config` | codes |
//! | `on_disk` of `hnsw_config` and of the `index` of a sparse field | graphs, postings |
//! | `on_disk` of a payload index | its column |
//!
//! `memory` says the same in newer words and goes before them. Codes that are not always in memory
//! lie where the vectors of their field do. Without `quantization_config` a graph has codes of
//! Skerry's own, which lie beside it.

use model::{Object, Placement, Residency, Schema, Value, VectorName};

use super::kept::{ATTRIBUTE, Kept};
use super::settings::Memory;
use super::vectors::Extras;

/// What the kept settings of a collection say; `None` when there are none.
pub(crate) fn placement(schema: &Schema) -> Option<Placement> {
    let columns = schema.indexes.iter().filter_map(|index| {
        let place = column(&index.params.attributes)?;
        Some((index.path.clone(), place))
    });
    let mut placement = Placement {
        columns: columns.collect(),
        ..Placement::default()
    };
    if schema.attributes.get(ATTRIBUTE).is_none() {
        // Another dialect made it; payload indexes may still be from here.
        return (placement != Placement::default()).then_some(placement);
    }
    // Settings that cannot be read are told to whoever asks for them, and place nothing.
    let kept = Kept::read(schema).unwrap_or_default();
    placement.payloads = kept.params.on_disk_payload.map(on_disk);
    for field in &schema.vectors {
        let name = field.name.as_str();
        if let Some(extras) = kept.sparse_vectors.get(name) {
            insert(&mut placement.indexes, &field.name, extras.place());
        } else if let Some(extras) = kept.vectors.get(name) {
            let index = index(extras, &kept);
            insert(&mut placement.indexes, &field.name, index);
            insert(
                &mut placement.codes,
                &field.name,
                codes(extras, &kept, index),
            );
        }
    }
    Some(placement)
}

type ByField = std::collections::BTreeMap<VectorName, Residency>;

fn insert(places: &mut ByField, field: &VectorName, place: Option<Residency>) {
    if let Some(place) = place {
        places.insert(field.clone(), place);
    }
}

fn on_disk(on_disk: bool) -> Residency {
    if on_disk {
        Residency::Mapped
    } else {
        Residency::Resident
    }
}

impl Memory {
    pub(super) fn place(self) -> Residency {
        match self {
            Self::Cold | Self::Cached => Residency::Mapped,
            Self::Pinned => Residency::Resident,
        }
    }
}

/// Where `memory`, or else `on_disk`, wants something.
pub(super) fn said(memory: Option<Memory>, disk: Option<bool>) -> Option<Residency> {
    memory.map(Memory::place).or(disk.map(on_disk))
}

/// Of the graph: the field's own settings go before those of the collection.
fn index(extras: &Extras, kept: &Kept) -> Option<Residency> {
    let own = extras.hnsw_config.as_ref();
    own.and_then(|hnsw| said(hnsw.memory, hnsw.on_disk))
        .or(said(kept.hnsw.memory, kept.hnsw.on_disk))
}

fn codes(extras: &Extras, kept: &Kept, index: Option<Residency>) -> Option<Residency> {
    let own = extras.quantization_config.as_ref();
    let Some(quantization) = own.or(kept.quantization.as_ref()) else {
        return index;
    };
    match quantization.place() {
        (Some(memory), _) => Some(memory.place()),
        (None, Some(true)) => Some(Residency::Resident),
        (None, Some(false) | None) => said(extras.memory, extras.on_disk),
    }
}

/// Of the column of a payload index with these options.
fn column(options: &Object) -> Option<Residency> {
    let memory = match options.get("memory") {
        Some(Value::Str(word)) if &**word == "pinned" => Some(Residency::Resident),
        Some(Value::Str(_)) => Some(Residency::Mapped),
        _ => None,
    };
    let disk = match options.get("on_disk") {
        Some(Value::Bool(disk)) => Some(on_disk(*disk)),
        _ => None,
    };
    memory.or(disk)
}

#[cfg(test)]
mod tests {
    use model::{FieldIndex, FieldKind, FieldPath, IndexParams};

    use super::super::requests::created;
    use super::*;

    const MAPPED: Option<Residency> = Some(Residency::Mapped);
    const RESIDENT: Option<Residency> = Some(Residency::Resident);

    /// Where graph and codes of the unnamed field lie.
    fn of(body: &str) -> (Option<Residency>, Option<Residency>) {
        let placement = placement(&created(body)).expect("settings are kept");
        let unnamed = VectorName::default();
        let get = |places: &ByField| places.get(&unnamed).copied();
        (get(&placement.indexes), get(&placement.codes))
    }

    #[test]
    fn graphs_and_codes_lie_where_settings_say() {
        let vectors = |own: &str, more: &str| {
            format!(r#"{{"vectors": {{"size": 4, "distance": "Dot"{own}}}{more}}}"#)
        };
        let codes = |always: &str| {
            format!(r#", "quantization_config": {{"scalar": {{"type": "int8"{always}}}}}"#)
        };
        let disk = r#", "on_disk": true"#;
        let graph = r#", "hnsw_config": {"on_disk": true}"#;
        let always = codes(r#", "always_ram": true"#);
        for (own, more, expected) in [
            ("", "", (None, None)),
            ("", graph, (MAPPED, MAPPED)),
            (
                r#", "hnsw_config": {"on_disk": false}"#,
                graph,
                (RESIDENT, RESIDENT),
            ),
            (r#", "hnsw_config": {"m": 8}"#, graph, (MAPPED, MAPPED)),
            (disk, &codes(""), (None, MAPPED)),
            (disk, &codes(r#", "always_ram": false"#), (None, MAPPED)),
            (disk, &always, (None, RESIDENT)),
            ("", &codes(""), (None, None)),
            (graph, &always, (MAPPED, RESIDENT)),
            (
                disk,
                &codes(r#", "always_ram": true, "memory": "cold""#),
                (None, MAPPED),
            ),
        ] {
            assert_eq!(of(&vectors(own, more)), expected, "{own} {more}");
        }
    }

    #[test]
    fn payloads_columns_and_postings_lie_where_settings_say() {
        let body = |payload: &str| {
            format!(
                r#"{{"sparse_vectors": {{"w": {{"index": {{"on_disk": true}}}}, "x": {{}}}}
                    {payload}}}"#
            )
        };
        let mut schema = created(&body(""));
        let index = |path: &str, option: Option<(&'static str, Value)>| FieldIndex {
            path: FieldPath::parse(path).expect("a path"),
            params: IndexParams {
                attributes: option.into_iter().collect(),
                ..IndexParams::new(FieldKind::Integer)
            },
        };
        schema.indexes = vec![
            index("a", Some(("on_disk", Value::Bool(true)))),
            index("b", Some(("on_disk", Value::Bool(false)))),
            index("c", Some(("memory", Value::from("pinned")))),
            index("d", None),
        ];
        let placement = placement(&schema).expect("settings are kept");
        let columns = ["a", "b", "c", "d"].map(|path| {
            let path = FieldPath::parse(path).expect("a path");
            placement.columns.get(&path).copied()
        });
        assert_eq!(columns, [MAPPED, RESIDENT, RESIDENT, None]);
        assert_eq!(placement.payloads, None);
        let postings: Vec<_> = placement.indexes.into_iter().collect();
        let words = VectorName::new("w").expect("a name");
        assert_eq!(postings, [(words, Residency::Mapped)]);
        for (payload, expected) in [("true", MAPPED), ("false", RESIDENT)] {
            let schema = created(&body(&format!(r#", "on_disk_payload": {payload}"#)));
            let placement = super::placement(&schema).expect("settings are kept");
            assert_eq!(placement.payloads, expected);
        }
        assert_eq!(super::placement(&Schema::default()), None);
    }
}
