//! Strategies, a brute-force oracle and a faulty store for tests.
