//! How long a line, a function and a file may be.

use syn::spanned::Spanned;
use syn::visit::Visit;

use crate::assert_none;
use crate::source::sources;
use crate::tree::files;

const LINE_COLUMNS_MAX: usize = 100;
const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 500;

#[test]
fn lines_are_at_most_100_columns() {
    let mut violations = Vec::new();
    let code = [".rs", ".py", "test", "run"];
    for file in files()
        .iter()
        .filter(|file| code.iter().any(|end| file.path.ends_with(end)))
    {
        for (index, line) in file.text().unwrap_or_default().lines().enumerate() {
            let columns = line.chars().count();
            if columns > LINE_COLUMNS_MAX {
                violations.push(format!("{}:{}: {columns} columns", file.path, index + 1));
            }
        }
    }
    assert_none("long lines", &violations);
}

/// Collects functions that are too long, methods and nested ones included.
struct Functions<'a> {
    path: &'a str,
    too_long: Vec<String>,
}

impl Functions<'_> {
    fn measure(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let first = signature.span().start().line;
        let lines = block.span().end().line - first + 1;
        if lines > FUNCTION_LINES_MAX {
            let name = &signature.ident;
            self.too_long
                .push(format!("{}:{first}: {name} has {lines} lines", self.path));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.measure(&function.sig, &function.block);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.measure(&function.sig, block);
        }
        syn::visit::visit_trait_item_fn(self, function);
    }
}

#[test]
fn functions_are_at_most_70_lines() {
    let mut violations = Vec::new();
    for source in sources() {
        let mut functions = Functions {
            path: &source.path,
            too_long: Vec::new(),
        };
        functions.visit_file(&source.syntax);
        violations.append(&mut functions.too_long);
    }
    assert_none("long functions", &violations);
}

/// Before the tests, that is: a file holds one idea, and its tests may be as many as it needs.
#[test]
fn files_are_at_most_500_lines() {
    let mut violations = Vec::new();
    for source in sources().iter().filter(|source| !source.for_tests) {
        let lines = source
            .text
            .lines()
            .position(|line| line.trim() == "#[cfg(test)]")
            .unwrap_or_else(|| source.text.lines().count());
        if lines > FILE_LINES_MAX {
            violations.push(format!("{}:1: {lines} lines before the tests", source.path));
        }
    }
    assert_none("long files", &violations);
}
