//! Collections: their settings on the wire, and the requests about them.
//!
//! | module | what is in it |
//! |---|---|
//! | [`settings`] | the settings objects of Qdrant, checked |
//! | [`vectors`] | the settings of single vector fields |
//! | [`sparse`] | those of sparse ones |
//! | [`fields`] | the handlers about single vector fields |
//! | [`kept`] | what is remembered of a request, and the schema that follows from it |
//! | [`describe`] | a collection as `GET` shows it |
//! | [`placement`] | where settings want bytes to live |
//! | [`quantization`] | `quantization_config` |
//! | [`requests`] | the handlers |
//! | [`upkeep`] | what the background does |

mod describe;
mod fields;
mod kept;
mod placement;
mod quantization;
mod requests;
mod settings;
mod sparse;
mod upkeep;
mod vectors;

pub(crate) use describe::{OptimizerStatus, Params, ShownConfig, config, data_type, status};
pub(crate) use fields::{add_vector, drop_vector};
pub(crate) use kept::{object_of, payload_m, read_object, strict_mode};
pub(crate) use placement::placement;
pub(crate) use requests::{create, delete, exists, get, list, update};
pub(crate) use upkeep::optimizations;
