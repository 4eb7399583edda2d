//! Operations that change the schema: payload indexes, vector fields and settings.

use std::sync::Arc;

use model::{
    ConfigChange, Error, ErrorKind, FieldIndex, FieldPath, Schema, Subject, VectorField,
    VectorKind, VectorName,
};

use crate::collection::{Collection, check_schema};

impl Collection {
    /// Declares a payload index. Segments get its column by a job; until then filters read
    /// payloads or derive the column when they want it.
    pub(crate) fn with_index(&self, index: &FieldIndex) -> Result<Self, Error> {
        self.with_schema(|schema| {
            schema.indexes.retain(|other| other.path != index.path);
            let at = schema
                .indexes
                .partition_point(|other| other.path < index.path);
            schema.indexes.insert(at, index.clone());
            Ok(())
        })
    }

    /// Drops a payload index and its columns.
    pub(crate) fn without_index(&self, path: &FieldPath) -> Result<Self, Error> {
        self.with_schema(|schema| {
            schema.indexes.retain(|index| index.path != *path);
            Ok(())
        })
    }

    /// Adds a vector field that no point carries.
    pub(crate) fn with_vector(&self, field: &VectorField) -> Result<Self, Error> {
        let since = self.operation + 1;
        self.with_schema(|schema| {
            if let Some(old) = schema.vector(&field.name) {
                if old.kind == field.kind {
                    return Ok(());
                }
                let name = field.name.as_str();
                return Err(Error::new(
                    ErrorKind::AlreadyExists,
                    Subject::VectorField(name.to_owned()),
                    format!("there is a vector field `{name}` of another kind"),
                ));
            }
            let at = schema
                .vectors
                .partition_point(|other| other.name < field.name);
            let field = field.clone();
            schema.vectors.insert(at, VectorField { since, ..field });
            check_schema(schema)
        })
    }

    /// Drops a vector field, its vectors and graphs.
    pub(crate) fn without_vector(&self, name: &VectorName) -> Result<Self, Error> {
        self.with_schema(|schema| {
            schema.vectors.retain(|field| field.name != *name);
            Ok(())
        })
    }

    /// Changes settings; indexes of other choices, parameters or codes are rebuilt by jobs.
    pub(crate) fn configured(&self, change: &ConfigChange) -> Result<Self, Error> {
        let ConfigChange {
            hnsw,
            quantization,
            segments,
            vectors,
            attributes,
            derived_from,
        } = change;
        if derived_from
            .as_ref()
            .is_some_and(|old| *old != self.schema.attributes)
        {
            let message = "the settings have changed in the meantime";
            return Err(Error::new(ErrorKind::Conflict, Subject::Request, message));
        }
        self.with_schema(|schema| {
            schema.hnsw = hnsw.unwrap_or(schema.hnsw);
            schema.quantization = quantization.unwrap_or(schema.quantization);
            schema.segments = segments.unwrap_or(schema.segments);
            if let Some(attributes) = attributes {
                schema.attributes = attributes.clone();
            }
            for change in vectors {
                let field = schema
                    .vectors
                    .iter_mut()
                    .find(|field| field.name == change.name);
                let field = field.ok_or_else(|| Error::no_vector_field(change.name.as_str()))?;
                field.index = change.index.unwrap_or(field.index);
                field.index_metric = change.index_metric.unwrap_or(field.index_metric);
                field.quantization = change.quantization.unwrap_or(field.quantization);
                field.residency = change.residency.unwrap_or(field.residency);
                if let Some(new) = change.modifier {
                    match &mut field.kind {
                        VectorKind::Sparse { modifier } => *modifier = new,
                        VectorKind::Dense { .. }
                        | VectorKind::Multi { .. }
                        | VectorKind::Binary { .. } => {
                            return Err(Error::invalid("only sparse queries have a modifier"));
                        }
                    }
                }
            }
            check_schema(schema)
        })
    }

    fn with_schema(
        &self,
        change: impl FnOnce(&mut Schema) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let mut schema = Schema::clone(&self.schema);
        change(&mut schema)?;
        let mut new = self.clone();
        for live in new.sealed.iter_mut().chain(&mut new.growing) {
            if let Some(segment) = live.segment.under(&schema)? {
                *live = live.with_segment(segment);
            }
        }
        new.schema = Arc::new(schema);
        new.operation += 1;
        Ok(new)
    }
}
