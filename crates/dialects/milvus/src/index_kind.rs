//! Index types, their parameters, and what of Skerry serves them.
//!
//! | type | served by |
//! |---|---|
//! | `FLAT` | exact scan |
//! | `IVFFLAT` | inverted lists: `nlist` clusters; of bits an exact scan |
//! | `IVFSQ8`, `IVFPQ` | the same over scalar and product codes; the best are compared again |
//! | `HNSW` | graph, with its own parameters |
//! | `RNSG` | graph: `out_degree` links, `candidate_pool_size` candidates while linking |
//! | `ANNOY` | graph: as many links as trees |

use model::{
    ClusterCount, HnswConfig, IndexChoice, IvfConfig, Metric, Object, ProductRatio, Quantization,
    Value,
};

use crate::body::Fields;
use crate::error::{Code, Failure};

/// An index type that this build has. `IVFSQ8H` needs a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IndexKind {
    Flat,
    IvfFlat,
    IvfSq8,
    IvfPq,
    Hnsw,
    Rnsg,
    Annoy,
}

const NAMES: &[(&str, IndexKind)] = &[
    ("FLAT", IndexKind::Flat),
    ("IVFFLAT", IndexKind::IvfFlat),
    ("IVFSQ8", IndexKind::IvfSq8),
    ("IVFPQ", IndexKind::IvfPq),
    ("HNSW", IndexKind::Hnsw),
    ("RNSG", IndexKind::Rnsg),
    ("ANNOY", IndexKind::Annoy),
];

/// A parameter and the values that it may have.
struct Parameter {
    name: &'static str,
    min: i64,
    max: i64,
    required: bool,
}

const fn parameter(name: &'static str, min: i64, max: i64) -> Parameter {
    Parameter {
        name,
        min,
        max,
        required: true,
    }
}

const NLIST: Parameter = parameter("nlist", 1, 65_536);

/// An index as it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Index {
    pub(crate) kind: IndexKind,
    /// As given, all of them integers.
    pub(crate) params: Vec<(String, i64)>,
}

impl IndexKind {
    /// The type called `name`.
    ///
    /// # Errors
    /// 8 when there is none, or none in this build.
    pub(crate) fn parse(name: &str) -> Result<Self, Failure> {
        if name == "IVFSQ8H" {
            let message = "The index type IVFSQ8H is not supported by a CPU build.";
            return Err(Failure::new(Code::IllegalIndexType, message));
        }
        Self::known(name)
            .ok_or_else(|| Failure::new(Code::IllegalIndexType, "The index type is invalid."))
    }

    fn known(name: &str) -> Option<Self> {
        let mut pairs = NAMES.iter();
        pairs
            .find(|(known, _)| *known == name)
            .map(|(_, kind)| *kind)
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        let found = NAMES.iter().find(|(_, kind)| *kind == self);
        found.expect("every type has a name").0
    }

    /// Its name where segments are listed.
    pub(crate) fn segment_name(self) -> &'static str {
        match self {
            Self::Flat => "IDMAP",
            Self::IvfPq => "PQ",
            Self::Rnsg => "NSG",
            Self::IvfFlat | Self::IvfSq8 | Self::Hnsw | Self::Annoy => self.name(),
        }
    }

    fn parameters(self) -> &'static [Parameter] {
        const IVF: &[Parameter] = &[NLIST];
        const PQ: &[Parameter] = &[
            NLIST,
            parameter("m", 1, 32_768),
            Parameter {
                name: "nbits",
                min: 1,
                max: 16,
                required: false,
            },
        ];
        const HNSW: &[Parameter] = &[parameter("M", 4, 64), parameter("efConstruction", 8, 512)];
        const RNSG: &[Parameter] = &[
            parameter("search_length", 10, 300),
            parameter("out_degree", 5, 300),
            parameter("candidate_pool_size", 50, 1000),
            parameter("knng", 5, 300),
        ];
        const ANNOY: &[Parameter] = &[parameter("n_trees", 1, 1024)];
        match self {
            Self::Flat => &[],
            Self::IvfFlat | Self::IvfSq8 => IVF,
            Self::IvfPq => PQ,
            Self::Hnsw => HNSW,
            Self::Rnsg => RNSG,
            Self::Annoy => ANNOY,
        }
    }

    fn search_parameter(self, topk: usize) -> Option<Parameter> {
        match self {
            Self::Flat => None,
            Self::IvfFlat | Self::IvfSq8 | Self::IvfPq => Some(parameter("nprobe", 1, 65_536)),
            Self::Hnsw => {
                // No limit of results is near that of numbers.
                let min = i64::try_from(topk).unwrap_or(i64::MAX);
                Some(parameter("ef", min, 32_768))
            }
            Self::Rnsg => Some(parameter("search_length", 10, 300)),
            Self::Annoy => Some(parameter("search_k", i64::MIN, i64::MAX)),
        }
    }

    /// What is asked of a search in an index of this type: the value of its parameter.
    ///
    /// # Errors
    /// 5 when it is missing or out of bounds.
    pub(crate) fn check_search(self, params: &Fields, topk: usize) -> Result<Option<i64>, Failure> {
        match self.search_parameter(topk) {
            Some(parameter) => parameter.read(params),
            None => Ok(None),
        }
    }
}

