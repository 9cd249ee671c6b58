//! Rules about the shape of a Rust file: its opening, its length, its functions, its names, its constants.

use std::path::Path;

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, FnArg, Meta, Signature, Type, Visibility};

use super::Finding;
use super::source::{Source, lines};

/// Lines of a file beyond which it holds more than one thing.
const MAX_FILE: usize = 800;

/// Lines of a function, from its signature to its closing brace.
const MAX_FUNCTION: usize = 70;

/// Names that say nothing about what a module holds.
const EMPTY_NAMES: [&str; 8] = [
    "common",
    "helper",
    "helpers",
    "manager",
    "misc",
    "util",
    "utilities",
    "utils",
];

/// Checks one file.
pub(super) fn check(source: &Source<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let say = |line, rule, what: String| Finding::new(source.path, line, rule, what);
    if !opens_with_its_page(source.text) {
        found.push(say(
            1,
            "opening",
            "the file must open with //! that says what it holds".into(),
        ));
    }
    let length = source.text.lines().count();
    if length > MAX_FILE && !source.text.contains("@generated") {
        found.push(say(
            MAX_FILE + 1,
            "length",
            format!("{length} lines; at most {MAX_FILE}"),
        ));
    }
    if let Some(name) = empty_name_in(source.path) {
        found.push(say(
            1,
            "name",
            format!("`{name}` says nothing about what it holds"),
        ));
    }
    let mut visitor = Shape {
        path: source.path,
        found,
    };
    visitor.visit_file(&source.file);
    visitor.found
}

/// Whether the first line is module documentation; only a shebang may come before.
fn opens_with_its_page(text: &str) -> bool {
    let mut lines = text.lines().skip_while(|line| line.starts_with("#!/"));
    lines.next().is_some_and(|line| line.starts_with("//!"))
}

fn empty_name_in(path: &str) -> Option<&str> {
    let parts = Path::new(path).with_extension("");
    let empty = |part: &&str| parts.iter().any(|one| one == *part);
    EMPTY_NAMES.into_iter().find(|name| empty(name))
}

struct Shape<'a> {
    path: &'a str,
    found: Vec<Finding>,
}

impl Shape<'_> {
    fn say(&mut self, span: Span, rule: &'static str, what: impl Into<String>) {
        self.found
            .push(Finding::new(self.path, span.start().line, rule, what));
    }

    fn function(&mut self, signature: &Signature, body: &Block) {
        let length = lines(body.span()).end() + 1 - signature.span().start().line;
        if length > MAX_FUNCTION {
            let name = &signature.ident;
            self.say(
                signature.span(),
                "function",
                format!("`{name}` has {length} lines; at most {MAX_FUNCTION}"),
            );
        }
    }

    fn arguments(&mut self, visibility: &Visibility, signature: &Signature) {
        let flags = signature.inputs.iter().filter(|one| is_bool(one)).count();
        if flags > 0 && matches!(visibility, Visibility::Public(_)) {
            let what = format!(
                "`{}` takes a bool; a type with two names reads better",
                signature.ident
            );
            let line = signature.span().start().line;
            self.found
                .push(Finding::new(self.path, line, "bool", what).into_warning());
        }
    }
}

impl<'ast> Visit<'ast> for Shape<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        self.arguments(&item.vis, &item.sig);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        self.arguments(&item.vis, &item.sig);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if EMPTY_NAMES.iter().any(|name| item.ident == name) {
            self.say(
                item.span(),
                "name",
                format!("`{}` says nothing about what it holds", item.ident),
            );
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        let public = !matches!(item.vis, Visibility::Inherited);
        let documented = item.attrs.iter().any(|one| one.path().is_ident("doc"));
        if self.path.ends_with("/limits.rs") && public && !documented {
            self.say(
                item.span(),
                "limit",
                format!("`{}` must say why it is as it is", item.ident),
            );
        }
        visit::visit_item_const(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if matches!(&attribute.meta, Meta::Path(path) if path.is_ident("ignore")) {
            self.say(
                attribute.span(),
                "ignore",
                "an ignored test must say why: #[ignore = \"...\"]",
            );
        }
    }
}

fn is_bool(argument: &FnArg) -> bool {
    match argument {
        FnArg::Typed(typed) => matches!(&*typed.ty, Type::Path(path) if path.path.is_ident("bool")),
        FnArg::Receiver(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::broken;

    const PATH: &str = "crates/engine/src/store.rs";

    #[test]
    fn a_file_without_its_page_is_caught() {
        assert_eq!(broken(PATH, "use std::fmt;\n"), ["opening"]);
        assert_eq!(
            broken(PATH, "#![allow(dead_code)]\n//! Late.\n"),
            ["opening"]
        );
        assert!(broken(PATH, "//! The store.\n").is_empty());
    }

    #[test]
    fn a_file_may_have_800_lines_and_not_one_more() {
        let page = "//! The store.\n";
        let full = format!("{page}{}", "// a line\n".repeat(799));
        assert!(broken(PATH, &full).is_empty());
        assert_eq!(broken(PATH, &format!("{full}// one more\n")), ["length"]);
        assert!(broken(PATH, &format!("{full}// @generated\n")).is_empty());
    }

    #[test]
    fn a_function_may_have_70_lines_and_not_one_more() {
        let function = |lines: usize| {
            let body = "    step();\n".repeat(lines - 2);
            format!("//! Steps.\n/// Not counted.\nfn all() {{\n{body}}}\n")
        };
        assert!(broken(PATH, &function(70)).is_empty());
        assert_eq!(broken(PATH, &function(71)), ["function"]);
    }

    #[test]
    fn long_methods_and_default_methods_are_caught() {
        let body = "step();\n".repeat(71);
        for place in ["impl Store", "trait Store"] {
            let text = format!("//! Steps.\n{place} {{ fn all(&self) {{\n{body}}} }}\n");
            assert_eq!(broken(PATH, &text), ["function"], "{place}");
        }
    }

    #[test]
    fn names_that_say_nothing_are_caught() {
        assert_eq!(
            broken("crates/client/src/utils.rs", "//! Things.\n"),
            ["name"]
        );
        assert_eq!(
            broken("crates/client/tests/common/mod.rs", "//! Things.\n"),
            ["name"]
        );
        assert_eq!(broken(PATH, "//! Things.\nmod helpers {}\n"), ["name"]);
    }

    #[test]
    fn a_limit_without_its_reason_is_caught() {
        let path = "crates/wire/src/limits.rs";
        assert_eq!(
            broken(path, "//! Limits.\npub const MAX: usize = 3;\n"),
            ["limit"]
        );
        assert!(
            broken(
                path,
                "//! Limits.\n/// Three is enough.\npub const MAX: usize = 3;\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn a_test_ignored_without_a_reason_is_caught() {
        assert_eq!(
            broken(PATH, "//! Tests.\n#[test]\n#[ignore]\nfn slow() {}\n"),
            ["ignore"]
        );
        assert!(
            broken(
                PATH,
                "//! Tests.\n#[test]\n#[ignore = \"needs an hour\"]\nfn slow() {}\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn a_flag_in_a_public_function_is_a_warning() {
        let flagged = "//! Sends.\npub fn send(text: &str, urgent: bool) {}\n";
        assert_eq!(broken(PATH, flagged), ["bool"]);
        assert!(broken(PATH, &flagged.replace("pub ", "")).is_empty());
    }
}
