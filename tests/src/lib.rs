//! Black-box suites over the built server.
