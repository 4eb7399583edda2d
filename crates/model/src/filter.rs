//! The filter tree: what a payload, an id or the presence of a vector must satisfy.
//!
//! Evaluation is the business of the crate `filter`; semantics are stated here once. A path may
//! reach several values (lists): a test holds when *any* reached value passes, and a list at the
//! end of a path counts by its elements (one level).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::{FieldPath, PointId, Term, Timestamp, VectorName};

/// A condition on a point.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All hold; true when empty.
    All(Vec<Filter>),
    /// At least one holds; false when empty.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// At least `count` of them hold.
    AtLeast {
        /// How many must hold.
        count: usize,
        /// The conditions.
        of: Vec<Filter>,
    },
    /// A test on payload values.
    Field {
        /// Where the values are.
        path: FieldPath,
        /// What they must satisfy.
        test: Test,
    },
    /// The id is one of these.
    HasId(Vec<PointId>),
    /// The point carries a vector of that name.
    HasVector(VectorName),
    /// SipHash-2-4 (zero key) of the id, modulo `total`, is `index`: a stable partition.
    Slice {
        /// Number of parts, at least 1.
        total: u32,
        /// The wanted part, below `total`.
        index: u32,
    },
    /// Some single object reached by `path` satisfies `filter` on its own.
    Nested {
        /// Reaches the objects; ends with [`crate::Step::Each`].
        path: FieldPath,
        /// Evaluated with each object as the payload; ids and vectors never match inside.
        filter: Box<Filter>,
    },
    /// The term is true: neither false, nor null, nor anything but a truth value.
    Where(Term),
}

/// What values at a path must satisfy.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Some value equals the scalar; types are not converted (3 is not 3.0).
    Equals(Scalar),
    /// Some value equals one of the scalars; false when there are none.
    In(Vec<Scalar>),
    /// Some non-null value equals none of the scalars; false when the path reaches no such value.
    NotIn(Vec<Scalar>),
    /// Some number lies in the range.
    Range(Range<f64>),
    /// Some text that parses as a date lies in the range.
    DateRange(Range<Timestamp>),
    /// Some text contains this text (case-sensitive).
    Contains(String),
    /// All tokens of this text are among those of the texts at the path, which count as one text;
    /// false when it has none. Without a text index at the path: as [`Test::Contains`].
    Text(String),
    /// As [`Test::Text`], with one token being enough. Without a text index: some text contains
    /// one of the words between white space.
    TextAny(String),
    /// The tokens of this text stand in a row in some text; false when it has none, and false
    /// when the text index at the path keeps no phrases. Without a text index: as
    /// [`Test::Contains`].
    Phrase(String),
    /// Some text begins with this text.
    Prefix(String),
    /// Some `{lon, lat}` lies strictly inside; crosses the antimeridian when
    /// `top_left.lon > bottom_right.lon`.
    GeoBox {
        /// North-western corner.
        top_left: GeoPoint,
        /// South-eastern corner.
        bottom_right: GeoPoint,
    },
    /// Some `{lon, lat}` is nearer than `radius_m` metres (haversine, GRS80 mean radius
    /// 6 371 008.77 m).
    GeoRadius {
        /// The centre.
        center: GeoPoint,
        /// Metres, exclusive.
        radius_m: f64,
    },
    /// Some `{lon, lat}` lies inside the ring and outside every hole; planar in degrees,
    /// boundaries excluded.
    GeoPolygon {
        /// Closed ring, at least four points.
        exterior: Vec<GeoPoint>,
        /// Closed rings that are holes.
        interiors: Vec<Vec<GeoPoint>>,
    },
    /// The number of values at the path lies in the range: null counts 0, a list its length,
    /// anything else 1, a missing path 0.
    ValuesCount(Range<u64>),
    /// Missing, null or an empty list (`true`), or the contrary (`false`).
    IsEmpty(bool),
    /// Some value is null (`true`), or none is (`false`); a missing path has no null.
    IsNull(bool),
}

/// A value that can be compared for equality.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// Text; UUID indexes compare it as UUID.
    Str(String),
    /// An integer.
    Int(i64),
    /// A truth value.
    Bool(bool),
}

/// Bounds, each optional; all given ones must hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range<T> {
    /// Greater than.
    pub gt: Option<T>,
    /// At least.
    pub gte: Option<T>,
    /// Less than.
    pub lt: Option<T>,
    /// At most.
    pub lte: Option<T>,
}

impl<T> Default for Range<T> {
    fn default() -> Self {
        Self {
            gt: None,
            gte: None,
            lt: None,
            lte: None,
        }
    }
}

impl<T: PartialOrd> Range<T> {
    /// Whether `value` satisfies every bound.
    pub fn contains(&self, value: &T) -> bool {
        self.gt.as_ref().is_none_or(|bound| value > bound)
            && self.gte.as_ref().is_none_or(|bound| value >= bound)
            && self.lt.as_ref().is_none_or(|bound| value < bound)
            && self.lte.as_ref().is_none_or(|bound| value <= bound)
    }
}

/// A place on the globe, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeoPoint {
    /// Longitude, −180 to 180, east positive.
    pub lon: f64,
    /// Latitude, −90 to 90, north positive.
    pub lat: f64,
}
