//! Names of index modes, and what stands behind each.
//!
//! `FLAT`, `HNSW`, `DISKANN` and `IVF`, in any case, followed by a metric (`-IP`, `-L2`, `-COS`,
//! `-COSINE`; inner product when there is none) and `-SQ8`; `FLAT` and `IVF` by `-JACCARD` or
//! `-HAMMING` and `-BINARY`; `FLAT` and a metric by `-PQ`, `-RABITQ` or `-POLARVEC`, with a number.

use model::{CodeBits, Metric, ProductRatio, Quantization};

/// What kind of index a mode wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Every row is compared.
    Flat,
    /// A graph.
    Hnsw,
    /// A graph meant for rows on disk.
    DiskAnn,
    /// Rows by the nearest of some centroids.
    Ivf,
}

/// How rows are shortened before the best are compared again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codes {
    /// A byte per component.
    Sq8,
    /// A byte per group of components.
    Pq(u32),
    /// A bit per component of rotated rows.
    RaBitQ,
    /// Some bits per component of rotated rows.
    PolarVec(u32),
}

/// An index mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) family: Family,
    pub(crate) metric: Metric,
    pub(crate) codes: Option<Codes>,
}

impl Mode {
    /// The mode of that name; `None` when there is none.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let upper = name.to_ascii_uppercase();
        let mut parts = upper.split('-');
        let family = match parts.next()? {
            "FLAT" => Family::Flat,
            "HNSW" => Family::Hnsw,
            "DISKANN" => Family::DiskAnn,
            "IVF" => Family::Ivf,
            _ => return None,
        };
        let parts: Vec<&str> = parts.collect();
        let (metric, rest) = match parts.split_first() {
            Some((first, rest)) => match *first {
                "IP" => (Metric::Dot, rest),
                "L2" => (Metric::L2, rest),
                "COS" | "COSINE" => (Metric::Cosine, rest),
                "JACCARD" => (Metric::Jaccard, rest),
                "HAMMING" => (Metric::Hamming, rest),
                _ => (Metric::Dot, &parts[..]),
            },
            None => (Metric::Dot, &parts[..]),
        };
        let on_bits = metric.is_binary();
        let codes = match rest {
            [] => None,
            ["BINARY"] if on_bits => None,
            ["SQ8"] if !on_bits => Some(Codes::Sq8),
            [codes] if family == Family::Flat && !on_bits => Some(two_pass(codes)?),
            _ => return None,
        };
        if on_bits && !matches!(family, Family::Flat | Family::Ivf) {
            return None;
        }
        Some(Self {
            family,
            metric,
            codes,
        })
    }

    /// Whether scores may be rounded to a multiple of `eps` when a caller asks for it.
    pub(crate) fn rounds(self) -> bool {
        self.family == Family::Flat && self.codes.is_none() && !self.metric.is_binary()
    }

    /// Whether anything but comparing every row is wanted.
    pub(crate) fn is_indexed(self) -> bool {
        self.family != Family::Flat
            || matches!(
                self.codes,
                Some(Codes::Pq(_) | Codes::RaBitQ | Codes::PolarVec(_))
            )
    }

    /// The engine's codes for it, of vectors of `dim` components.
    pub(crate) fn quantization(self, dim: usize) -> Option<Quantization> {
        Some(match self.codes? {
            Codes::Sq8 => Quantization::Scalar { quantile: None },
            Codes::Pq(parts) => {
                // So many bytes per row were asked for; the engine has fixed sizes of groups.
                let wanted = if parts == 0 { 8 } else { dim / parts as usize };
                Quantization::Product(ProductRatio::of_components_per_byte(wanted))
            }
            Codes::RaBitQ => Quantization::Rotated {
                bits: CodeBits::One,
            },
            Codes::PolarVec(bits) => Quantization::Rotated {
                bits: match bits {
                    1 => CodeBits::One,
                    2 => CodeBits::Two,
                    _ => CodeBits::Four,
                },
            },
        })
    }

    /// How a profile calls the way that a search took.
    pub(crate) fn path(self, filtered: bool) -> &'static str {
        match self.codes {
            Some(Codes::Pq(_)) => "pq_two_pass",
            Some(Codes::RaBitQ) => "rabitq_two_pass",
            Some(Codes::PolarVec(_)) => "polarvec_two_pass",
            Some(Codes::Sq8) | None => match (self.family, filtered) {
                (Family::Flat, true) => "flat_mmap_filtered",
                (Family::Flat, false) => "flat_mmap",
                (Family::Hnsw | Family::DiskAnn | Family::Ivf, _) => "ann_index",
            },
        }
    }
}

