//! How long a caller waits for a query of several steps.

use model::Error;

/// Asked between the steps of a query: an error ends it. The engine has no clock.
pub type Patience<'a> = &'a (dyn Fn() -> Result<(), Error> + Sync);

/// The patience of a caller who waits however long it takes.
pub const ENDLESS: Patience<'static> = &|| Ok(());
