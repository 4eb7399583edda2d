//! Filter evaluation, payload columns and cardinality estimates.
