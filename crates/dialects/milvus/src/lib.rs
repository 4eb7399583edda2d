//! The REST dialect of Milvus 1.x (its C++ server before 2.0), on port 19121 by custom.
//!
//! A Milvus collection is a collection with one vector field, dense or of bits. A partition is a
//! value in the payload of its points. What Milvus keeps about a collection and Skerry has no word
//! for lies in the attributes of the schema.
//!
//! | module | what is in it |
//! |---|---|
//! | `collections`, `indexes`, `partitions`, `segments` | requests about collections |
//! | `vectors` | requests that write, find and read vectors |
//! | `system` | the server itself: state, devices, settings, tasks |
//! | `view`, `kept`, `scope` | a collection as this dialect sees it, and parts of it |
//! | `index_kind` | index types and their parameters, and which engine serves them |
//! | `ids` | ids of points as signed integers; ids that the server chooses |
//! | `body`, `paging`, `names` | what requests have in common |
//! | `envelope`, `error` | responses, and the codes of errors |
//! | `memory` | what is remembered until the process ends |

mod body;
mod collections;
mod envelope;
mod error;
mod ids;
mod index_kind;
mod indexes;
mod kept;
mod memory;
mod names;
mod paging;
mod partitions;
mod routes;
mod scope;
mod segments;
mod system;
mod vectors;
mod view;

use gateway::{Dialect, Memory, Refusal, Response, Route};

/// The REST interface of Milvus 1.x.
pub struct Milvus;

impl Dialect for Milvus {
    fn name(&self) -> &'static str {
        "milvus"
    }

    fn routes(&self) -> &'static [Route] {
        routes::ROUTES
    }

    fn memory(&self) -> Memory {
        Box::new(memory::Remembered::default())
    }

    fn refuse(&self, refusal: &Refusal, _seconds: f64) -> Response {
        envelope::failed(&error::refused(refusal))
    }
}
