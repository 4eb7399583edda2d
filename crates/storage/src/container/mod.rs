//! Part files: named, aligned, checksummed blocks, and a directory at the end.
//!
//! ```text
//! block │ zeros to the next multiple of 64 │ block │ … │ directory │ trailer (32 bytes)
//! ```
//!
//! The directory comes last so that a file can be written in one pass and opened by one read of
//! its tail ([`Directory::from_tail`]); from then on every block is one range. A file that is in
//! memory or mapped is opened by [`Container::open`], whose blocks are slices of it, not copies,
//! at addresses that are multiples of 64 when the file's is.
//!
//! **When are checksums verified?** The directory and every block of at most
//! [`EAGER_BYTES_MAX`] when the file is opened. A larger block when it is first asked for by
//! [`Container::block`], or never by [`Container::block_unverified`], or in the background by
//! [`Container::verify`]. Reading 94 MB of mapped vectors only to check them would cost more than
//! a whole start may take and would pull every page into memory, so rows are opened unverified and
//! checked in the background; graphs and directories, whose every number is trusted, are not.
//!
//! A block that is never read whole has a second one beside it with a checksum for each of its
//! pages ([`PageSums`]).

mod directory;
mod page_sums;
mod reader;
mod writer;

pub use directory::{BlockInfo, BlockSum, ContainerError, Directory, TRAILER_BYTES, TailRead};
pub use page_sums::{PAGE_BYTES, PageSums, page_sums, sums_name};
pub use reader::{Container, EAGER_BYTES_MAX};
pub use writer::{BlockName, SINGLE, pack};
