//! The route tables as Markdown, for the README.

use std::fmt::Write;

use crate::{Access, Dialect};

/// A Markdown table of the routes of `dialect`, in the order of its table.
pub fn table(dialect: &dyn Dialect) -> String {
    let mut text = String::from("| method | path | key | what it does |\n|---|---|---|---|\n");
    for route in dialect.routes() {
        let key = match route.access {
            Access::Open => "none",
            Access::Listed
            | Access::Read
            | Access::Describe
            | Access::Inspect
            | Access::Observe => "read",
            Access::Write | Access::Tend | Access::Manage => "full",
        };
        let (method, path, doc) = (&route.method, route.path, route.doc);
        writeln!(text, "| {method} | `{path}` | {key} | {doc} |")
            .expect("writing to a string cannot fail");
    }
    text
}
