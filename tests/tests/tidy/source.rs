//! Rust files, parsed; and the rules that need more than lines: `unwrap` and documentation.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;
use syn::visit_mut::VisitMut;

use crate::assert_none;
use crate::tree::files_ending;

/// A parsed Rust file.
pub(crate) struct Source {
    /// Relative to the root.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) syntax: syn::File,
    /// Compiled for tests only: it lies under a `tests` folder, is called `tests.rs`, or its `mod`
    /// line carries `#[cfg(test)]`.
    pub(crate) for_tests: bool,
}

/// Every Rust file of the repository.
pub(crate) fn sources() -> Vec<Source> {
    let mut sources: Vec<Source> = files_ending(".rs")
        .into_iter()
        .map(|file| {
            let text = file
                .text()
                .unwrap_or_else(|| panic!("{}: not UTF-8", file.path));
            let syntax = syn::parse_file(&text).unwrap_or_else(|error| {
                panic!("{}:{}: {error}", file.path, error.span().start().line)
            });
            let folder = file
                .path
                .split('/')
                .any(|part| part == "tests" || part == "benches");
            let for_tests = folder || file.stem() == "tests" || file.path.contains("/testkit/");
            Source {
                path: file.path,
                text,
                syntax,
                for_tests,
            }
        })
        .collect();
    let only_tests: BTreeSet<String> = sources.iter().flat_map(modules_for_tests).collect();
    for source in &mut sources {
        source.for_tests |= only_tests.contains(&source.path);
    }
    sources
}

/// The files that `#[cfg(test)] mod name;` lines of this file may mean.
fn modules_for_tests(source: &Source) -> Vec<String> {
    let (folder, name) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let stem = name.trim_end_matches(".rs");
    let inner = if ["lib", "main", "mod"].contains(&stem) {
        folder.to_owned()
    } else {
        format!("{folder}/{stem}")
    };
    let modules = source.syntax.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) if module.content.is_none() && is_for_tests(&module.attrs) => {
            Some(module.ident.to_string())
        }
        _ => None,
    });
    modules
        .flat_map(|name| {
            [
                format!("{inner}/{name}.rs"),
                format!("{inner}/{name}/mod.rs"),
            ]
        })
        .collect()
}

/// Whether an item carries `#[test]` or `#[cfg(test)]`.
pub(crate) fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        path.is_ident("test")
            || (path.is_ident("cfg")
                && attribute
                    .parse_args::<syn::Path>()
                    .is_ok_and(|condition| condition.is_ident("test")))
    })
}

/// Takes the tests out of a file.
struct WithoutTests;

impl VisitMut for WithoutTests {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        file.items.retain(|item| !is_for_tests(attributes(item)));
        syn::visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !is_for_tests(attributes(item)));
        }
        syn::visit_mut::visit_item_mod_mut(self, module);
    }
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The lines on which `.unwrap()` is called, inside macros too.
fn unwraps(tokens: TokenStream, lines: &mut Vec<usize>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => unwraps(group.stream(), lines),
            TokenTree::Ident(name) if *name == "unwrap" => {
                let dot = index.checked_sub(1).and_then(|before| tokens.get(before));
                if matches!(dot, Some(TokenTree::Punct(punct)) if punct.as_char() == '.') {
                    lines.push(name.span().start().line);
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// `expect("why it holds")` says what an `unwrap` leaves to guess.
#[test]
fn nothing_is_unwrapped_outside_tests() {
    let mut violations = Vec::new();
    for mut source in sources().into_iter().filter(|source| !source.for_tests) {
        WithoutTests.visit_file_mut(&mut source.syntax);
        let mut lines = Vec::new();
        for item in &source.syntax.items {
            unwraps(quote(item), &mut lines);
        }
        violations.extend(lines.iter().map(|line| format!("{}:{line}", source.path)));
    }
    assert_none("unwrap outside tests", &violations);
}

fn quote(item: &syn::Item) -> TokenStream {
    let mut tokens = TokenStream::new();
    quote::ToTokens::to_tokens(item, &mut tokens);
    tokens
}

/// Counts `pub` things and the documented ones among them.
#[derive(Default)]
struct Documented {
    all: usize,
    /// Lines of the others.
    missing: Vec<(usize, String)>,
    /// Inside a trait or an enum that is itself `pub`.
    inside_pub: bool,
}

impl Documented {
    fn count(&mut self, name: &syn::Ident, attributes: &[syn::Attribute]) {
        self.all += 1;
        if !attributes
            .iter()
            .any(|attribute| attribute.path().is_ident("doc"))
        {
            self.missing
                .push((name.span().start().line, name.to_string()));
        }
    }
}

fn is_pub(visibility: &syn::Visibility) -> bool {
    matches!(visibility, syn::Visibility::Public(_))
}

impl<'ast> Visit<'ast> for Documented {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let named = match item {
            syn::Item::Const(item) => Some((&item.vis, &item.ident, &item.attrs)),
            syn::Item::Enum(item) => Some((&item.vis, &item.ident, &item.attrs)),
            syn::Item::Fn(item) => Some((&item.vis, &item.sig.ident, &item.attrs)),
            syn::Item::Static(item) => Some((&item.vis, &item.ident, &item.attrs)),
            syn::Item::Struct(item) => Some((&item.vis, &item.ident, &item.attrs)),
            syn::Item::Trait(item) => Some((&item.vis, &item.ident, &item.attrs)),
            syn::Item::Type(item) => Some((&item.vis, &item.ident, &item.attrs)),
            _ => None,
        };
        let outer = self.inside_pub;
        self.inside_pub = named.is_some_and(|(visibility, ..)| is_pub(visibility));
        if let Some((_, name, attributes)) = named.filter(|(visibility, ..)| is_pub(visibility)) {
            self.count(name, attributes);
        }
        syn::visit::visit_item(self, item);
        self.inside_pub = outer;
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if is_pub(&function.vis) {
            self.count(&function.sig.ident, &function.attrs);
        }
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if self.inside_pub {
            self.count(&function.sig.ident, &function.attrs);
        }
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        if self.inside_pub {
            self.count(&variant.ident, &variant.attrs);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if let Some(name) = field.ident.as_ref().filter(|_| is_pub(&field.vis)) {
            self.count(name, &field.attrs);
        }
    }
}

/// At least 95 % in every crate, so that one well-documented crate cannot carry another.
#[test]
fn public_items_are_documented() {
    let mut crates: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    for mut source in sources().into_iter().filter(|source| !source.for_tests) {
        WithoutTests.visit_file_mut(&mut source.syntax);
        let mut documented = Documented::default();
        documented.visit_file(&source.syntax);
        let krate = source
            .path
            .split("/src/")
            .next()
            .unwrap_or_default()
            .to_owned();
        let (all, missing) = crates.entry(krate).or_default();
        *all += documented.all;
        missing.extend(
            documented
                .missing
                .iter()
                .map(|(line, name)| format!("{}:{line}: {name}", source.path)),
        );
    }
    let violations: Vec<String> = crates
        .into_values()
        .filter(|(all, missing)| missing.len() * 20 > *all)
        .flat_map(|(_, missing)| missing)
        .collect();
    assert_none("undocumented public items", &violations);
}
