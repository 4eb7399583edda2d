//! A table as it is: its columns and indexes, kept in the attributes of a collection or derived
//! from its schema.

use std::sync::Arc;

use gateway::Call;
use model::{
    CollectionRef, ConfigChange, Dim, ErrorKind, FieldKind, FieldPath, Object, Query, Reply,
    Schema, Value, VectorField, VectorKind, VectorName, WriteOp,
};

use crate::error::Failure;
use crate::json::Json;
use crate::kinds::{Kind, Part, Rows};
use crate::request;

/// The key of this dialect among the attributes of a schema.
const ATTRIBUTES: &str = "infinity";

/// How often a change of the schema is derived anew when others change it in the meantime.
const ATTEMPTS_MAX: usize = 16;

/// Where the values of a column are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    Payload(FieldPath),
    Vector(VectorName),
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    pub(crate) default: Option<Json>,
    pub(crate) constraints: Vec<String>,
    pub(crate) comment: String,
}

/// An index as it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) column: String,
    /// What is made of the column before it is indexed; empty: nothing.
    pub(crate) function: String,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) comment: String,
}

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) collection: CollectionRef,
    pub(crate) schema: Arc<Schema>,
    pub(crate) columns: Vec<Column>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) comment: String,
}

impl Column {
    /// Where the values of a column of this name and kind are when this dialect makes it.
    pub(crate) fn place_of(name: &str, kind: &Kind) -> Result<Place, Failure> {
        Ok(match kind {
            Kind::Vector(_) | Kind::MultiVector(_) | Kind::Tensor(_) | Kind::Sparse { .. } => {
                Place::Vector(VectorName::new(name)?)
            }
            _ => Place::Payload(FieldPath::field(name)),
        })
    }

    fn to_value(&self) -> Value {
        let mut fields = Object::new();
        fields.insert("name", self.name.as_str().into());
        fields.insert("type", self.kind.written().as_str().into());
        if let Some(default) = &self.default {
            fields.insert("default", default.to_value());
        }
        if !self.constraints.is_empty() {
            let constraints = self.constraints.iter().map(|text| text.as_str().into());
            fields.insert("constraints", Value::Array(constraints.collect()));
        }
        if !self.comment.is_empty() {
            fields.insert("comment", self.comment.as_str().into());
        }
        Value::Object(fields)
    }

    fn of_value(value: &Value) -> Option<Self> {
        let Value::Object(fields) = value else {
            return None;
        };
        let name = text(fields.get("name"))?.to_owned();
        let kind = Kind::parse(text(fields.get("type"))?).ok()?;
        let constraints = match fields.get("constraints") {
            Some(Value::Array(list)) => list.as_slice(),
            _ => &[],
        };
        let constraints = constraints.iter().filter_map(|value| text(Some(value)));
        Some(Self {
            place: Self::place_of(&name, &kind).ok()?,
            name,
            kind,
            default: fields.get("default").map(Json::from),
            constraints: constraints.map(str::to_owned).collect(),
            comment: text(fields.get("comment")).unwrap_or_default().to_owned(),
        })
    }
}

impl Index {
    fn to_value(&self) -> Value {
        let parameters = self.parameters.iter();
        let parameters = parameters
            .map(|(name, value)| Value::Array(vec![name.as_str().into(), value.as_str().into()]));
        let mut fields = Object::from_iter([
            ("name", self.name.as_str().into()),
            ("type", self.kind.as_str().into()),
            ("column", self.column.as_str().into()),
            ("parameters", Value::Array(parameters.collect())),
            ("comment", self.comment.as_str().into()),
        ]);
        if !self.function.is_empty() {
            fields.insert("function", self.function.as_str().into());
        }
        Value::Object(fields)
    }

    fn of_value(value: &Value) -> Option<Self> {
        let Value::Object(fields) = value else {
            return None;
        };
        let owned = |name| text(fields.get(name)).map(str::to_owned);
        let parameters = match fields.get("parameters") {
            Some(Value::Array(list)) => list.as_slice(),
            _ => &[],
        };
        let pair = |value: &Value| match value {
            Value::Array(pair) => match pair.as_slice() {
                [Value::Str(name), Value::Str(value)] => Some((name.clone(), value.clone())),
                _ => None,
            },
            _ => None,
        };
        Some(Self {
            name: owned("name")?,
            kind: owned("type")?,
            column: owned("column")?,
            function: owned("function").unwrap_or_default(),
            parameters: parameters.iter().filter_map(pair).collect(),
            comment: owned("comment").unwrap_or_default(),
        })
    }

    /// The value of a parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

fn text(value: Option<&Value>) -> Option<&str> {
    match value {
        Some(Value::Str(text)) => Some(text),
        _ => None,
    }
}

impl Table {
    /// The table in the path of a request.
    pub(crate) async fn of(call: &Call<'_>) -> Result<Self, Failure> {
        let collection = request::table_named(call, call.param("table_name"))?;
        Self::read(call, collection).await
    }

    /// The table that a collection is. A name that another dialect gave may have capitals, which
    /// names of Infinity lose.
    pub(crate) async fn read(call: &Call<'_>, collection: CollectionRef) -> Result<Self, Failure> {
        let asked = Query::ReadSchema(collection.clone());
        let reply = match request::query(call, asked).await {
            Err(error) if error.kind == ErrorKind::NotFound => {
                let cased = cased(call, &collection).await?;
                let reply = request::query(call, Query::ReadSchema(cased.clone())).await?;
                return Self::of_reply(cased, reply);
            }
            other => other?,
        };
        Self::of_reply(collection, reply)
    }

    fn of_reply(collection: CollectionRef, reply: Reply) -> Result<Self, Failure> {
        match reply {
            Reply::Schema(schema) => Ok(Self::of_schema(collection, schema)),
            other => Err(other.unexpected().into()),
        }
    }