fn two_pass(name: &str) -> Option<Codes> {
    let number = |rest: &str| match rest {
        "" => Some(0),
        digits => digits.parse::<u32>().ok().filter(|n| *n > 0),
    };
    if name == "RABITQ" {
        return Some(Codes::RaBitQ);
    }
    if let Some(rest) = name.strip_prefix("POLARVEC") {
        return number(rest).filter(|bits| *bits <= 8).map(Codes::PolarVec);
    }
    name.strip_prefix("PQ").and_then(number).map(Codes::Pq)
}

/// The metric of that name in `create_vector_field`.
pub(crate) fn metric_named(name: &str) -> Option<Metric> {
    Some(match name.to_ascii_lowercase().as_str() {
        "ip" | "inner_product" | "inner" | "dot" => Metric::Dot,
        "l2" | "l2sq" | "l2_squared" | "euclidean" => Metric::L2,
        "cosine" | "cos" | "cosine_distance" => Metric::Cosine,
        "hamming" => Metric::Hamming,
        "jaccard" => Metric::Jaccard,
        _ => return None,
    })
}

/// How a metric is reported.
pub(crate) fn metric_name(metric: Metric) -> &'static str {
    match metric {
        Metric::Dot => "ip",
        Metric::L2 => "l2",
        Metric::Cosine => "cosine",
        Metric::Hamming => "hamming",
        Metric::Jaccard => "jaccard",
        Metric::L1 => "l1",
        Metric::Tanimoto => "tanimoto",
        Metric::Substructure => "substructure",
        Metric::Superstructure => "superstructure",
    }
}

/// The name of the mode in which every row is compared by `metric`.
pub(crate) fn flat_name(metric: Metric) -> &'static str {
    match metric {
        Metric::L2 => "FLAT-L2",
        Metric::Cosine => "FLAT-COS",
        Metric::Hamming => "FLAT-HAMMING",
        Metric::Jaccard => "FLAT-JACCARD",
        Metric::Dot
        | Metric::L1
        | Metric::Tanimoto
        | Metric::Substructure
        | Metric::Superstructure => "FLAT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(family: Family, metric: Metric, codes: Option<Codes>) -> Option<Mode> {
        Some(Mode {
            family,
            metric,
            codes,
        })
    }

    #[test]
    fn names_say_index_metric_and_codes() {
        for (name, expected) in [
            ("FLAT", mode(Family::Flat, Metric::Dot, None)),
            ("flat-cosine", mode(Family::Flat, Metric::Cosine, None)),
            ("HNSW-L2", mode(Family::Hnsw, Metric::L2, None)),
            (
                "diskann-cos-sq8",
                mode(Family::DiskAnn, Metric::Cosine, Some(Codes::Sq8)),
            ),
            ("IVF-SQ8", mode(Family::Ivf, Metric::Dot, Some(Codes::Sq8))),
            (
                "IVF-JACCARD-BINARY",
                mode(Family::Ivf, Metric::Jaccard, None),
            ),
            ("FLAT-HAMMING", mode(Family::Flat, Metric::Hamming, None)),
            (
                "FLAT-L2-PQ16",
                mode(Family::Flat, Metric::L2, Some(Codes::Pq(16))),
            ),
            (
                "FLAT-IP-RABITQ",
                mode(Family::Flat, Metric::Dot, Some(Codes::RaBitQ)),
            ),
            (
                "flat-cos-polarvec4",
                mode(Family::Flat, Metric::Cosine, Some(Codes::PolarVec(4))),
            ),
        ] {
            assert_eq!(Mode::parse(name), expected, "{name}");
        }
    }

    #[test]
    fn other_names_are_none() {
        for name in [
            "",
            "wat",
            "FLATTER",
            "HNSW-JACCARD",
            "FLAT-L2-L2",
            "FLAT-BINARY",
            "HNSW-IP-PQ8",
            "FLAT-IP-PQ0",
            "FLAT-IP-PQx",
            "FLAT-HAMMING-SQ8",
            "IVF-IP-RABITQ",
            "FLAT-IP-SQ8-SQ8",
            "SPANN",
        ] {
            assert_eq!(Mode::parse(name), None, "{name}");
        }
    }
}
