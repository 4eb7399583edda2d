//! NumPy's array of two dimensions, one row per vector (NumPy Enhancement Proposal 1).

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use half::f16;
use serde_json::{Map, Value};

use super::source::{Extent, ImportError, Position, Row, Source};

/// A header longer than this is no header.
const HEADER_BYTES_MAX: usize = 1 << 16;

/// Type of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    F16,
    F32,
    F64,
    U8,
    I8,
}

impl Element {
    fn of(descr: &str) -> Option<Self> {
        match descr {
            "<f2" => Some(Self::F16),
            "<f4" => Some(Self::F32),
            "<f8" => Some(Self::F64),
            "|u1" => Some(Self::U8),
            "|i1" => Some(Self::I8),
            _ => None,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    fn decode(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::U8 => bytes.iter().map(|&byte| f32::from(byte)).collect(),
            Self::I8 => bytes.iter().map(|&byte| f32::from(byte as i8)).collect(),
            Self::F16 => arrays(bytes)
                .map(|x| f16::from_le_bytes(x).to_f32())
                .collect(),
            Self::F32 => arrays(bytes).map(f32::from_le_bytes).collect(),
            // The engine stores 32 bits.
            Self::F64 => arrays(bytes)
                .map(|x| f64::from_le_bytes(x) as f32)
                .collect(),
        }
    }
}

/// `bytes` in pieces of `N`; a rest is left out.
fn arrays<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes
        .chunks_exact(N)
        .map(|piece| piece.try_into().expect("the pieces have N bytes"))
}

/// What stands before the numbers.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    element: Element,
    rows: u64,
    dim: usize,
}

impl Header {
    /// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
    fn parse(text: &str) -> Result<Self, String> {
        let value = |name: &str| {
            let (_, rest) = text.split_once(&format!("'{name}':"))?;
            Some(rest.trim_start())
        };
        let descr = value("descr").and_then(|rest| rest.strip_prefix('\'')?.split('\'').next());
        let descr = descr.ok_or("the header names no type")?;
        let element = Element::of(descr).ok_or_else(|| {
            format!("numbers of type {descr} are not supported: f2, f4, f8, u1 and i1 are")
        })?;
        if !value("fortran_order").is_some_and(|rest| rest.starts_with("False")) {
            return Err("the array is stored by columns; save it in C order".into());
        }
        let shape = value("shape").and_then(|rest| rest.strip_prefix('(')?.split(')').next());
        let shape: Option<Vec<u64>> = shape.and_then(|shape| {
            let numbers = shape
                .split(',')
                .map(str::trim)
                .filter(|number| !number.is_empty());
            numbers.map(|number| number.parse().ok()).collect()
        });
        match shape.as_deref() {
            Some(&[rows, dim @ 1..=65_536]) => Ok(Self {
                element,
                rows,
                dim: dim as usize,
            }),
            Some(&[_, dim]) => Err(format!(
                "rows have {dim} components; 1 to 65536 are possible"
            )),
            Some(shape) => Err(format!(
                "the array has {} dimensions instead of 2",
                shape.len()
            )),
            None => Err("the header names no shape".into()),
        }
    }

    fn read(from: &mut impl Read) -> Result<Self, String> {
        let mut start = [0; 8];
        from.read_exact(&mut start)
            .map_err(|_| "this is no .npy file")?;
        if &start[..6] != b"\x93NUMPY" {
            return Err("this is no .npy file".into());
        }
        // Version 1 has two bytes for the length of the header, later versions four.
        let mut length = [0; 4];
        let width = if start[6] == 1 { 2 } else { 4 };
        from.read_exact(&mut length[..width])
            .map_err(|error| error.to_string())?;
        let length = u32::from_le_bytes(length) as usize;
        if length > HEADER_BYTES_MAX {
            return Err(format!("a header of {length} bytes is too long"));
        }
        let mut text = vec![0; length];
        from.read_exact(&mut text)
            .map_err(|error| error.to_string())?;
        Self::parse(&String::from_utf8_lossy(&text))
    }
}

/// Opens `file`; rows are numbered from 0.
pub(super) fn open(file: &Path) -> Result<Source, ImportError> {
    let opened = File::open(file).map_err(|cause| ImportError::file(file, cause))?;
    let mut reader = BufReader::with_capacity(1 << 18, opened);
    let Header {
        element,
        rows: count,
        dim,
    } = Header::read(&mut reader).map_err(|what| ImportError::format(file, what))?;
    let mut bytes = vec![0; dim * element.bytes()];
    let file = file.to_owned();
    let rows = (0..count).map(move |number| {
        let at = Position::Row(number);
        reader.read_exact(&mut bytes).map_err(|_| {
            ImportError::row(&file, at, format!("the file ends before {count} rows"))
        })?;
        let vector = element.decode(&bytes);
        Ok(Row {
            at,
            id: Value::from(number),
            vector,
            payload: Map::new(),
        })
    });
    Ok(Source {
        rows: Box::new(rows),
        extent: Extent::Rows(count),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_and_odd_ones_refused() {
        let header = Header::parse("{'descr': '<f2', 'fortran_order': False, 'shape': (3, 4), }");
        assert_eq!(
            header,
            Ok(Header {
                element: Element::F16,
                rows: 3,
                dim: 4
            })
        );
        for (text, part) in [
            (
                "{'descr': '>f4', 'fortran_order': False, 'shape': (3, 4), }",
                ">f4",
            ),
            (
                "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }",
                "columns",
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }",
                "1 dimensions",
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 0), }",
                "0 components",
            ),
            ("{'descr': '<f4', 'fortran_order': False, }", "no shape"),
            ("{}", "no type"),
        ] {
            let refusal = Header::parse(text).expect_err("it is odd");
            assert!(refusal.contains(part), "{refusal}");
        }
    }

    #[test]
    fn every_element_type_decodes() {
        assert_eq!(Element::U8.decode(&[0, 255]), [0.0, 255.0]);
        assert_eq!(Element::I8.decode(&[0xff]), [-1.0]);
        assert_eq!(Element::F16.decode(&[0x00, 0x3e]), [1.5]);
        assert_eq!(Element::F32.decode(&1.25f32.to_le_bytes()), [1.25]);
        assert_eq!(Element::F64.decode(&(-0.5f64).to_le_bytes()), [-0.5]);
    }
}