impl Parameter {
    fn read(&self, params: &Fields) -> Result<Option<i64>, Failure> {
        let Self { name, min, max, .. } = *self;
        let Some(value) = params.get(name) else {
            if !self.required {
                return Ok(None);
            }
            let message = format!("Parameter list must contain: {name}");
            return Err(Failure::new(Code::IllegalArgument, message));
        };
        let number = value.as_i64().filter(|number| (min..=max).contains(number));
        number.map(Some).ok_or_else(|| {
            let message = format!("Invalid {name} value: {value}. Valid range is [{min}, {max}]");
            Failure::new(Code::IllegalArgument, message)
        })
    }
}

impl Index {
    /// The exact scan, which needs no index.
    pub(crate) fn flat() -> Self {
        Self {
            kind: IndexKind::Flat,
            params: Vec::new(),
        }
    }

    /// The index of these type and parameters over vectors of `dim` components or bits.
    ///
    /// # Errors
    /// 8 for the type, 5 for a parameter, 7 when `m` does not divide the dimension.
    pub(crate) fn check(
        kind: IndexKind,
        params: &Fields,
        dim: usize,
        metric: Metric,
    ) -> Result<Self, Failure> {
        if metric.is_binary() && ![IndexKind::Flat, IndexKind::IvfFlat].contains(&kind) {
            let message = format!(
                "The index type {} is not supported by metrics of bits.",
                kind.name()
            );
            return Err(Failure::new(Code::IllegalIndexType, message));
        }
        let known = kind.parameters();
        let mut read = Vec::new();
        for parameter in known {
            if let Some(value) = parameter.read(params)? {
                read.push((parameter.name.to_owned(), value));
            }
        }
        // Milvus lets others pass and gives them back.
        for (name, value) in params {
            if known.iter().any(|parameter| parameter.name == *name) {
                continue;
            }
            let Some(value) = value.as_i64() else {
                let message = format!("Invalid {name} value: {value}. It must be an integer");
                return Err(Failure::new(Code::IllegalArgument, message));
            };
            read.push((name.clone(), value));
        }
        let index = Self { kind, params: read };
        if kind == IndexKind::IvfPq
            && let Some(m) = index.get("m")
            && dim as i64 % m != 0
        {
            let message = format!("Invalid m value: {m}. It must divide the dimension {dim}");
            return Err(Failure::new(Code::IllegalDimension, message));
        }
        Ok(index)
    }

    /// The parameter `name`.
    pub(crate) fn get(&self, name: &str) -> Option<i64> {
        let mut pairs = self.params.iter();
        pairs
            .find(|(known, _)| known == name)
            .map(|(_, value)| *value)
    }

    /// The parameters as JSON.
    pub(crate) fn shown(&self) -> Fields {
        let pairs = self.params.iter();
        pairs
            .map(|(name, value)| (name.clone(), (*value).into()))
            .collect()
    }

    /// As it is kept.
    pub(crate) fn to_value(&self) -> Value {
        let pairs = self.params.iter();
        let params: Object = pairs
            .map(|(name, value)| (name.as_str(), Value::Int(*value)))
            .collect();
        let fields = [
            ("type", Value::from(self.kind.name())),
            ("params", Value::Object(params)),
        ];
        Value::Object(fields.into_iter().collect())
    }

