//! A collection as a map: the brute-force answer to every write and query, to compare engines
//! with. Slow and short on purpose; it shares no code with the engine.

use std::collections::{BTreeMap, BTreeSet};

use model::filter::Test;
use model::{
    Dim, Element, Error, ErrorKind, FieldPath, Filter, Metric, NamedVectors, Object, Point,
    PointId, Scalar, Schema, Step, Subject, Target, UpsertMode, Value, Vector, VectorKind,
    VectorName, WriteOp,
};

/// A point as the oracle keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct OraclePoint {
    /// Number of the operation that last wrote it.
    pub version: u64,
    /// Its payload.
    pub payload: Object,
    /// Its dense vectors, normalised for cosine.
    pub vectors: BTreeMap<VectorName, Vec<f32>>,
}

/// A collection without any index.
#[derive(Clone, Debug)]
pub struct Oracle {
    schema: Schema,
    operation: u64,
    points: BTreeMap<PointId, OraclePoint>,
    concealed: BTreeMap<PointId, OraclePoint>,
}

impl Oracle {
    /// An empty collection.
    pub fn new(schema: Schema) -> Self {
        Self {
            schema,
            operation: 0,
            points: BTreeMap::new(),
            concealed: BTreeMap::new(),
        }
    }

    /// Number of operations applied.
    pub fn operation(&self) -> u64 {
        self.operation
    }

    /// All points, ascending by id.
    pub fn points(&self) -> &BTreeMap<PointId, OraclePoint> {
        &self.points
    }

    /// Ids of the concealed points, ascending.
    pub fn concealed(&self) -> Vec<PointId> {
        self.concealed.keys().cloned().collect()
    }

    /// The same collection with nothing concealed.
    pub fn unveiled(&self) -> Self {
        let mut all = self.clone();
        all.points.append(&mut all.concealed);
        all
    }

    /// Ids of the points that match, ascending.
    pub fn matching(&self, filter: Option<&Filter>) -> Vec<PointId> {
        let matching = self
            .points
            .iter()
            .filter(|(id, point)| filter.is_none_or(|filter| matches(filter, id, point)));
        matching.map(|(id, _)| id.clone()).collect()
    }

    /// The `k` points most similar to `query`, best first, ties by ascending id; only those that
    /// match and carry the vector. Scores are summed in `f64`.
    ///
    /// # Panics
    /// When the schema has no such field.
    pub fn nearest(
        &self,
        field: &VectorName,
        query: &[f32],
        filter: Option<&Filter>,
        k: usize,
    ) -> Vec<(PointId, f32)> {
        let (_, metric) = dense(self.schema.vector(field).expect("a field").kind);
        let query = prepared(query, metric);
        let mut scored: Vec<(PointId, f32)> = self
            .matching(filter)
            .into_iter()
            .filter_map(|id| {
                let vector = self.points[&id].vectors.get(field)?;
                let score = similarity(metric, &query, vector);
                Some((id, score))
            })
            .collect();
        // Stable: equal scores stay in the order of ids.
        scored.sort_by(|a, b| b.1.total_cmp(&a.1));
        scored.truncate(k);
        scored
    }

    /// Applies `op`, or changes nothing.
    ///
    /// # Errors
    /// `NotFound` for missing points, `Invalid` for vectors that do not fit.
    pub fn apply(&mut self, op: &WriteOp) -> Result<(), Error> {
        let mut next = self.clone();
        next.operation += 1;
        next.write(op)?;
        *self = next;
        Ok(())
    }

