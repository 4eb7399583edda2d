//! A collection as this dialect sees it: its vector fields, and what is kept of its index modes.
//!
//! The primary vector, which requests call `default`, is the unnamed field, or the first dense one
//! where another dialect made the collection. It is stored as it came, under the inner product,
//! and compared by whatever metric the index mode names. What the model has no place for (the
//! description, names of index modes) is in the attributes of the schema.

use std::sync::Arc;

use gateway::Call;
use model::{
    CollectionRef, ConfigChange, Dim, Element, HnswConfig, IndexChoice, Metric, Modifier, Object,
    Query, Reply, Schema, Value, VectorField, VectorKind, VectorName, WriteOp,
};

use crate::error::Failure;
use crate::mode::{Mode, flat_name};
use crate::request::{At, ask, write};

/// How requests call the primary vector.
pub(crate) const PRIMARY: &str = "default";

/// The field of the sparse vectors; no vector field of this dialect can have that name.
const SPARSE: &str = ".sparse";

/// Where this dialect keeps what is its own.
pub(crate) const DIALECT: &str = "lynse";

/// Attempts to change attributes that others change at the same time.
const ATTEMPTS: usize = 16;

/// A collection at one moment.
pub(crate) struct Seen {
    pub(crate) collection: CollectionRef,
    pub(crate) schema: Arc<Schema>,
}

/// A dense field and how it is compared.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: VectorName,
    pub(crate) dim: usize,
    pub(crate) element: Element,
    /// The metric that it is stored for.
    pub(crate) stored: Metric,
    /// The index mode in the words of whoever asked for it; `None`: none was.
    pub(crate) mode_name: Option<String>,
    pub(crate) mode: Option<Mode>,
}

impl Field {
    /// How it is compared.
    pub(crate) fn metric(&self) -> Metric {
        self.mode.map_or(self.stored, |mode| mode.metric)
    }

    /// The mode, or the one that an unindexed field has.
    pub(crate) fn shown_mode(&self) -> &str {
        let usual = flat_name(self.stored);
        self.mode_name.as_deref().unwrap_or(usual)
    }

    /// How the type of its components is called.
    pub(crate) fn dtypes(&self) -> &'static str {
        dtypes(self.element)
    }
}

/// How a type of components is called.
pub(crate) fn dtypes(element: Element) -> &'static str {
    match element {
        Element::F32 => "float32",
        Element::F16 => "float16",
        Element::U8 => "uint8",
    }
}

