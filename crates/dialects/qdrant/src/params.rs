//! `params`: speed against recall.

use model::{CodeUse, SearchParams};
use serde::Deserialize;

use crate::error::Failure;
use crate::filter::WireFilter;
use crate::request::BODY;

/// Parameters of a search.
#[derive(Deserialize, Default)]
pub(crate) struct WireParams {
    hnsw_ef: Option<u32>,
    #[serde(default)]
    exact: bool,
    quantization: Option<WireQuantization>,
    #[serde(default)]
    indexed_only: bool,
    acorn: Option<WireAcorn>,
    idf: Option<WireIdf>,
}

/// Whose vectors are counted for the weights of a sparse query.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum IdfParams"
)]
enum WireIdf {
    Named(WireScope),
    Corpus { corpus: WireFilter },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireScope {
    Global,
}

/// How the codes of quantised vectors are used.
#[derive(Deserialize, Clone, Copy, Default)]
struct WireQuantization {
    #[serde(default)]
    ignore: bool,
    rescore: Option<bool>,
    oversampling: Option<f64>,
}

/// A way of walking the graph under a filter; ours needs no choice.
#[derive(Deserialize)]
struct WireAcorn {
    #[serde(default, rename = "enable")]
    _enable: bool,
    max_selectivity: Option<f64>,
}

/// Decoded parameters.
pub(crate) struct Params {
    pub(crate) search: SearchParams,
    /// Only held to the limit of the collection.
    pub(crate) oversampling: Option<f64>,
}

impl WireParams {
    /// `at` is the path of the parameters in the body, for validation errors.
    pub(crate) fn decode(self, at: &str) -> Result<Params, Failure> {
        let invalid = |field: &str, value: &dyn core::fmt::Display, bounds: &str| {
            let text = format!("value {value} invalid, must be {bounds}");
            Err(Failure::validation(
                BODY,
                format_args!("{at}.{field}"),
                text,
            ))
        };
        if self.hnsw_ef == Some(0) {
            return invalid("hnsw_ef", &0, "1 or larger");
        }
        let WireQuantization {
            ignore,
            rescore,
            oversampling,
        } = self.quantization.unwrap_or_default();
        if let Some(factor) = oversampling
            && factor < 1.0
        {
            return invalid("quantization.oversampling", &factor, "1.0 or larger");
        }
        if let Some(share) = self.acorn.and_then(|acorn| acorn.max_selectivity)
            && !(0.0..=1.0).contains(&share)
        {
            return invalid("acorn.max_selectivity", &share, "from 0.0 to 1.0");
        }
        let idf_corpus = match self.idf {
            None | Some(WireIdf::Named(WireScope::Global)) => None,
            Some(WireIdf::Corpus { corpus }) => Some(corpus.decode("corpus")?),
        };
        let search = SearchParams {
            ef: self.hnsw_ef,
            nprobe: None,
            exact: self.exact,
            indexed_only: self.indexed_only,
            codes: CodeUse {
                ignore,
                rescore,
                oversampling,
            },
            idf_corpus,
            metric: None,
        };
        Ok(Params {
            search,
            oversampling,
        })
    }
}
