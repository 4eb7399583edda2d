//! Strict mode: limits that a collection sets to its own requests.
//!
//! | module | what is in it |
//! |---|---|
//! | [`settings`] | the limits on the wire |
//! | [`limits`] | holding requests to them |
//! | [`filters`] | how large filters are, and which of their keys have no index |
//! | [`rates`] | how many operations a minute |
//! | [`scans`] | searches that would compare every vector |

mod filters;
mod limits;
mod rates;
mod scans;
mod settings;

pub(crate) use filters::unindexed;
pub(crate) use limits::{Generation, Limits};
pub(crate) use rates::{Kind, Rates};
pub(crate) use settings::StrictMode;