    /// What [`Self::to_value`] made; `None` when it is something else.
    pub(crate) fn of_value(value: &Value) -> Option<Self> {
        let Value::Object(fields) = value else {
            return None;
        };
        let (Some(Value::Str(name)), Some(Value::Object(params))) =
            (fields.get("type"), fields.get("params"))
        else {
            return None;
        };
        let params = params.iter().map(|(name, value)| match value {
            Value::Int(number) => Some((name.to_owned(), *number)),
            _ => None,
        });
        Some(Self {
            kind: IndexKind::known(name)?,
            params: params.collect::<Option<_>>()?,
        })
    }

    /// The engine's index that serves it.
    pub(crate) fn choice(&self, metric: Metric) -> IndexChoice {
        let default = HnswConfig::default();
        let links = |n: u32| u16::try_from(n).unwrap_or(u16::MAX).max(2);
        let graph = match self.kind {
            IndexKind::Flat => return IndexChoice::Exact,
            IndexKind::IvfFlat if metric.is_binary() => return IndexChoice::Exact,
            IndexKind::IvfFlat | IndexKind::IvfSq8 | IndexKind::IvfPq => {
                let clusters = ClusterCount::Fixed(self.count("nlist").max(1));
                return IndexChoice::Ivf(IvfConfig { clusters });
            }
            IndexKind::Hnsw => HnswConfig {
                m: links(self.count("M")),
                ef_construct: self.count("efConstruction").max(8),
                ..default
            },
            // The lowest layer has twice as many links as `m`, and its degree is what counts.
            IndexKind::Rnsg => HnswConfig {
                m: links(self.count("out_degree").div_ceil(2)),
                ef_construct: self
                    .count("candidate_pool_size")
                    .max(self.count("knng"))
                    .max(8),
                ..default
            },
            IndexKind::Annoy => {
                let m = self.count("n_trees").clamp(4, 64);
                HnswConfig {
                    m: links(m),
                    ef_construct: default.ef_construct.max(2 * m),
                    ..default
                }
            }
        };
        IndexChoice::Graph(graph)
    }

    /// The codes by which rows of `dim` components are compared first.
    pub(crate) fn codes(&self, dim: usize) -> Option<Quantization> {
        match self.kind {
            IndexKind::IvfSq8 => Some(Quantization::Scalar { quantile: None }),
            IndexKind::IvfPq => {
                // So many bits were asked for; the engine has fixed numbers of components a byte.
                let bits =
                    self.count("m").max(1) * self.get("nbits").map_or(8, |_| self.count("nbits"));
                let components = 8 * dim / (bits as usize).max(1);
                Some(Quantization::Product(ProductRatio::of_components_per_byte(
                    components,
                )))
            }
            IndexKind::Flat
            | IndexKind::IvfFlat
            | IndexKind::Hnsw
            | IndexKind::Rnsg
            | IndexKind::Annoy => None,
        }
    }