    fn of_schema(collection: CollectionRef, schema: Arc<Schema>) -> Self {
        let kept = match schema.attributes.get(ATTRIBUTES) {
            Some(Value::Object(kept)) => Some(kept),
            _ => None,
        };
        let list = |name| match kept.and_then(|kept| kept.get(name)) {
            Some(Value::Array(list)) => Some(list.as_slice()),
            _ => None,
        };
        let columns = match list("columns") {
            Some(columns) => columns.iter().filter_map(Column::of_value).collect(),
            None => derived(&schema),
        };
        let indexes = list("indexes").unwrap_or_default();
        let comment = kept.and_then(|kept| text(kept.get("comment")));
        Self {
            columns,
            indexes: indexes.iter().filter_map(Index::of_value).collect(),
            comment: comment.unwrap_or_default().to_owned(),
            collection,
            schema,
        }
    }

    /// The attributes of a schema that say what this table is.
    pub(crate) fn attributes(&self) -> Object {
        let columns = self.columns.iter().map(Column::to_value).collect();
        let indexes = self.indexes.iter().map(Index::to_value).collect();
        let own = Object::from_iter([
            ("columns", Value::Array(columns)),
            ("indexes", Value::Array(indexes)),
            ("comment", self.comment.as_str().into()),
        ]);
        let mut all = self.schema.attributes.clone();
        all.insert(ATTRIBUTES, Value::Object(own));
        all
    }

    /// The column called `name`, whatever its case.
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        let mut columns = self.columns.iter();
        columns.find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// As [`Table::column`].
    pub(crate) fn known_column(&self, name: &str) -> Result<&Column, Failure> {
        self.column(name).ok_or_else(|| Failure::no_column(name))
    }

    /// The index called `name`.
    pub(crate) fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| index.name == name)
    }

    /// The vector field of a column.
    pub(crate) fn field(&self, column: &Column) -> Option<&VectorField> {
        match &column.place {
            Place::Vector(name) => self.schema.vector(name),
            Place::Payload(_) => None,
        }
    }

    /// The operation that makes the collection keep what this table is; it fails with `Conflict`
    /// when somebody else changed it.
    pub(crate) fn keep(&self) -> WriteOp {
        WriteOp::Configure(ConfigChange {
            attributes: Some(self.attributes()),
            derived_from: Some(self.schema.attributes.clone()),
            ..ConfigChange::default()
        })
    }
}

/// Changes the table of the path: `change` alters it and says what else must be done, in one
/// write. It is asked again when somebody else was quicker.
pub(crate) async fn change(
    call: &Call<'_>,
    change: impl Fn(&mut Table) -> Result<Vec<WriteOp>, Failure>,
) -> Result<(), Failure> {
    let mut attempts = 0;
    loop {
        let mut table = Table::of(call).await?;
        let mut operations = change(&mut table)?;
        operations.push(table.keep());
        attempts += 1;
        match request::write(call, &table.collection, operations).await {
            Err(error) if error.kind == ErrorKind::Conflict && attempts < ATTEMPTS_MAX => {}
            other => return Ok(other?),
        }
    }
}

/// The collection whose name differs from that of `wanted` in case only.
async fn cased(call: &Call<'_>, wanted: &CollectionRef) -> Result<CollectionRef, Failure> {
    let asked = Query::ListCollections(wanted.database.clone());
    let names = match request::query(call, asked).await? {
        Reply::Collections(names) => names,
        other => return Err(other.unexpected().into()),
    };
    let same =
        |name: &model::CollectionName| name.as_str().eq_ignore_ascii_case(wanted.name.as_str());
    match names.into_iter().find(same) {
        Some(name) => Ok(CollectionRef {
            database: wanted.database.clone(),
            name,
        }),
        None => Err(Failure::no_table(wanted.name.as_str())),
    }
}

/// The columns of a collection that another dialect made.
fn derived(schema: &Schema) -> Vec<Column> {
    let column = |name: &str, kind, place| Column {
        name: name.to_owned(),
        kind,
        place,
        default: Some(Json::Null),
        constraints: Vec::new(),
        comment: String::new(),
    };
    let vectors = schema.vectors.iter().filter_map(|field| {
        let name = match field.name.as_str() {
            "" => "vector",
            name => name,
        };
        let kind = kind_of(&field.kind)?;
        Some(column(name, kind, Place::Vector(field.name.clone())))
    });
    let payload = schema.indexes.iter().map(|index| {
        let kind = match index.params.kind {
            FieldKind::Keyword | FieldKind::Uuid | FieldKind::Text => Kind::Varchar,
            FieldKind::Integer => Kind::Integer(64),
            FieldKind::Float => Kind::Double,
            FieldKind::Bool => Kind::Bool,
            FieldKind::Datetime => Kind::Timestamp,
            FieldKind::Geo => Kind::Json,
        };
        let path = index.path.clone();
        column(&path.to_string(), kind, Place::Payload(path))
    });
    vectors.chain(payload).collect()
}

fn kind_of(kind: &VectorKind) -> Option<Kind> {
    let rows = |dim: Dim| Rows {
        dim,
        element: Part::Float,
    };
    Some(match kind {
        VectorKind::Dense { dim, .. } => Kind::Vector(rows(*dim)),
        VectorKind::Multi { dim, .. } => Kind::MultiVector(rows(*dim)),
        VectorKind::Binary { dim, .. } => Kind::Vector(Rows {
            dim: *dim,
            element: Part::Bit,
        }),
        VectorKind::Sparse { .. } => Kind::Sparse {
            dim: u64::from(u32::MAX),
            element: Part::Float,
            index: Part::Int64,
        },
    })
}
