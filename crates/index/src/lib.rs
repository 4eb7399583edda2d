//! Vector indexes over one immutable block of rows: flat and HNSW on 8-bit codes.