    fn write(&mut self, op: &WriteOp) -> Result<(), Error> {
        match op {
            WriteOp::Upsert {
                points,
                mode,
                condition,
            } => self.upsert(points, *mode, condition.as_ref()),
            WriteOp::Delete {
                target: Target::Ids(ids),
            } => {
                for id in ids {
                    self.points.remove(id);
                    self.concealed.remove(id);
                }
                Ok(())
            }
            WriteOp::Delete {
                target: Target::Filter(filter),
            } => {
                self.points.retain(|id, point| !matches(filter, id, point));
                Ok(())
            }
            WriteOp::SetPayload {
                target,
                payload,
                at,
            } => self.edit(target, |point| {
                set(&mut point.payload, at.as_ref(), payload)
            }),
            WriteOp::OverwritePayload { target, payload } => {
                self.edit(target, |point| point.payload = payload.clone())
            }
            WriteOp::DeletePayload { target, paths } => self.edit(target, |point| {
                for path in paths {
                    remove(&mut point.payload, path);
                }
            }),
            WriteOp::ClearPayload { target } => {
                self.edit(target, |point| point.payload = Object::new())
            }
            WriteOp::UpdateVectors { points, condition } => {
                self.update_vectors(points, condition.as_ref())
            }
            WriteOp::DeleteVectors { target, names } => {
                for name in names {
                    self.field(name)?;
                }
                self.edit(target, |point| {
                    point.vectors.retain(|name, _| !names.contains(name))
                })
            }
            WriteOp::Conceal { ids } => {
                shift(ids, &mut self.points, &mut self.concealed);
                Ok(())
            }
            WriteOp::Reveal { ids } => {
                shift(ids, &mut self.concealed, &mut self.points);
                Ok(())
            }
            WriteOp::Purge => {
                self.concealed.clear();
                Ok(())
            }
            WriteOp::AddVector(_)
            | WriteOp::DropVector(_)
            | WriteOp::Attach { .. }
            | WriteOp::Detach { .. } => panic!("it has fixed fields and nothing beside points"),
            WriteOp::CreateIndex(_) | WriteOp::DropIndex(_) | WriteOp::Configure(_) => Ok(()),
        }
    }

    fn upsert(
        &mut self,
        points: &[Point],
        mode: UpsertMode,
        condition: Option<&Filter>,
    ) -> Result<(), Error> {
        let before = self.points.clone();
        for point in points {
            self.prepare(&point.vectors)?;
        }
        let mut seen = BTreeSet::new();
        for point in points {
            let taken = before.contains_key(&point.id) || self.concealed.contains_key(&point.id);
            if mode == UpsertMode::InsertNew && (taken || !seen.insert(&point.id)) {
                return Err(Error::new(
                    ErrorKind::AlreadyExists,
                    Subject::Point(point.id.clone()),
                    "it is not new",
                ));
            }
        }
        for point in points {
            let new = OraclePoint {
                version: self.operation,
                payload: point.payload.clone(),
                vectors: self.prepare(&point.vectors)?,
            };
            let wanted = match (before.get(&point.id), mode) {
                (Some(old), UpsertMode::Upsert | UpsertMode::UpdateOnly) => {
                    condition.is_none_or(|filter| matches(filter, &point.id, old))
                }
                (None, UpsertMode::Upsert | UpsertMode::InsertOnly | UpsertMode::InsertNew) => true,
                (Some(_), UpsertMode::InsertOnly | UpsertMode::InsertNew)
                | (None, UpsertMode::UpdateOnly) => false,
            };
            if wanted {
                self.concealed.remove(&point.id);
                self.points.insert(point.id.clone(), new);
            }
        }
        Ok(())
    }

    fn update_vectors(
        &mut self,
        points: &[(PointId, NamedVectors)],
        condition: Option<&Filter>,
    ) -> Result<(), Error> {
        let before = self.points.clone();
        for (id, vectors) in points {
            let vectors = self.prepare(vectors)?;
            let old = before.get(id).ok_or_else(|| Error::no_point(id))?;
            if condition.is_none_or(|filter| matches(filter, id, old)) {
                let point = self.points.get_mut(id).expect("it was there before");
                point.vectors.extend(vectors);
                point.version = self.operation;
            }
        }
        Ok(())
    }

    fn edit(&mut self, target: &Target, change: impl Fn(&mut OraclePoint)) -> Result<(), Error> {
        let ids: BTreeSet<PointId> = match target {
            Target::Ids(ids) => ids.iter().cloned().collect(),
            Target::Filter(filter) => self.matching(Some(filter)).into_iter().collect(),
        };
        for id in ids {
            let point = self
                .points
                .get_mut(&id)
                .ok_or_else(|| Error::no_point(&id))?;
            change(point);
            point.version = self.operation;
        }
        Ok(())
    }

    fn field(&self, name: &VectorName) -> Result<VectorKind, Error> {
        let field = self.schema.vector(name);
        field
            .map(|field| field.kind)
            .ok_or_else(|| Error::no_vector_field(name.as_str()))
    }