    /// A parameter that was checked against bounds that fit; only damaged attributes do not.
    fn count(&self, name: &str) -> u32 {
        u32::try_from(self.get(name).unwrap_or(0)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(kind: &str, params: serde_json::Value) -> Result<Index, Failure> {
        let serde_json::Value::Object(params) = params else {
            panic!("parameters are an object");
        };
        Index::check(IndexKind::parse(kind)?, &params, 64, Metric::L2)
    }

    fn graph(index: &Index) -> (u16, u32) {
        match index.choice(Metric::L2) {
            IndexChoice::Graph(graph) => (graph.m, graph.ef_construct),
            other => panic!("{other:?} is no graph"),
        }
    }

    #[test]
    fn parameters_have_bounds() {
        let rnsg = |search_length: i64| {
            json!({"search_length": search_length, "out_degree": 50,
                   "candidate_pool_size": 300, "knng": 100})
        };
        for (kind, good, bad) in [
            ("IVFFLAT", json!({"nlist": 65536}), json!({"nlist": 65537})),
            ("IVFSQ8", json!({"nlist": 1}), json!({"nlist": 0})),
            ("IVFPQ", json!({"nlist": 10, "m": 16}), json!({"nlist": 10})),
            (
                "IVFPQ",
                json!({"nlist": 1, "m": 1, "nbits": 16}),
                json!({"nlist": 1, "m": 1, "nbits": 17}),
            ),
            (
                "HNSW",
                json!({"M": 4, "efConstruction": 512}),
                json!({"M": 3, "efConstruction": 512}),
            ),
            ("RNSG", rnsg(10), rnsg(9)),
            ("ANNOY", json!({"n_trees": 1024}), json!({"n_trees": "8"})),
            ("FLAT", json!({"nlist": 5}), json!({"nlist": "5"})),
        ] {
            assert!(check(kind, good.clone()).is_ok(), "{kind} {good}");
            let failure = check(kind, bad.clone()).unwrap_err();
            assert_eq!(failure.code, Code::IllegalArgument, "{kind} {bad}");
        }
        let failure = check("IVFPQ", json!({"nlist": 10, "m": 7})).unwrap_err();
        assert_eq!(failure.code, Code::IllegalDimension);
        for unknown in ["J46", "IVFSQ8H", "flat", ""] {
            let failure = check(unknown, json!({})).unwrap_err();
            assert_eq!(failure.code, Code::IllegalIndexType, "{unknown}");
        }
    }

    #[test]
    fn parameters_of_other_types_are_kept_and_mean_nothing() {
        let index = check("HNSW", json!({"M": 4, "efConstruction": 8, "m": 0})).unwrap();
        assert_eq!(index.get("m"), Some(0));
        assert_eq!(graph(&index), (4, 8));
    }

    #[test]
    fn bits_have_two_index_types() {
        for (name, kind) in NAMES {
            let params = json!({"nlist": 5});
            let params = if *kind == IndexKind::IvfFlat {
                params
            } else {
                json!({})
            };
            let params = params.as_object().unwrap();
            let checked = Index::check(*kind, params, 64, Metric::Jaccard);
            assert_eq!(
                checked.is_ok(),
                ["FLAT", "IVFFLAT"].contains(name),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_kept_comes_back() {
        let index = check("HNSW", json!({"M": 16, "efConstruction": 200})).unwrap();
        assert_eq!(Index::of_value(&index.to_value()), Some(index.clone()));
        assert_eq!(graph(&index), (16, 200));
        assert_eq!(Index::of_value(&Value::Null), None);
        assert_eq!(Index::flat().choice(Metric::L2), IndexChoice::Exact);
    }

    #[test]
    fn lists_are_lists_and_codes_are_codes() {
        let index = check("IVFFLAT", json!({"nlist": 9})).unwrap();
        let clusters = ClusterCount::Fixed(9);
        let lists = IndexChoice::Ivf(IvfConfig { clusters });
        assert_eq!((index.choice(Metric::L2), index.codes(64)), (lists, None));
        assert_eq!(index.choice(Metric::Hamming), IndexChoice::Exact);
        let index = check("IVFSQ8", json!({"nlist": 9})).unwrap();
        assert_eq!(index.choice(Metric::Dot), lists);
        assert!(matches!(index.codes(64), Some(Quantization::Scalar { .. })));
        for (params, ratio) in [
            (json!({"nlist": 9, "m": 64}), ProductRatio::X4),
            (json!({"nlist": 9, "m": 16}), ProductRatio::X16),
            (json!({"nlist": 9, "m": 16, "nbits": 4}), ProductRatio::X32),
        ] {
            let index = check("IVFPQ", params).unwrap();
            assert_eq!(index.codes(64), Some(Quantization::Product(ratio)));
        }
    }

    #[test]
    fn searches_need_their_parameter() {
        let params = |json: serde_json::Value| json.as_object().unwrap().clone();
        let hnsw = IndexKind::Hnsw;
        assert_eq!(
            hnsw.check_search(&params(json!({"ef": 64})), 10).unwrap(),
            Some(64)
        );
        assert!(hnsw.check_search(&params(json!({"ef": 9})), 10).is_err());
        assert!(
            IndexKind::IvfPq
                .check_search(&params(json!({})), 10)
                .is_err()
        );
        assert_eq!(
            IndexKind::Flat
                .check_search(&params(json!({})), 10)
                .unwrap(),
            None
        );
        let any = params(json!({"search_k": -1}));
        assert_eq!(IndexKind::Annoy.check_search(&any, 10).unwrap(), Some(-1));
    }
}
