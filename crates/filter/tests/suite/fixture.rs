//! A row source over literal payloads, and a reader of JSON literals.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use bytes::Bytes;
use model::packed::ObjectRef;
use model::{FieldKind, FieldPath, IndexParams, Object, Packed, PointId, Value, VectorName};
use rows::RowId;
use skerry_filter::{Column, RowSource};

/// Rows with ids `0..`, payloads and columns; even rows have the vector `even`.
#[derive(Default)]
pub(crate) struct Source {
    payloads: Vec<Packed>,
    columns: BTreeMap<FieldPath, Column>,
    declared: BTreeMap<FieldPath, IndexParams>,
}

impl Source {
    pub(crate) fn new(payloads: impl IntoIterator<Item = Object>) -> Self {
        Self {
            payloads: payloads
                .into_iter()
                .map(|p| Packed::pack(&p).unwrap())
                .collect(),
            columns: BTreeMap::new(),
            declared: BTreeMap::new(),
        }
    }

    /// Declares an index that has no column yet.
    pub(crate) fn declare(&mut self, path: &str, kind: FieldKind) {
        self.declare_with(path, IndexParams::new(kind));
    }

    /// Declares an index with options that has no column yet.
    pub(crate) fn declare_with(&mut self, path: &str, params: IndexParams) {
        self.declared
            .insert(FieldPath::parse(path).unwrap(), params);
    }

    /// Adds a column, after a trip through its blocks.
    pub(crate) fn index(&mut self, path: &str, kind: FieldKind) {
        self.index_with(path, IndexParams::new(kind));
    }

    /// As [`Source::index`], with options.
    pub(crate) fn index_with(&mut self, path: &str, params: IndexParams) {
        let path = FieldPath::parse(path).unwrap();
        let blocks: BTreeMap<String, Bytes> = Column::build(&params, &path, self)
            .encode()
            .into_iter()
            .collect();
        let column = Column::open(&|name| blocks.get(name).cloned()).unwrap();
        assert!(column.is_of(&params));
        self.declared.insert(path.clone(), params);
        self.columns.insert(path, column);
    }
}

impl RowSource for Source {
    fn len(&self) -> u32 {
        self.payloads.len() as u32
    }

    fn id(&self, row: RowId) -> PointId {
        PointId::Num(row.0.into())
    }

    fn payload(&self, row: RowId) -> ObjectRef<'_> {
        ObjectRef::read(self.payloads[row.index()].as_bytes()).unwrap()
    }

    fn has_vector(&self, row: RowId, name: &VectorName) -> bool {
        name.as_str() == "even" && row.0.is_multiple_of(2)
    }

    fn column(&self, path: &FieldPath) -> Option<&Column> {
        self.columns.get(path)
    }

    fn declared(&self, path: &FieldPath) -> Option<&IndexParams> {
        self.declared.get(path)
    }

    fn find(&self, id: &PointId) -> Option<RowId> {
        match id {
            PointId::Num(n) => u32::try_from(*n)
                .ok()
                .filter(|&n| n < self.len())
                .map(RowId),
            PointId::Uuid(_) | PointId::Text(_) => None,
        }
    }
}

/// Reads a JSON object. Strings have no escapes.
pub(crate) fn object(text: &str) -> Object {
    match value(text) {
        Value::Object(object) => object,
        other => panic!("{other:?} is no object"),
    }
}

/// Reads a JSON value. Strings have no escapes.
pub(crate) fn value(text: &str) -> Value {
    let mut rest = text.trim();
    let value = read(&mut rest);
    assert!(rest.is_empty(), "{rest:?} is left of {text:?}");
    value
}

fn read(rest: &mut &str) -> Value {
    if eat(rest, "{") {
        let mut fields = Vec::new();
        while !eat(rest, "}") {
            let name = read_text(rest);
            assert!(eat(rest, ":"), "{rest:?}");
            fields.push((name, read(rest)));
            eat(rest, ",");
        }
        return Value::Object(fields.into_iter().collect());
    }
    if eat(rest, "[") {
        let mut values = Vec::new();
        while !eat(rest, "]") {
            values.push(read(rest));
            eat(rest, ",");
        }
        return Value::Array(values);
    }
    if rest.starts_with('"') {
        return Value::Str(read_text(rest));
    }
    let end = rest.find([',', ']', '}']).unwrap_or(rest.len());
    let (word, tail) = rest.split_at(end);
    *rest = tail;
    match word.trim() {
        "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        number => match (number.parse::<i64>(), number.parse::<u64>()) {
            (Ok(n), _) => Value::Int(n),
            (Err(_), Ok(n)) => Value::UInt(n),
            (Err(_), Err(_)) => Value::Float(number.parse().unwrap()),
        },
    }
}

fn eat(rest: &mut &str, token: &str) -> bool {
    let found = rest.trim_start().strip_prefix(token);
    if let Some(tail) = found {
        *rest = tail.trim_start();
    }
    found.is_some()
}

fn read_text(rest: &mut &str) -> String {
    assert!(eat(rest, "\""), "{rest:?}");
    let (text, tail) = rest.split_once('"').unwrap();
    *rest = tail.trim_start();
    text.to_owned()
}
