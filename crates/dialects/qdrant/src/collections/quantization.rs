//! `quantization_config`: which codes Qdrant can be asked for, and what they are to the engine.

use model::{CodeBits, ProductRatio, QueryBits};
use serde::{Deserialize, Serialize};

use super::settings::{Memory, bounded};
use crate::error::Failure;

/// `quantization_config`
#[derive(Serialize, Deserialize, Clone, Debug)]
#[serde(rename_all = "lowercase")]
pub(super) enum Quantization {
    Scalar(Scalar),
    Product(Product),
    Binary(Binary),
    Turbo(Turbo),
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub(super) struct Scalar {
    r#type: ScalarType,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantile: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    always_ram: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
#[serde(rename_all = "lowercase")]
enum ScalarType {
    Int8,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub(super) struct Product {
    compression: Compression,
    #[serde(skip_serializing_if = "Option::is_none")]
    always_ram: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
#[serde(rename_all = "lowercase")]
enum Compression {
    X4,
    X8,
    X16,
    X32,
    X64,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default)]
pub(super) struct Binary {
    #[serde(skip_serializing_if = "Option::is_none")]
    always_ram: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<BinaryEncoding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_encoding: Option<QueryEncoding>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
#[serde(rename_all = "snake_case")]
enum BinaryEncoding {
    OneBit,
    TwoBits,
    OneAndHalfBits,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
enum QueryEncoding {
    #[serde(rename = "default")]
    Default,
    #[serde(rename = "binary")]
    Binary,
    #[serde(rename = "scalar4bits")]
    Scalar4Bits,
    #[serde(rename = "scalar8bits")]
    Scalar8Bits,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default)]
pub(super) struct Turbo {
    #[serde(skip_serializing_if = "Option::is_none")]
    always_ram: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bits: Option<TurboBits>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
enum TurboBits {
    #[serde(rename = "bits1")]
    One,
    #[serde(rename = "bits1_5")]
    OneAndHalf,
    #[serde(rename = "bits2")]
    Two,
    #[serde(rename = "bits4")]
    Four,
}

impl Quantization {
    /// `memory` and `always_ram`.
    pub(super) fn place(&self) -> (Option<Memory>, Option<bool>) {
        match self {
            Self::Scalar(scalar) => (scalar.memory, scalar.always_ram),
            Self::Product(product) => (product.memory, product.always_ram),
            Self::Binary(binary) => (binary.memory, binary.always_ram),
            Self::Turbo(turbo) => (turbo.memory, turbo.always_ram),
        }
    }

    pub(super) fn check(&self, at: &str) -> Result<(), Failure> {
        match self {
            Self::Scalar(scalar) => {
                let at = format!("{at}.scalar");
                bounded(&at, "quantile", scalar.quantile, 0.5, Some(1.0))
            }
            Self::Product(_) | Self::Binary(_) | Self::Turbo(_) => Ok(()),
        }
    }

    /// The codes that follow. Qdrant leaves open how a query is encoded by default, so the engine
    /// chooses.
    pub(super) fn decode(&self) -> model::Quantization {
        match self {
            Self::Scalar(scalar) => model::Quantization::Scalar {
                quantile: scalar.quantile,
            },
            Self::Product(product) => model::Quantization::Product(product.compression.decode()),
            Self::Binary(binary) => model::Quantization::Binary {
                bits: match binary.encoding {
                    None | Some(BinaryEncoding::OneBit) => CodeBits::One,
                    Some(BinaryEncoding::OneAndHalfBits) => CodeBits::OneAndHalf,
                    Some(BinaryEncoding::TwoBits) => CodeBits::Two,
                },
                query: match binary.query_encoding {
                    None | Some(QueryEncoding::Default) => QueryBits::Auto,
                    Some(QueryEncoding::Binary) => QueryBits::One,
                    Some(QueryEncoding::Scalar4Bits) => QueryBits::Four,
                    Some(QueryEncoding::Scalar8Bits) => QueryBits::Eight,
                },
            },
            Self::Turbo(turbo) => model::Quantization::Rotated {
                bits: match turbo.bits {
                    Some(TurboBits::One) => CodeBits::One,
                    Some(TurboBits::OneAndHalf) => CodeBits::OneAndHalf,
                    Some(TurboBits::Two) => CodeBits::Two,
                    None | Some(TurboBits::Four) => CodeBits::Four,
                },
            },
        }
    }

    /// Settings that say what `codes` says, as near as Qdrant's words come to it.
    pub(super) fn of(codes: model::Quantization) -> Self {
        match codes {
            model::Quantization::Scalar { quantile } => Self::Scalar(Scalar {
                r#type: ScalarType::Int8,
                quantile,
                always_ram: None,
                memory: None,
            }),
            model::Quantization::Product(ratio) => Self::Product(Product {
                compression: Compression::of(ratio),
                always_ram: None,
                memory: None,
            }),
            model::Quantization::Binary { bits, query } => Self::Binary(Binary {
                encoding: Some(match bits {
                    CodeBits::One => BinaryEncoding::OneBit,
                    CodeBits::OneAndHalf => BinaryEncoding::OneAndHalfBits,
                    CodeBits::Two | CodeBits::Four => BinaryEncoding::TwoBits,
                }),
                query_encoding: Some(match query {
                    QueryBits::Auto => QueryEncoding::Default,
                    QueryBits::One => QueryEncoding::Binary,
                    QueryBits::Four => QueryEncoding::Scalar4Bits,
                    QueryBits::Eight => QueryEncoding::Scalar8Bits,
                }),
                ..Binary::default()
            }),
            model::Quantization::Rotated { bits } => Self::Turbo(Turbo {
                bits: Some(match bits {
                    CodeBits::One => TurboBits::One,
                    CodeBits::OneAndHalf => TurboBits::OneAndHalf,
                    CodeBits::Two => TurboBits::Two,
                    CodeBits::Four => TurboBits::Four,
                }),
                ..Turbo::default()
            }),
        }
    }
}

impl Compression {
    fn decode(self) -> ProductRatio {
        match self {
            Self::X4 => ProductRatio::X4,
            Self::X8 => ProductRatio::X8,
            Self::X16 => ProductRatio::X16,
            Self::X32 => ProductRatio::X32,
            Self::X64 => ProductRatio::X64,
        }
    }

    fn of(ratio: ProductRatio) -> Self {
        match ratio {
            ProductRatio::X4 => Self::X4,
            ProductRatio::X8 => Self::X8,
            ProductRatio::X16 => Self::X16,
            ProductRatio::X32 => Self::X32,
            ProductRatio::X64 => Self::X64,
        }
    }
}

/// A change of `quantization_config`.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum QuantizationConfigDiff"
)]
pub(super) enum QuantizationChange {
    Set(Quantization),
    Off(Disabled),
}

#[derive(Deserialize)]
pub(super) enum Disabled {
    Disabled,
}

impl QuantizationChange {
    /// The new setting.
    pub(super) fn decode(self, at: &str) -> Result<Option<Quantization>, Failure> {
        match self {
            Self::Set(quantization) => {
                quantization.check(at)?;
                Ok(Some(quantization))
            }
            Self::Off(Disabled::Disabled) => Ok(None),
        }
    }
}
