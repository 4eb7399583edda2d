//! Places on the globe in filters.

use model::{GeoPoint, Test};
use serde::Deserialize;

use crate::error::Failure;

#[derive(Deserialize)]
struct WirePoint {
    lon: f64,
    lat: f64,
}

/// Between two corners.
#[derive(Deserialize)]
pub(super) struct WireBox {
    top_left: WirePoint,
    bottom_right: WirePoint,
}

/// Around a centre, in metres.
#[derive(Deserialize)]
pub(super) struct WireRadius {
    center: WirePoint,
    radius: f64,
}

#[derive(Deserialize)]
struct WireRing {
    points: Vec<WirePoint>,
}

/// Inside a ring and outside its holes.
#[derive(Deserialize)]
pub(super) struct WirePolygon {
    exterior: WireRing,
    interiors: Option<Vec<WireRing>>,
}

/// Fewest points of a closed ring: a triangle and its first corner again.
const RING_POINTS_MIN: usize = 4;

impl WirePoint {
    fn decode(self) -> Result<GeoPoint, Failure> {
        let Self { lon, lat } = self;
        if !(-180.0..=180.0).contains(&lon) || !(-90.0..=90.0).contains(&lat) {
            return Err(Failure::format(format_args!(
                "Wrong format of GeoPoint payload: expected `lat` = {lat} within [-90;90] and \
                 `lon` = {lon} within [-180;180]"
            )));
        }
        Ok(GeoPoint { lon, lat })
    }
}

impl WireBox {
    pub(super) fn decode(self) -> Result<Test, Failure> {
        let (top_left, bottom_right) = (self.top_left.decode()?, self.bottom_right.decode()?);
        Ok(Test::GeoBox {
            top_left,
            bottom_right,
        })
    }
}

impl WireRadius {
    pub(super) fn decode(self) -> Result<Test, Failure> {
        Ok(Test::GeoRadius {
            center: self.center.decode()?,
            radius_m: self.radius,
        })
    }
}

impl WireRing {
    fn decode(self) -> Result<Vec<GeoPoint>, Failure> {
        let points: Vec<GeoPoint> = self
            .points
            .into_iter()
            .map(WirePoint::decode)
            .collect::<Result<_, _>>()?;
        if points.len() < RING_POINTS_MIN {
            return Err(Failure::format(format_args!(
                "polygon invalid, the size must be at least {RING_POINTS_MIN}, got {}",
                points.len()
            )));
        }
        if points.first() != points.last() {
            return Err(Failure::format(
                "polygon invalid, the first and the last points should be the same to form a \
                 closed line",
            ));
        }
        Ok(points)
    }
}

impl WirePolygon {
    pub(super) fn decode(self) -> Result<Test, Failure> {
        let holes = self.interiors.unwrap_or_default();
        Ok(Test::GeoPolygon {
            exterior: self.exterior.decode()?,
            interiors: holes
                .into_iter()
                .map(WireRing::decode)
                .collect::<Result<_, _>>()?,
        })
    }
}
