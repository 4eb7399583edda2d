//! Ids, names, vectors.

use model::{
    CollectionName, CollectionRef, DatabaseName, Error, MultiVector, PointId, SparseVector, Vector,
    VectorName,
};

use super::{Codec, DecodeError, Reader, Writer};

impl Codec for PointId {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        match self {
            Self::Num(n) => {
                out.u8(0);
                out.u64(*n);
            }
            Self::Uuid(bytes) => {
                out.u8(1);
                out.raw(bytes);
            }
            Self::Text(text) => {
                out.u8(2);
                out.text(text);
            }
        }
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => input.u64().map(Self::Num),
            1 => input.array().map(Self::Uuid),
            2 => Ok(Self::Text(input.text()?.into())),
            _ => Err(input.malformed("a kind of point id")),
        }
    }
}

impl Codec for VectorName {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.text(self.as_str());
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let name = input.text()?;
        Self::new(name).map_err(|_| input.malformed("a vector name"))
    }
}

impl Codec for CollectionName {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.text(self.as_str());
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let name = input.text()?;
        Self::new(name).map_err(|_| input.malformed("a collection name"))
    }
}

impl Codec for DatabaseName {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.text(self.as_str());
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let name = input.text()?;
        Self::new(name).map_err(|_| input.malformed("a database name"))
    }
}

impl Codec for CollectionRef {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.database.encode(out)?;
        self.name.encode(out)
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            database: Codec::decode(input)?,
            name: Codec::decode(input)?,
        })
    }
}

impl Codec for Vector {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        match self {
            Self::Dense(components) => {
                out.u8(0);
                out.f32s(components);
            }
            Self::Sparse(sparse) => {
                out.u8(1);
                out.u32s(sparse.indices());
                out.f32s(sparse.values());
            }
            Self::Multi(multi) => {
                out.u8(2);
                out.length(multi.dim());
                out.f32s(multi.flat());
            }
            Self::Binary(bits) => {
                out.u8(3);
                out.bytes(bits);
            }
        }
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => input.f32s().map(Self::Dense),
            1 => {
                let (indices, values) = (input.u32s()?, input.f32s()?);
                SparseVector::new(indices, values)
                    .map(Self::Sparse)
                    .map_err(|_| input.malformed("a sparse vector"))
            }
            2 => {
                let (dim, rows) = (input.length()?, input.f32s()?);
                MultiVector::new(dim, rows)
                    .map(Self::Multi)
                    .map_err(|_| input.malformed("a multi-vector"))
            }
            3 => Ok(Self::Binary(input.bytes()?.to_vec())),
            _ => Err(input.malformed("a kind of vector")),
        }
    }
}
