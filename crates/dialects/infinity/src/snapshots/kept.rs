//! What is remembered of a snapshot beside what the engine keeps.

use model::{CollectionName, CollectionRef, DatabaseName, Object, SnapshotScope, Timestamp, Value};
use serde_json::{Value as Out, json};

use crate::json::Json;

/// What a snapshot is of, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Table,
    Database,
    System,
}

impl Extent {
    const ALL: [Self; 3] = [Self::Table, Self::Database, Self::System];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Database => "database",
            Self::System => "system",
        }
    }
}

/// One snapshot of the engine.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) scope: SnapshotScope,
    /// The engine's name.
    pub(super) inner: String,
}

impl Part {
    fn to_value(&self) -> Value {
        let table = self.scope.collection();
        let table = table.map_or(Value::Null, |table| table.name.as_str().into());
        Value::Object(Object::from_iter([
            ("database", self.scope.database().as_str().into()),
            ("table", table),
            ("inner", self.inner.as_str().into()),
        ]))
    }

    fn of_value(json: &Json) -> Option<Self> {
        let text = |name| json.get(name).and_then(Json::as_text);
        let database = DatabaseName::new(text("database")?).ok()?;
        let scope = match text("table") {
            Some(name) => {
                let name = CollectionName::new(name).ok()?;
                SnapshotScope::Collection(CollectionRef { database, name })
            }
            None => SnapshotScope::Database(database),
        };
        let inner = text("inner")?.to_owned();
        Some(Self { scope, inner })
    }
}

/// A snapshot by the name that a caller gave it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) name: String,
    pub(super) extent: Extent,
    pub(super) parts: Vec<Part>,
    pub(super) unix_ms: i64,
    pub(super) bytes: i64,
}

impl Kept {
    pub(super) fn to_value(&self) -> Value {
        let parts = self.parts.iter().map(Part::to_value).collect();
        Value::Object(Object::from_iter([
            ("name", self.name.as_str().into()),
            ("scope", self.extent.name().into()),
            ("parts", Value::Array(parts)),
            ("unix_ms", Value::Int(self.unix_ms)),
            ("bytes", Value::Int(self.bytes)),
        ]))
    }

    pub(super) fn of_value(value: &Value) -> Option<Self> {
        let json = Json::from(value);
        let number = |name| json.get(name).and_then(Json::as_count);
        let scope = json.get("scope").and_then(Json::as_text)?;
        let parts = json.get("parts").and_then(Json::as_list)?;
        Some(Self {
            name: json.get("name").and_then(Json::as_text)?.to_owned(),
            extent: Extent::ALL
                .into_iter()
                .find(|extent| extent.name() == scope)?,
            parts: parts.iter().map(Part::of_value).collect::<Option<_>>()?,
            unix_ms: number("unix_ms")?,
            bytes: number("bytes")?,
        })
    }

    /// The database among whose attributes its name is.
    pub(super) fn home(&self) -> DatabaseName {
        match (self.extent, self.parts.first()) {
            (Extent::Table, Some(part)) => part.scope.database().clone(),
            (Extent::Table | Extent::Database | Extent::System, _) => DatabaseName::default(),
        }
    }

    pub(super) fn show(&self) -> Out {
        let at = Timestamp(self.unix_ms.saturating_mul(1000)).to_second();
        json!({
            "name": self.name,
            "scope": self.extent.name(),
            "time": at.replace('T', " "),
            "commit": self.unix_ms,
            "size": format!("{}B", self.bytes),
        })
    }
}
