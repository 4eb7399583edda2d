//! Takes the numbers out of a graph of `instant-distance`, whose fields are private, through its
//! serialisation.
//!
//! A serialiser that keeps two flat lists: every number and every sequence length, in the order of
//! the fields. Points serialise to nothing. The layout is private to the pinned version of that
//! crate: a test compares it, and anything unexpected is an error here, never a guess.

use std::fmt;

use serde::ser::{self, Impossible, Serialize};

/// What a graph of `instant-distance` consists of.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Captured {
    /// Links of every point on level zero, 64 each.
    pub(crate) zero: Vec<u32>,
    /// Links of every point per upper level (lowest first), 32 each.
    pub(crate) layers: Vec<Vec<u32>>,
}

/// Links per point on level zero in `instant-distance`.
pub(crate) const ZERO_LINKS: usize = 64;
/// Links per point on upper levels in `instant-distance`.
pub(crate) const UPPER_LINKS: usize = 32;

/// Why a graph could not be taken out.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum CaptureError {
    #[error("unexpected {0} in a serialised graph")]
    Unexpected(&'static str),
    #[error("a serialised graph does not have the known layout")]
    Layout,
    #[error("a graph failed to serialise: {0}")]
    Refused(String),
}

impl ser::Error for CaptureError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Refused(message.to_string())
    }
}

/// Captures `graph`, which must hold `points` points.
pub(crate) fn capture(graph: &impl Serialize, points: usize) -> Result<Captured, CaptureError> {
    let mut recorder = Recorder::default();
    graph.serialize(&mut recorder)?;
    let Recorder {
        numbers,
        lengths,
        fields,
    } = recorder;
    if fields != ["ef_search", "points", "zero", "layers"] {
        return Err(CaptureError::Layout);
    }
    // Lengths: the points, level zero, the number of layers, each layer.
    let [point_count, zero_count, layer_count, layers @ ..] = &lengths[..] else {
        return Err(CaptureError::Layout);
    };
    if *point_count != points || *zero_count != points || *layer_count != layers.len() {
        return Err(CaptureError::Layout);
    }
    let expected = points * ZERO_LINKS + layers.iter().sum::<usize>() * UPPER_LINKS;
    if numbers.len() != expected {
        return Err(CaptureError::Layout);
    }
    let (zero, mut rest) = numbers.split_at(points * ZERO_LINKS);
    let mut captured = Captured {
        zero: zero.to_vec(),
        layers: Vec::new(),
    };
    for nodes in layers {
        let (layer, behind) = rest.split_at(nodes * UPPER_LINKS);
        captured.layers.push(layer.to_vec());
        rest = behind;
    }
    Ok(captured)
}

#[derive(Default)]
struct Recorder {
    numbers: Vec<u32>,
    lengths: Vec<usize>,
    fields: Vec<&'static str>,
}

/// Refuses the kinds of value that no graph contains.
macro_rules! refuse {
    ($($method:ident($($argument:ty),*));* $(;)?) => {
        $(fn $method(self, $(_: $argument),*) -> Result<(), CaptureError> {
            Err(CaptureError::Unexpected(stringify!($method)))
        })*
    };
}

impl ser::Serializer for &mut Recorder {
    type Ok = ();
    type Error = CaptureError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeStruct = Self;
    type SerializeTupleStruct = Impossible<(), CaptureError>;
    type SerializeTupleVariant = Impossible<(), CaptureError>;
    type SerializeMap = Impossible<(), CaptureError>;
    type SerializeStructVariant = Impossible<(), CaptureError>;

    fn serialize_u32(self, number: u32) -> Result<(), CaptureError> {
        self.numbers.push(number);
        Ok(())
    }

    /// `ef_search`, the only number of this width, is of no use here.
    fn serialize_u64(self, _: u64) -> Result<(), CaptureError> {
        Ok(())
    }

    /// A point.
    fn serialize_unit(self) -> Result<(), CaptureError> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), CaptureError> {
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, CaptureError> {
        self.lengths.push(length.ok_or(CaptureError::Layout)?);
        Ok(self)
    }

    /// The links of one node: a fixed number, so its length says nothing.
    fn serialize_tuple(self, _: usize) -> Result<Self, CaptureError> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, CaptureError> {
        Ok(self)
    }

    refuse! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), CaptureError> {
        Err(CaptureError::Unexpected("option"))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), CaptureError> {
        Err(CaptureError::Unexpected("variant"))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, CaptureError> {
        Err(CaptureError::Unexpected("tuple struct"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, CaptureError> {
        Err(CaptureError::Unexpected("variant"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, CaptureError> {
        Err(CaptureError::Unexpected("map"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, CaptureError> {
        Err(CaptureError::Unexpected("variant"))
    }
}

impl ser::SerializeSeq for &mut Recorder {
    type Ok = ();
    type Error = CaptureError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CaptureError> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), CaptureError> {
        Ok(())
    }
}

impl ser::SerializeTuple for &mut Recorder {
    type Ok = ();
    type Error = CaptureError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CaptureError> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), CaptureError> {
        Ok(())
    }
}

impl ser::SerializeStruct for &mut Recorder {
    type Ok = ();
    type Error = CaptureError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), CaptureError> {
        self.fields.push(name);
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), CaptureError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use instant_distance::{Builder, Point};

    use super::*;

    #[derive(Clone, serde::Serialize)]
    #[serde(into = "()")]
    struct OnLine(f32);

    impl From<OnLine> for () {
        fn from(_: OnLine) {}
    }

    impl Point for OnLine {
        fn distance(&self, other: &Self) -> f32 {
            (self.0 - other.0).abs()
        }
    }

    #[test]
    fn the_layout_is_the_known_one() {
        // Two layers need M·ln(M) = 111 points; 3000 give 3000 → 865 → 249 → 71.
        let points: Vec<OnLine> = (0..3000).map(|x| OnLine(x as f32)).collect();
        let (graph, ids) = Builder::default()
            .seed(1)
            .ef_construction(70)
            .build_hnsw(points);
        let captured = capture(&graph, 3000).unwrap();
        assert_eq!(captured.zero.len(), 3000 * ZERO_LINKS);
        let nodes: Vec<usize> = captured
            .layers
            .iter()
            .map(|layer| layer.len() / UPPER_LINKS)
            .collect();
        assert_eq!(nodes, [865, 249, 71]);
        // Links are ids of points, the nearest first: on a line a point's nearest is next to it.
        let mut row_of = vec![0; 3000];
        for (row, id) in ids.iter().enumerate() {
            row_of[id.into_inner() as usize] = row as i64;
        }
        let near = captured
            .zero
            .chunks_exact(ZERO_LINKS)
            .enumerate()
            .filter(|(id, links)| (row_of[*id] - row_of[links[0] as usize]).abs() == 1)
            .count();
        assert!(
            near > 2950,
            "{near} of 3000 points lead to a direct neighbour first"
        );
        for (layer, nodes) in captured.layers.iter().zip(nodes) {
            assert!(
                layer
                    .iter()
                    .all(|&link| link == u32::MAX || (link as usize) < nodes)
            );
        }
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(capture(&1_u32, 0), Err(CaptureError::Layout));
        assert!(matches!(
            capture(&"text", 0),
            Err(CaptureError::Unexpected(_))
        ));
        let empty = Builder::default()
            .seed(1)
            .build_hnsw(Vec::<OnLine>::new())
            .0;
        assert_eq!(capture(&empty, 0), Ok(Captured::default()));
        assert_eq!(capture(&empty, 1), Err(CaptureError::Layout));
    }
}
