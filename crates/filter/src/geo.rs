//! Places on the globe: what lies in a box, a circle, a polygon.

use model::GeoPoint;
use model::packed::ObjectRef;

/// Mean radius of the Earth (GRS80), metres.
const EARTH_RADIUS_M: f64 = 6_371_008.77;

/// A region of the globe, boundary excluded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Region<'a> {
    /// Between two corners; across the antimeridian when west lies east of east.
    Box {
        /// North-western corner.
        top_left: GeoPoint,
        /// South-eastern corner.
        bottom_right: GeoPoint,
    },
    /// Nearer than a radius.
    Circle {
        /// The centre.
        center: GeoPoint,
        /// Metres.
        radius_m: f64,
    },
    /// Inside a ring and outside of its holes.
    Polygon {
        /// Closed ring.
        exterior: &'a [GeoPoint],
        /// Closed rings that are holes.
        interiors: &'a [Vec<GeoPoint>],
    },
}

impl Region<'_> {
    /// Whether `point` lies in the region.
    pub(crate) fn contains(&self, point: GeoPoint) -> bool {
        match self {
            Self::Box {
                top_left,
                bottom_right,
            } => {
                let east = point.lon > top_left.lon;
                let west = point.lon < bottom_right.lon;
                let between = if top_left.lon > bottom_right.lon {
                    east || west
                } else {
                    east && west
                };
                between && point.lat < top_left.lat && point.lat > bottom_right.lat
            }
            Self::Circle { center, radius_m } => distance_m(*center, point) < *radius_m,
            Self::Polygon {
                exterior,
                interiors,
            } => {
                side(exterior, point) == Side::Inside
                    && interiors
                        .iter()
                        .all(|hole| side(hole, point) == Side::Outside)
            }
        }
    }

    /// Southern and northern limit of the places of the region whose latitude [`is_latitude`],
    /// degrees, both inclusive; never too narrow.
    pub(crate) fn latitudes(&self) -> (f64, f64) {
        match self {
            Self::Box {
                top_left,
                bottom_right,
            } => (bottom_right.lat, top_left.lat),
            Self::Circle { center, radius_m } => {
                // A distance is never less than its difference of latitudes. One millionth more
                // than the exact angle covers what rounding loses.
                let angle = (radius_m / EARTH_RADIUS_M).to_degrees() * 1.000_001 + 1e-9;
                if is_latitude(center.lat) && angle.is_finite() {
                    (center.lat - angle, center.lat + angle)
                } else {
                    (f64::NEG_INFINITY, f64::INFINITY)
                }
            }
            Self::Polygon { exterior, .. } => exterior
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(south, north), at| {
                    (south.min(at.lat), north.max(at.lat))
                }),
        }
    }
}

/// Whether `lat` lies between the poles. Payloads are not checked when they are stored: the formula
/// of distances takes what lies beyond a pole for a place on the other side.
pub(crate) fn is_latitude(lat: f64) -> bool {
    (-90.0..=90.0).contains(&lat)
}

/// Reads `{lon, lat}`; `None` when either is missing or no number.
pub(crate) fn read_point(object: ObjectRef<'_>) -> Option<GeoPoint> {
    Some(GeoPoint {
        lon: object.get("lon")?.as_number()?,
        lat: object.get("lat")?.as_number()?,
    })
}

/// Great-circle distance by the haversine formula, metres.
pub fn distance_m(a: GeoPoint, b: GeoPoint) -> f64 {
    let (lat_a, lat_b) = (a.lat.to_radians(), b.lat.to_radians());
    let half_lat = (lat_b - lat_a) / 2.0;
    let half_lon = (b.lon - a.lon).to_radians() / 2.0;
    let (sin_lat, sin_lon) = (libm::sin(half_lat), libm::sin(half_lon));
    let chord = sin_lat * sin_lat + libm::cos(lat_a) * libm::cos(lat_b) * sin_lon * sin_lon;
    2.0 * libm::asin(libm::sqrt(chord).min(1.0)) * EARTH_RADIUS_M
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Inside,
    Boundary,
    Outside,
}

/// Where `point` lies relative to a closed ring, in the plane of degrees (crossing number).
fn side(ring: &[GeoPoint], point: GeoPoint) -> Side {
    let mut inside = false;
    for edge in ring.windows(2) {
        let (a, b) = (edge[0], edge[1]);
        let turn = (b.lon - a.lon) * (point.lat - a.lat) - (b.lat - a.lat) * (point.lon - a.lon);
        let spans_lat = a.lat.min(b.lat) <= point.lat && point.lat <= a.lat.max(b.lat);
        let spans_lon = a.lon.min(b.lon) <= point.lon && point.lon <= a.lon.max(b.lon);
        if turn == 0.0 && spans_lat && spans_lon {
            return Side::Boundary;
        }
        // Half-open in latitude, so that a corner is counted with one of its two edges.
        if (a.lat > point.lat) != (b.lat > point.lat) && (turn > 0.0) == (b.lat > a.lat) {
            inside = !inside;
        }
    }
    if inside { Side::Inside } else { Side::Outside }
}
