//! The Qdrant REST dialect: wire structs, decoding, encoding, the error mapping.
