//! The codes beside a graph, of whichever kind.

use bytes::Bytes;

use crate::DenseBlock;
use crate::block::BlockShape;
use crate::code_kind::CodeKind;
use crate::codes::{self, Codes};
use crate::open_error::OpenError;
use crate::planes::{self, PlaneCodes};
use crate::product::{self, ProductCodes};

/// Codes of one kind.
#[derive(Clone, Debug)]
pub(crate) enum WalkCodes {
    Bytes(Codes),
    Product(ProductCodes),
    Planes(PlaneCodes),
}

impl WalkCodes {
    /// Encodes the rows of `block`. `linked` are the codes that its graph was built on.
    pub(crate) fn encode(block: &DenseBlock, kind: CodeKind, linked: Codes) -> Self {
        match kind {
            CodeKind::Bytes { quantile: None } => Self::Bytes(linked),
            CodeKind::Bytes { quantile } => Self::Bytes(Codes::encode(block, quantile)),
            CodeKind::Product(ratio) => Self::Product(ProductCodes::encode(block, ratio)),
            CodeKind::Planes { bits, rotated } => {
                Self::Planes(PlaneCodes::encode(block, bits, rotated))
            }
        }
    }

    /// Opens stored codes as those of a block of this shape; their first bytes say of which kind
    /// they are.
    pub(crate) fn open(bytes: Bytes, shape: BlockShape) -> Result<Self, OpenError> {
        match bytes.first_chunk::<8>() {
            Some(&codes::MAGIC) => Codes::open(bytes, shape).map(Self::Bytes),
            Some(&product::MAGIC) => ProductCodes::open(bytes, shape).map(Self::Product),
            Some(&planes::MAGIC) => PlaneCodes::open(bytes, shape).map(Self::Planes),
            Some(_) => Err(OpenError::Format { name: codes::BLOCK }),
            None => Err(OpenError::Short {
                name: codes::BLOCK,
                bytes: bytes.len(),
                expected: codes::MAGIC.len(),
            }),
        }
    }

    /// The codes as stored.
    pub(crate) fn bytes(&self) -> &Bytes {
        match self {
            Self::Bytes(codes) => codes.bytes(),
            Self::Product(codes) => codes.bytes(),
            Self::Planes(codes) => codes.bytes(),
        }
    }

    /// Candidates per wanted row that are compared again unless the search says how many.
    pub(crate) fn oversampling(&self) -> f64 {
        match self {
            Self::Bytes(_) => CodeKind::default(),
            Self::Product(codes) => CodeKind::Product(codes.ratio()),
            Self::Planes(codes) => codes.kind(),
        }
        .oversampling()
    }
}
