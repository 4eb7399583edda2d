//! Types of columns: how they are written, and how they are shown.

use model::Dim;

use crate::error::{Failure, code};
use crate::json::Json;

/// The type of a column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Bool,
    /// So many bits, at most 64.
    Integer(u32),
    Float,
    Double,
    Float16,
    BFloat16,
    Varchar,
    Date,
    Time,
    DateTime,
    Timestamp,
    Json,
    Array(Box<Kind>),
    Vector(Rows),
    MultiVector(Rows),
    Tensor(Rows),
    TensorArray(Rows),
    Sparse {
        dim: u64,
        element: Part,
        index: Part,
    },
}

/// Width and element of dense rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) dim: Dim,
    pub(crate) element: Part,
}

/// The type of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Int8,
    UInt8,
    Int16,
    Int32,
    Int64,
    Float,
    Double,
    Float16,
    BFloat16,
    Bit,
}

impl Part {
    /// The type of that name, in lower case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "int8" | "tinyint" => Self::Int8,
            "uint8" => Self::UInt8,
            "int16" | "smallint" => Self::Int16,
            "int" | "int32" | "integer" => Self::Int32,
            "int64" | "bigint" => Self::Int64,
            "float" | "float32" | "f32" => Self::Float,
            "double" | "float64" | "f64" => Self::Double,
            "float16" => Self::Float16,
            "bfloat16" => Self::BFloat16,
            "bit" => Self::Bit,
            _ => return None,
        })
    }

    pub(crate) fn shown(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::UInt8 => "uint8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float => "float",
            Self::Double => "double",
            Self::Float16 => "float16",
            Self::BFloat16 => "bfloat16",
            Self::Bit => "bit",
        }
    }
}

impl Kind {
    /// Reads `integer`, `vector,4,float`, `sparse,100,float,int` and so on.
    ///
    /// # Errors
    /// 7012 for a wrong number of parts, 3051 for an unknown type, 3057 for an element that
    /// vectors cannot have.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let lower = text.to_ascii_lowercase();
        let parts: Vec<&str> = lower.split(',').map(str::trim).collect();
        match parts.as_slice() {
            [name] => scalar(name).ok_or_else(|| unknown(text)),
            ["array", rest @ ..] => match Self::parse(&rest.join(","))? {
                Self::Vector(_)
                | Self::MultiVector(_)
                | Self::Tensor(_)
                | Self::TensorArray(_)
                | Self::Sparse { .. } => Err(unknown(text)),
                element => Ok(Self::Array(Box::new(element))),
            },
            ["sparse", dim, element, index] => sparse(dim, element, index),
            [name, dim, element] => {
                let rows = || rows(dim, element);
                match *name {
                    "vector" => rows().map(Self::Vector),
                    "multivector" => rows().map(Self::MultiVector),
                    "tensor" => rows().map(Self::Tensor),
                    "tensorarray" => rows().map(Self::TensorArray),
                    _ => Err(arity(text)),
                }
            }
            _ => Err(arity(text)),
        }
    }

    /// As `GET …/columns` shows it.
    pub(crate) fn shown(&self) -> String {
        let of = |name: &str, rows: &Rows| {
            format!("{name}({},{})", rows.element.shown(), rows.dim.get())
        };
        match self {
            Self::Bool => "Boolean".into(),
            Self::Integer(8) => "TinyInt".into(),
            Self::Integer(16) => "SmallInt".into(),
            Self::Integer(32) => "Integer".into(),
            Self::Integer(_) => "BigInt".into(),
            Self::Float => "Float".into(),
            Self::Double => "Double".into(),
            Self::Float16 => "Float16".into(),
            Self::BFloat16 => "BFloat16".into(),
            Self::Varchar => "Varchar".into(),
            Self::Date => "Date".into(),
            Self::Time => "Time".into(),
            Self::DateTime => "DateTime".into(),
            Self::Timestamp => "Timestamp".into(),
            Self::Json => "Json".into(),
            Self::Array(element) => format!("Array({})", element.shown()),
            Self::Vector(rows) => of("Embedding", rows),
            Self::MultiVector(rows) => of("MultiVector", rows),
            Self::Tensor(rows) => of("Tensor", rows),
            Self::TensorArray(rows) => of("TensorArray", rows),
            Self::Sparse {
                dim,
                element,
                index,
            } => format!("Sparse({},{},{dim})", element.shown(), index.shown()),
        }
    }

    /// As it is written in a definition.
    pub(crate) fn written(&self) -> String {
        let of =
            |name: &str, rows: &Rows| format!("{name},{},{}", rows.dim.get(), rows.element.shown());
        match self {
            Self::Integer(bits) => format!("int{bits}"),
            Self::Array(element) => format!("array,{}", element.written()),
            Self::Vector(rows) => of("vector", rows),
            Self::MultiVector(rows) => of("multivector", rows),
            Self::Tensor(rows) => of("tensor", rows),
            Self::TensorArray(rows) => of("tensorarray", rows),
            Self::Sparse {
                dim,
                element,
                index,
            } => format!("sparse,{dim},{},{}", element.shown(), index.shown()),
            Self::Bool
            | Self::Float
            | Self::Double
            | Self::Float16
            | Self::BFloat16
            | Self::Varchar
            | Self::Date
            | Self::Time
            | Self::DateTime
            | Self::Timestamp
            | Self::Json => self.shown().to_ascii_lowercase(),
        }
    }
}