impl Seen {
    /// The collection that a request is about.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn open(call: &Call<'_>, at: &At) -> Result<Self, Failure> {
        Self::read(call, at.collection()?).await
    }

    /// As [`Seen::open`].
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn read(call: &Call<'_>, collection: CollectionRef) -> Result<Self, Failure> {
        match ask(call, Query::ReadSchema(collection.clone())).await? {
            Reply::Schema(schema) => Ok(Self { collection, schema }),
            other => Err(other.unexpected().into()),
        }
    }

    /// The primary field, if the collection has one already.
    pub(crate) fn primary(&self) -> Option<Field> {
        let fields = self.schema.vectors.iter();
        let mut dense = fields.filter_map(|field| self.dense(field));
        let unnamed = self.schema.vector(&VectorName::default());
        let unnamed = unnamed.and_then(|field| self.dense(field));
        unnamed.or_else(|| dense.next())
    }

    /// As [`Seen::primary`].
    ///
    /// # Errors
    /// When nothing was written yet that says its dimension.
    pub(crate) fn must_primary(&self) -> Result<Field, Failure> {
        self.primary().ok_or_else(|| {
            Failure::argument("the collection has no vectors, and no dimension was given for them")
        })
    }

    /// The field that requests call `name`.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn field(&self, name: &str) -> Result<Field, Failure> {
        if name == PRIMARY {
            return self.must_primary();
        }
        let found = VectorName::new(name)
            .ok()
            .and_then(|name| self.dense(self.schema.vector(&name)?));
        found.ok_or_else(|| Failure::argument(format_args!("vector field '{name}' does not exist")))
    }

    /// The named fields, ascending.
    pub(crate) fn named(&self) -> Vec<Field> {
        let primary = self.primary().map(|field| field.name);
        let fields = self.schema.vectors.iter();
        fields
            .filter(|field| Some(&field.name) != primary.as_ref())
            .filter_map(|field| self.dense(field))
            .collect()
    }

    fn dense(&self, field: &VectorField) -> Option<Field> {
        let VectorKind::Dense {
            dim,
            metric,
            element,
        } = field.kind
        else {
            return None;
        };
        let mode_name = self.mode_name(&field.name).map(str::to_owned);
        Some(Field {
            name: field.name.clone(),
            dim: dim.get(),
            element,
            stored: metric,
            mode: mode_name.as_deref().and_then(Mode::parse),
            mode_name,
        })
    }

    fn own(&self) -> Option<&Object> {
        match self.schema.attributes.get(DIALECT)? {
            Value::Object(own) => Some(own),
            _ => None,
        }
    }

    fn mode_name(&self, field: &VectorName) -> Option<&str> {
        match self.own()?.get("modes")? {
            Value::Object(modes) => text(modes.get(field.as_str())?),
            _ => None,
        }
    }

    /// What the collection is about, in the words of whoever made it.
    pub(crate) fn description(&self) -> Option<&str> {
        text(self.own()?.get("description")?)
    }

    /// The field of the sparse vectors, if there is one.
    pub(crate) fn sparse(&self) -> Option<VectorName> {
        let name = sparse_name();
        let field = self.schema.vector(&name)?;
        matches!(field.kind, VectorKind::Sparse { .. }).then_some(name)
    }

    /// Whether points can have vectors besides the primary one.
    pub(crate) fn has_more_fields(&self) -> bool {
        self.schema.vectors.len() > 1
    }

    /// Changes what this dialect keeps, and `settings` in the same step, however often others
    /// change something meanwhile.
    ///
    /// # Errors
    /// Those of the write.
    pub(crate) async fn keep(
        mut self,
        call: &Call<'_>,
        settings: impl Fn(&Self) -> Vec<WriteOp>,
        change: impl Fn(&mut Object),
    ) -> Result<Self, Failure> {
        let mut left = ATTEMPTS;
        loop {
            let mut own = self.own().cloned().unwrap_or_default();
            change(&mut own);
            let mut attributes = self.schema.attributes.clone();
            attributes.insert(DIALECT, Value::Object(own));
            let configure = WriteOp::Configure(ConfigChange {
                attributes: Some(attributes),
                derived_from: Some(self.schema.attributes.clone()),
                ..ConfigChange::default()
            });
            let mut operations = settings(&self);
            operations.push(configure);
            let written = write(call, &self.collection, operations).await;
            left -= 1;
            self = Self::read(call, self.collection).await?;
            match written {
                Err(failure) if failure.is_taken() && left > 0 => {}
                Err(failure) => return Err(failure),
                Ok(()) => return Ok(self),
            }
        }
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Str(text) => Some(text),
        _ => None,
    }
}

/// Notes the index mode of a field, or that it has none.
pub(crate) fn set_mode(own: &mut Object, field: &VectorName, mode: Option<&str>) {
    let mut modes = match own.get("modes") {
        Some(Value::Object(modes)) => modes.clone(),
        Some(_) | None => Object::new(),
    };
    match mode {
        Some(mode) => {
            modes.insert(field.as_str(), Value::from(mode));
        }
        None => {
            modes.remove(field.as_str());
        }
    }
    own.insert("modes", Value::Object(modes));
}

/// Notes the description, or that there is none.
pub(crate) fn set_description(own: &mut Object, description: Option<&str>) {
    match description {
        Some(description) => {
            own.insert("description", Value::from(description));
        }
        None => {
            own.remove("description");
        }
    }
}

/// Rows are compared one by one until an index is asked for.
pub(crate) fn no_graph() -> HnswConfig {
    HnswConfig {
        m: 0,
        ..HnswConfig::default()
    }
}

/// A dense field that no index is built of yet.
///
/// # Errors
/// When the dimension cannot be one.
pub(crate) fn dense_field(
    name: VectorName,
    dim: u64,
    metric: Metric,
    element: Element,
) -> Result<VectorField, Failure> {
    Ok(VectorField {
        name,
        since: 0,
        kind: VectorKind::Dense {
            dim: Dim::new(dim)?,
            metric,
            element,
        },
        index: Some(IndexChoice::Exact),
        index_metric: None,
        quantization: None,
        residency: Default::default(),
    })
}

fn sparse_name() -> VectorName {
    // It is short, which is all that is asked of a name.
    VectorName::new(SPARSE).unwrap_or_default()
}

/// The field of the sparse vectors, to be added.
pub(crate) fn sparse_field() -> VectorField {
    VectorField {
        name: sparse_name(),
        since: 0,
        kind: VectorKind::Sparse {
            modifier: Modifier::None,
        },
        index: None,
        index_metric: None,
        quantization: None,
        residency: Default::default(),
    }
}
