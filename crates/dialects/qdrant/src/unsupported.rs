//! Routes of Qdrant whose features this build does not have. They are listed so that a client
//! gets a clear answer instead of a missing route.

use gateway::Call;

use crate::envelope::Answer;
use crate::error::Failure;

/// `…/vectors/{vector_name}`
pub(crate) async fn change_vectors(_: &Call<'_>) -> Answer {
    Err(Failure::unsupported(
        "adding or removing vector fields of a collection",
    ))
}
