//! Reads matrices from `.npy`, `.npz` and `.fvecs` files as `f32`.

use std::io::{Error, ErrorKind};

/// A row-major matrix.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Matrix {
    /// `rows × dim` components.
    pub(crate) values: Vec<f32>,
    /// Components per row.
    pub(crate) dim: usize,
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidData, message)
}

/// Reads one NumPy array of 16- or 32-bit floats or unsigned bytes, C order, two dimensions.
pub(crate) fn read_npy(bytes: &[u8]) -> Result<Matrix, Error> {
    let major = bytes.get(6).ok_or_else(|| invalid("not an .npy file"))?;
    if !bytes.starts_with(b"\x93NUMPY") {
        return Err(invalid("not an .npy file"));
    }
    // The header's length has two bytes in version 1 and four later.
    let (start, length_bytes) = if *major == 1 { (10, 2) } else { (12, 4) };
    let length = bytes
        .get(8..8 + length_bytes)
        .ok_or_else(|| invalid("short .npy header"))?;
    let length = length
        .iter()
        .rev()
        .fold(0, |length, &byte| length << 8 | usize::from(byte));
    let header = bytes
        .get(start..start + length)
        .ok_or_else(|| invalid("short .npy header"))?;
    let header = str::from_utf8(header).map_err(|_| invalid(".npy header is not text"))?;
    if header.contains("'fortran_order': True") {
        return Err(invalid("Fortran order is not supported"));
    }
    let shape = header
        .split_once("'shape': (")
        .and_then(|(_, rest)| rest.split_once(')'));
    let shape = shape.ok_or_else(|| invalid(".npy header without shape"))?.0;
    let shape: Vec<usize> = shape
        .split(',')
        .filter_map(|number| number.trim().parse().ok())
        .collect();
    let &[rows, dim] = &shape[..] else {
        return Err(invalid("expected two dimensions"));
    };
    let data = &bytes[start + length..];
    let values: Vec<f32> = if header.contains("<f2") {
        let (halves, _) = data.as_chunks::<2>();
        halves
            .iter()
            .map(|half| half::f16::from_le_bytes(*half).to_f32())
            .collect()
    } else if header.contains("<f4") {
        let (floats, _) = data.as_chunks::<4>();
        floats
            .iter()
            .map(|float| f32::from_le_bytes(*float))
            .collect()
    } else if header.contains("|u1") {
        data.iter().map(|&byte| f32::from(byte)).collect()
    } else {
        return Err(invalid("expected <f2, <f4 or |u1"));
    };
    if values.len() != rows * dim {
        return Err(invalid("the data do not fill the shape"));
    }
    Ok(Matrix { values, dim })
}

/// Reads the array `name` of an `.npz` archive.
///
/// Walks the archive's local headers, which is enough for what NumPy writes.
pub(crate) fn read_npz(bytes: &[u8], name: &str) -> Result<Matrix, Error> {
    let entry = format!("{name}.npy");
    let number = |at: usize, width: usize| -> Result<usize, Error> {
        let field = bytes
            .get(at..at + width)
            .ok_or_else(|| invalid("short archive"))?;
        Ok(field
            .iter()
            .rev()
            .fold(0, |number, &byte| number << 8 | usize::from(byte)))
    };
    let mut at = central_directory(bytes)?;
    while bytes.get(at..at + 4) == Some(b"PK\x01\x02") {
        let (method, packed) = (number(at + 10, 2)?, number(at + 20, 4)?);
        let name_length = number(at + 28, 2)?;
        let found = bytes.get(at + 46..at + 46 + name_length) == Some(entry.as_bytes());
        if found {
            let local = number(at + 42, 4)?;
            let start = local + 30 + number(local + 26, 2)? + number(local + 28, 2)?;
            let data = bytes
                .get(start..start + packed)
                .ok_or_else(|| invalid("short archive"))?;
            return match method {
                0 => read_npy(data),
                8 => {
                    let plain = miniz_oxide::inflate::decompress_to_vec(data)
                        .map_err(|_| invalid("damaged archive"))?;
                    read_npy(&plain)
                }
                _ => Err(invalid("unknown compression")),
            };
        }
        at += 46 + name_length + number(at + 30, 2)? + number(at + 32, 2)?;
    }
    Err(invalid("the archive has no such array"))
}

/// Where the directory of a zip archive starts, from the record at its end.
fn central_directory(bytes: &[u8]) -> Result<usize, Error> {
    let end = bytes
        .windows(4)
        .rposition(|window| window == b"PK\x05\x06")
        .ok_or_else(|| invalid("not an archive"))?;
    let at = bytes
        .get(end + 16..end + 20)
        .ok_or_else(|| invalid("short archive"))?;
    Ok(u32::from_le_bytes(at.try_into().expect("four bytes")) as usize)
}

/// Reads `.fvecs`: every row is its dimension as `i32` and then that many `f32`.
pub(crate) fn read_fvecs(bytes: &[u8]) -> Result<Matrix, Error> {
    let (words, rest) = bytes.as_chunks::<4>();
    let dim = words
        .first()
        .map_or(0, |word| u32::from_le_bytes(*word) as usize);
    if dim == 0 || !rest.is_empty() || !words.len().is_multiple_of(dim + 1) {
        return Err(invalid("not an .fvecs file"));
    }
    let mut values = Vec::with_capacity(words.len());
    for row in words.chunks_exact(dim + 1) {
        if u32::from_le_bytes(row[0]) as usize != dim {
            return Err(invalid("rows of different dimensions"));
        }
        values.extend(row[1..].iter().map(|word| f32::from_le_bytes(*word)));
    }
    Ok(Matrix { values, dim })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn arrays_of_each_kind_are_read() {
        let expected = Matrix {
            values: vec![1.0, 2.0, 3.0, 4.0],
            dim: 2,
        };
        assert_eq!(
            read_npy(&npy("|u1", "(2, 2)", &[1, 2, 3, 4])).unwrap(),
            expected
        );
        let floats: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        assert_eq!(read_npy(&npy("<f4", "(2, 2)", &floats)).unwrap(), expected);
        let halves: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0]
            .iter()
            .flat_map(|&x| half::f16::from_f32(x).to_le_bytes())
            .collect();
        assert_eq!(read_npy(&npy("<f2", "(2, 2)", &halves)).unwrap(), expected);
        assert!(read_npy(&npy("<f8", "(2, 2)", &[0; 32])).is_err());
        assert!(read_npy(&npy("|u1", "(3, 2)", &[1, 2, 3, 4])).is_err());
        assert!(read_npy(b"no array").is_err());
    }

    #[test]
    fn fvecs_rows_carry_their_dimension() {
        let row = |x: f32| [&2_u32.to_le_bytes()[..], &x.to_le_bytes(), &x.to_le_bytes()].concat();
        let bytes = [row(1.0), row(2.0)].concat();
        let expected = Matrix {
            values: vec![1.0, 1.0, 2.0, 2.0],
            dim: 2,
        };
        assert_eq!(read_fvecs(&bytes).unwrap(), expected);
        assert!(read_fvecs(&bytes[..23]).is_err());
        assert!(read_fvecs(&[]).is_err());
    }

    #[test]
    fn archives_without_the_array_are_refused() {
        assert!(read_npz(b"no archive", "train").is_err());
    }
}