    fn prepare(&self, vectors: &NamedVectors) -> Result<BTreeMap<VectorName, Vec<f32>>, Error> {
        let mut prepared_vectors = BTreeMap::new();
        for (name, vector) in vectors {
            let (dim, metric) = dense(self.field(name)?);
            let Vector::Dense(vector) = vector else {
                return Err(Error::invalid("the field holds dense vectors"));
            };
            if vector.len() != dim.get() {
                return Err(Error::dimension(dim.get() as u32, vector.len()));
            }
            if vector.iter().any(|component| !component.is_finite()) {
                return Err(Error::invalid("a vector must have finite components"));
            }
            prepared_vectors.insert(name.clone(), prepared(vector, metric));
        }
        Ok(prepared_vectors)
    }
}

type Points = BTreeMap<PointId, OraclePoint>;

/// Takes the points with these ids out of `from` and puts them into `to`.
fn shift(ids: &[PointId], from: &mut Points, to: &mut Points) {
    for id in ids {
        let taken = from.remove(id);
        to.extend(taken.map(|point| (id.clone(), point)));
    }
}

fn dense(kind: VectorKind) -> (Dim, Metric) {
    match kind {
        VectorKind::Dense {
            dim,
            metric,
            element: Element::F32,
        } => (dim, metric),
        VectorKind::Dense { .. }
        | VectorKind::Multi { .. }
        | VectorKind::Sparse { .. }
        | VectorKind::Binary { .. } => {
            panic!("the oracle knows dense vectors of floats only")
        }
    }
}

fn prepared(vector: &[f32], metric: Metric) -> Vec<f32> {
    let length: f64 = vector.iter().map(|&x| f64::from(x).powi(2)).sum();
    if metric != Metric::Cosine || length < f64::from(f32::EPSILON) || (length - 1.0).abs() <= 1e-6
    {
        return vector.to_vec();
    }
    vector
        .iter()
        .map(|&x| (f64::from(x) / length.sqrt()) as f32)
        .collect()
}

fn similarity(metric: Metric, a: &[f32], b: &[f32]) -> f32 {
    let pairs = a.iter().zip(b).map(|(&x, &y)| (f64::from(x), f64::from(y)));
    let sum: f64 = match metric {
        Metric::Dot | Metric::Cosine => pairs.map(|(x, y)| x * y).sum(),
        Metric::L2 => -pairs.map(|(x, y)| (x - y).powi(2)).sum::<f64>(),
        Metric::L1 => -pairs.map(|(x, y)| (x - y).abs()).sum::<f64>(),
        Metric::Hamming
        | Metric::Jaccard
        | Metric::Tanimoto
        | Metric::Substructure
        | Metric::Superstructure => panic!("the oracle compares dense vectors"),
    };
    // No negative zero: it would sort below zero.
    sum as f32 + 0.0
}

fn matches(filter: &Filter, id: &PointId, point: &OraclePoint) -> bool {
    let holds = |filter: &Filter| matches(filter, id, point);
    match filter {
        Filter::All(of) => of.iter().all(holds),
        Filter::Any(of) => of.iter().any(holds),
        Filter::Not(inner) => !holds(inner),
        Filter::AtLeast { count, of } => of.iter().filter(|inner| holds(inner)).count() >= *count,
        Filter::Field { path, test } => passes(test, &reach(&point.payload, path)),
        Filter::HasId(ids) => ids.contains(id),
        Filter::HasVector(name) => point.vectors.contains_key(name),
        Filter::Slice { .. } | Filter::Where(_) => panic!("the oracle knows no such filters"),
        Filter::Nested { path, filter } => reach(&point.payload, &path.clone().each())
            .into_iter()
            .any(|value| match value {
                Value::Object(object) => inside(filter, object),
                _ => false,
            }),
    }
}

/// A filter on one object; ids and vectors never match.
fn inside(filter: &Filter, object: &Object) -> bool {
    let holds = |filter: &Filter| inside(filter, object);
    match filter {
        Filter::All(of) => of.iter().all(holds),
        Filter::Any(of) => of.iter().any(holds),
        Filter::Not(inner) => !holds(inner),
        Filter::AtLeast { count, of } => of.iter().filter(|inner| holds(inner)).count() >= *count,
        Filter::Field { path, test } => passes(test, &reach(object, path)),
        Filter::HasId(_) | Filter::HasVector(_) | Filter::Slice { .. } => false,
        Filter::Nested { .. } | Filter::Where(_) => panic!("the oracle nests once"),
    }
}