fn scalar(name: &str) -> Option<Kind> {
    Some(match name {
        "bool" | "boolean" => Kind::Bool,
        "tinyint" | "int8" => Kind::Integer(8),
        "smallint" | "int16" => Kind::Integer(16),
        "int" | "integer" | "int32" => Kind::Integer(32),
        "bigint" | "int64" => Kind::Integer(64),
        "float" | "float32" => Kind::Float,
        "double" | "float64" => Kind::Double,
        "float16" => Kind::Float16,
        "bfloat16" => Kind::BFloat16,
        "varchar" => Kind::Varchar,
        "date" => Kind::Date,
        "time" => Kind::Time,
        "datetime" => Kind::DateTime,
        "timestamp" => Kind::Timestamp,
        "json" => Kind::Json,
        _ => return None,
    })
}

fn rows(dim: &str, element: &str) -> Result<Rows, Failure> {
    let element = match Part::named(element) {
        Some(Part::Int16 | Part::Int32 | Part::Int64) | None if element != "int" => {
            let text = format!("Invalid embedding data type: {element}");
            return Err(Failure::new(code::EMBEDDING, text));
        }
        Some(part) => part,
        None => Part::Int32,
    };
    let dim = dimension(dim)?;
    let dim = Dim::new(dim).map_err(|error| Failure::new(code::PARSER, error.message))?;
    Ok(Rows { dim, element })
}

fn sparse(dim: &str, element: &str, index: &str) -> Result<Kind, Failure> {
    let wrong = |name: &str| {
        let text = format!("Invalid sparse data type: {name}");
        Failure::new(code::EMBEDDING, text)
    };
    let element = Part::named(element).ok_or_else(|| wrong(element))?;
    let index_part = Part::named(index).ok_or_else(|| wrong(index))?;
    if element == Part::Bit
        || !matches!(
            index_part,
            Part::Int8 | Part::Int16 | Part::Int32 | Part::Int64
        )
    {
        return Err(wrong(index));
    }
    Ok(Kind::Sparse {
        dim: dimension(dim)?,
        element,
        index: index_part,
    })
}

fn dimension(text: &str) -> Result<u64, Failure> {
    let dim = text.parse().ok().filter(|&dim: &u64| dim > 0);
    dim.ok_or_else(|| Failure::new(code::PARSER, format!("Invalid dimension: {text}")))
}

fn unknown(text: &str) -> Failure {
    Failure::new(code::DATA_TYPE, format!("Invalid data type: {text}"))
}

fn arity(text: &str) -> Failure {
    Failure::new(
        code::PARSER,
        format!("Invalid data type parameters: {text}"),
    )
}

/// The type that a definition gives, a text.
pub(crate) fn of_definition(value: Option<&Json>) -> Result<Kind, Failure> {
    let text = value.and_then(Json::as_text);
    let missing = || Failure::new(code::INVALID_COLUMN, "a column needs a type");
    Kind::parse(text.ok_or_else(missing)?)
}
