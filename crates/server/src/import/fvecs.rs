//! The fvecs format: per vector its length as a 32-bit integer and that many 32-bit floats, all
//! little endian.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use serde_json::{Map, Value};

use super::source::{Extent, ImportError, Position, Row, Source};

/// Longest vector.
const DIM_MAX: u32 = 65_536;

/// Opens `file`; rows are numbered from 0, and all have the length of the first.
pub(super) fn open(file: &Path) -> Result<Source, ImportError> {
    let io = |cause| ImportError::file(file, cause);
    let opened = File::open(file).map_err(io)?;
    let bytes = opened.metadata().map_err(io)?.len();
    let mut reader = BufReader::with_capacity(1 << 18, opened);
    let mut first = [0; 4];
    reader
        .read_exact(&mut first)
        .map_err(|_| ImportError::format(file, "the file is empty"))?;
    let dim = u32::from_le_bytes(first);
    if !(1..=DIM_MAX).contains(&dim) {
        let what = format!("vectors have {dim} components; 1 to {DIM_MAX} are possible");
        return Err(ImportError::format(file, what));
    }
    let row_bytes = 4 + 4 * u64::from(dim);
    if bytes % row_bytes != 0 {
        let what = format!("{bytes} bytes are no whole number of vectors of {dim} components");
        return Err(ImportError::format(file, what));
    }
    let path = file.to_owned();
    let mut buffer = vec![0; 4 * dim as usize];
    let rows = (0..bytes / row_bytes).map(move |number| {
        let at = Position::Row(number);
        if number > 0 {
            let mut length = [0; 4];
            reader
                .read_exact(&mut length)
                .map_err(|cause| ImportError::file(&path, cause))?;
            let length = u32::from_le_bytes(length);
            if length != dim {
                let what = format!("the vector has {length} components, the first has {dim}");
                return Err(ImportError::row(&path, at, what));
            }
        }
        reader
            .read_exact(&mut buffer)
            .map_err(|cause| ImportError::file(&path, cause))?;
        let components = buffer.chunks_exact(4);
        let vector = components
            .map(|x| f32::from_le_bytes(x.try_into().expect("the pieces have 4 bytes")))
            .collect();
        Ok(Row {
            at,
            id: Value::from(number),
            vector,
            payload: Map::new(),
        })
    });
    Ok(Source {
        rows: Box::new(rows),
        extent: Extent::Rows(bytes / row_bytes),
    })
}