fn reach<'v>(object: &'v Object, path: &FieldPath) -> Vec<&'v Value> {
    let Some((Step::Key(first), rest)) = path.steps().split_first() else {
        return Vec::new();
    };
    let mut reached: Vec<&Value> = object.get(first).into_iter().collect();
    for step in rest {
        reached = reached
            .into_iter()
            .flat_map(|value| match (step, value) {
                (Step::Key(key), Value::Object(object)) => object.get(key).into_iter().collect(),
                (Step::Each, Value::Array(list)) => list.iter().collect(),
                (Step::At(at), Value::Array(list)) => list.get(*at as usize).into_iter().collect(),
                _ => Vec::new(),
            })
            .collect();
    }
    reached
}

fn passes(test: &Test, reached: &[&Value]) -> bool {
    let leaves: Vec<&Value> = reached
        .iter()
        .flat_map(|&value| match value {
            Value::Array(list) => list.iter().collect(),
            _ => vec![value],
        })
        .collect();
    let any = |pass: &dyn Fn(&Value) -> bool| leaves.iter().any(|value| pass(value));
    let count = |value: &&Value| match value {
        Value::Null => 0,
        Value::Array(list) => list.len() as u64,
        _ => 1,
    };
    match test {
        Test::Equals(scalar) => any(&|value| equals(value, scalar)),
        Test::In(scalars) => any(&|value| scalars.iter().any(|scalar| equals(value, scalar))),
        Test::NotIn(scalars) => any(&|value| {
            *value != Value::Null && !scalars.iter().any(|scalar| equals(value, scalar))
        }),
        Test::Range(range) => any(&|value| match value {
            Value::Int(n) => range.contains(&(*n as f64)),
            Value::UInt(n) => range.contains(&(*n as f64)),
            Value::Float(x) => range.contains(x),
            _ => false,
        }),
        // Under a text index these compare tokens, and the oracle knows no index.
        Test::Text(part) | Test::Phrase(part) | Test::Contains(part) => {
            any(&|v| matches!(v, Value::Str(text) if text.contains(part)))
        }
        Test::TextAny(words) => any(&|value| {
            let has = |word| matches!(value, Value::Str(text) if text.contains(word));
            words.split_whitespace().any(has)
        }),
        Test::Prefix(part) => any(&|v| matches!(v, Value::Str(text) if text.starts_with(part))),
        Test::ValuesCount(range) => match reached {
            [] => range.contains(&0),
            some => some.iter().any(|value| range.contains(&count(value))),
        },
        Test::IsEmpty(wanted) => reached.iter().all(|value| count(value) == 0) == *wanted,
        Test::IsNull(wanted) => any(&|value| *value == Value::Null) == *wanted,
        Test::DateRange(_)
        | Test::GeoBox { .. }
        | Test::GeoRadius { .. }
        | Test::GeoPolygon { .. } => panic!("the oracle knows neither dates nor places"),
    }
}

fn equals(value: &Value, scalar: &Scalar) -> bool {
    match scalar {
        Scalar::Str(text) => matches!(value, Value::Str(other) if other == text),
        Scalar::Int(n) => *value == Value::Int(*n),
        Scalar::Bool(b) => *value == Value::Bool(*b),
    }
}

/// Merges into the root or into an object that a path of keys leads to.
fn set(payload: &mut Object, at: Option<&FieldPath>, patch: &Object) {
    let mut object = payload;
    for step in at.map_or(&[][..], FieldPath::steps) {
        let Step::Key(key) = step else {
            panic!("the oracle sets along keys only");
        };
        if !matches!(object.get(key), Some(Value::Object(_))) {
            object.insert(key.clone(), Value::Object(Object::new()));
        }
        let Some(Value::Object(inner)) = object.get_mut(key) else {
            panic!("an object was just put there");
        };
        object = inner;
    }
    for (name, value) in patch.iter() {
        match value {
            Value::Null => {
                object.remove(name);
            }
            _ => {
                object.insert(name, value.clone());
            }
        }
    }
}

/// Removes the field that a path of keys leads to.
fn remove(payload: &mut Object, path: &FieldPath) {
    let Some((last, before)) = path.steps().split_last() else {
        return;
    };
    let mut object = payload;
    for step in before {
        match step {
            Step::Key(key) => match object.get_mut(key) {
                Some(Value::Object(inner)) => object = inner,
                _ => return,
            },
            Step::Each | Step::At(_) => panic!("the oracle removes along keys only"),
        }
    }
    if let Step::Key(key) = last {
        object.remove(key);
    }
}
