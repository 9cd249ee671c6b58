//! One Rust file, parsed, with what the rules ask about it.

use std::ops::RangeInclusive;

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::{Attribute, Item, Meta};

/// A Rust file and where it lies.
pub(crate) struct Source<'a> {
    /// Relative to the root, with `/`.
    pub(super) path: &'a str,
    /// As written.
    pub(super) text: &'a str,
    /// As parsed.
    pub(crate) file: syn::File,
    /// Every word and sign in order, with brackets taken off.
    pub(super) tokens: Vec<TokenTree>,
}

impl<'a> Source<'a> {
    /// Parses the file.
    pub(crate) fn parse(path: &'a str, text: &'a str) -> syn::Result<Self> {
        let mut tokens = Vec::new();
        flatten(text.parse()?, &mut tokens);
        Ok(Self {
            path,
            text,
            file: syn::parse_file(text)?,
            tokens,
        })
    }

    /// The file's words with the place of each in [`Self::tokens`].
    pub(super) fn words(&self) -> impl Iterator<Item = (usize, &Ident)> {
        self.tokens
            .iter()
            .enumerate()
            .filter_map(|(at, token)| match token {
                TokenTree::Ident(word) => Some((at, word)),
                _ => None,
            })
    }

    /// The last two words before a place when they lead to it by `::`, nearest first.
    pub(super) fn led_by(&self, at: usize) -> Option<String> {
        let [before, first, second] = self.tokens.get(at.checked_sub(3)?..at)? else {
            return None;
        };
        let colons = first.to_string() == ":" && second.to_string() == ":";
        colons.then(|| before.to_string())
    }

    /// Whether a line belongs to a test: of a file under `tests/`, or of a module that only tests compile.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        let in_folder = self.path.starts_with("tests/") || self.path.contains("/tests/");
        let in_file = self.path.ends_with("/tests.rs");
        in_folder || in_file || self.test_modules().any(|lines| lines.contains(&line))
    }

    /// Whether the file is product code of one of these crates.
    pub(super) fn is_product_of(&self, crates: &[&str]) -> bool {
        crates
            .iter()
            .any(|name| self.path.starts_with(&format!("crates/{name}/src/")))
    }

    fn test_modules(&self) -> impl Iterator<Item = RangeInclusive<usize>> {
        self.file.items.iter().filter_map(|item| match item {
            Item::Mod(module) if module.attrs.iter().any(is_cfg_test) => Some(lines(module.span())),
            _ => None,
        })
    }
}

/// The lines that a piece of code takes.
pub(super) fn lines(span: proc_macro2::Span) -> RangeInclusive<usize> {
    span.start().line..=span.end().line
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string().contains("test"),
        _ => false,
    }
}

fn flatten(stream: TokenStream, out: &mut Vec<TokenTree>) {
    for token in stream {
        match token {
            TokenTree::Group(group) => flatten(group.stream(), out),
            other => out.push(other),
        }
    }
}
