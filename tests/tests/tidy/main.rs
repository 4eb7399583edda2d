//! The rules of the repository, each as one test: a rule that is not executed rots.
//!
//! What a rule forbids, and why, is said beside it. Every message names `file:line`.

mod edges;
mod naming;
mod paths;
mod size;
mod source;
mod tree;
mod words;

/// Fails with one line per violation.
fn assert_none(rule: &str, violations: &[String]) {
    assert!(
        violations.is_empty(),
        "{rule}: {} violations\n{}",
        violations.len(),
        violations.join("\n")
    );
}
