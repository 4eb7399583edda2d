//! What the engine serves the indexes of a column of vectors by.

use model::{
    ClusterCount, CodeBits, HnswConfig, IndexChoice, IvfConfig, Metric, PostingsConfig,
    ProductRatio, Quantization, QueryBits,
};

use crate::kinds::Kind;
use crate::table::Index;

/// What serves an index on a column of vectors.
pub(crate) struct Served {
    pub(crate) index: IndexChoice,
    pub(crate) codes: Option<Quantization>,
    /// What it is built for; `None`: as the field is compared.
    pub(crate) metric: Option<Metric>,
}

/// What serves an index on a column of vectors of this kind; `None` where nothing is built.
pub(crate) fn served(index: &Index, kind: &Kind) -> Option<Served> {
    let metric = index.parameter("metric").map(str::to_ascii_lowercase);
    let metric = match metric.as_deref() {
        Some("l2") => Some(Metric::L2),
        Some("ip") => Some(Metric::Dot),
        Some("cos" | "cosine") => Some(Metric::Cosine),
        Some(_) | None => None,
    };
    let of_floats = |index, codes| Served {
        index,
        codes,
        metric,
    };
    let number = |name: &str| {
        index
            .parameter(name)
            .and_then(|text| text.parse::<u32>().ok())
    };
    let graph = |m: u32, ef: u32| {
        IndexChoice::Graph(HnswConfig {
            // As many as a graph of ours may have; more were refused.
            m: m.min(1024) as u16,
            ef_construct: ef,
            ..HnswConfig::default()
        })
    };
    match (index.kind.as_str(), kind) {
        ("hnsw", Kind::Vector(_)) => {
            let m = number("m").unwrap_or(16);
            let ef = number("ef_construction").unwrap_or(200);
            Some(of_floats(graph(m, ef), codes(index.parameter("encode"))))
        }
        // The degree of Vamana is that of all links; ours has twice `m` where rows are many.
        ("diskann", Kind::Vector(_)) => {
            let m = number("r").unwrap_or(32).div_ceil(2).max(2);
            Some(of_floats(graph(m, number("l").unwrap_or(200)), None))
        }
        ("ivf", Kind::Vector(rows)) => {
            let ratio = index.parameter("centroids_num_ratio");
            let ratio = ratio.and_then(|text| text.parse().ok()).unwrap_or(1.0);
            let lists = IndexChoice::Ivf(IvfConfig {
                clusters: ClusterCount::PerRoot(ratio),
            });
            Some(of_floats(lists, ivf_codes(index, rows.dim.get())))
        }
        ("bmp", Kind::Sparse { .. }) => Some(Served {
            index: IndexChoice::Postings(PostingsConfig::default()),
            codes: None,
            metric: None,
        }),
        _ => None,
    }
}

/// The codes that `encode` of HNSW asks for.
fn codes(encode: Option<&str>) -> Option<Quantization> {
    match encode.map(str::to_ascii_lowercase).as_deref() {
        Some("lvq") => Some(Quantization::Scalar { quantile: None }),
        Some("rabitq") => Some(Quantization::Rotated {
            bits: CodeBits::One,
        }),
        _ => None,
    }
}

fn ivf_codes(index: &Index, dim: usize) -> Option<Quantization> {
    let number = |name: &str| {
        index
            .parameter(name)
            .and_then(|text| text.parse::<usize>().ok())
    };
    match index
        .parameter("storage_type")?
        .to_ascii_lowercase()
        .as_str()
    {
        "scalar_quantization" => match number("scalar_quantization_bits") {
            Some(4) => Some(Quantization::Binary {
                bits: CodeBits::Four,
                query: QueryBits::Auto,
            }),
            _ => Some(Quantization::Scalar { quantile: None }),
        },
        "product_quantization" => {
            let parts = number("product_quantization_subspace_num").unwrap_or(1);
            let ratio = ProductRatio::of_components_per_byte(dim / parts.max(1));
            Some(Quantization::Product(ratio))
        }
        _ => None,
    }
}
