//! Where in a source file a mutant can be switched, and what stands there when it is on.
//!
//! A mutant is found by the span that cargo-mutants names. What stands where no program can decide at its run time
//! (constants, `const fn`, `let` chains, macros) has no place here and is judged the slow way.

use std::collections::HashMap;
use std::ops::Range;

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, ExprBinary};

use super::super::list::{Mutant, Place};

/// The number by which a mutant is switched on. From 1: 0 is the code as it is.
pub(crate) type Number = u32;

/// A place in a source file where something is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Site {
    /// What it takes of the source, in bytes.
    pub(super) range: Range<usize>,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A function. Nothing is put there; it says how far an error may reach whose mutant cannot be told.
    Scope,
    /// In front of a function's first statement: it returns at once.
    Returns(Vec<Alternate>),
    /// Behind the pattern of an arm: it matches nothing.
    Unmatched(Number),
    /// Another expression instead of this one.
    Choice(Vec<Alternate>),
}

/// What is computed instead while a mutant is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alternate {
    pub(super) number: Number,
    pub(super) text: String,
}

/// Finds the places of a file's mutants. Those that are in no site cannot be switched.
pub(super) fn find(text: &str, mutants: &[(Number, &Mutant)]) -> syn::Result<Vec<Site>> {
    let file = syn::parse_file(text)?;
    let lines = Lines::of(text);
    let mut wanted = Wanted::new();
    for (number, mutant) in mutants {
        if let Some(range) = lines.range(text, &mutant.place) {
            let key = (range.start, range.end, mutant.genre.as_str());
            let replacement = mutant.replacement.as_str();
            wanted.entry(key).or_default().push((*number, replacement));
        }
    }
    let mut finder = Finder {
        text,
        wanted,
        sites: Vec::new(),
        fixed: false,
        chain: Chain::default(),
    };
    finder.visit_file(&file);
    Ok(finder.sites)
}

/// Where each line begins, in bytes.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(ends).collect())
    }

    /// The bytes of a place; lines and columns are counted from 1, columns in characters.
    pub(super) fn range(&self, text: &str, place: &Place) -> Option<Range<usize>> {
        let byte = |(line, column): (usize, usize)| {
            let start = *self.0.get(line.checked_sub(1)?)?;
            let rest = text.get(start..)?;
            let mut chars = rest.char_indices().map(|(at, _)| at);
            Some(start + chars.nth(column.checked_sub(1)?).unwrap_or(rest.len()))
        };
        Some(byte(place.start)?..byte(place.end)?)
    }
}

/// The outermost expressions around an operator that no bracket separates from it.
#[derive(Default, Clone, Copy)]
struct Chain<'a> {
    /// With `&&` and `||`.
    all: Option<&'a ExprBinary>,
    /// Only with signs that bind tighter than these.
    tight: Option<&'a ExprBinary>,
}

/// What replaces a range of the source, by its ends and the kind of change.
type Wanted<'t> = HashMap<(usize, usize, &'t str), Vec<(Number, &'t str)>>;

struct Finder<'a, 't> {
    text: &'t str,
    wanted: Wanted<'t>,
    sites: Vec<Site>,
    /// Whether this is evaluated by the compiler.
    fixed: bool,
    chain: Chain<'a>,
}

impl<'a> Finder<'a, '_> {
    fn wanted(&mut self, range: &Range<usize>, genre: &'static str) -> Vec<(Number, String)> {
        if self.fixed {
            return Vec::new();
        }
        let found = self.wanted.remove(&(range.start, range.end, genre));
        let found = found.unwrap_or_default().into_iter();
        found
            .map(|(number, new)| (number, new.to_owned()))
            .collect()
    }

    fn choose(&mut self, range: Range<usize>, alternates: Vec<Alternate>) {
        if !alternates.is_empty() {
            let kind = Kind::Choice(alternates);
            self.sites.push(Site { range, kind });
        }
    }

    /// The source of a range, with a part of it replaced.
    fn with(&self, range: &Range<usize>, part: &Range<usize>, new: &str) -> String {
        let piece = |range: Range<usize>| self.text.get(range).unwrap_or_default();
        let before = piece(range.start..part.start);
        format!("{before}{new}{}", piece(part.end..range.end))
    }

    /// Walks through something that the compiler evaluates.
    fn fixed(&mut self, fixed: bool, walk: impl FnOnce(&mut Self)) {
        let (before, chain) = (self.fixed, std::mem::take(&mut self.chain));
        self.fixed |= fixed;
        walk(self);
        (self.fixed, self.chain) = (before, chain);
    }

    fn function(
        &mut self,
        range: Range<usize>,
        signature: &syn::Signature,
        block: Option<&syn::Block>,
        walk: impl FnOnce(&mut Self),
    ) {
        let kind = Kind::Scope;
        self.sites.push(Site { range, kind });
        // A function in a constant is none: what counts is how it is declared itself.
        let before = std::mem::replace(&mut self.fixed, signature.constness.is_some());
        if let Some((first, last)) = block.and_then(|block| {
            let first = block.stmts.first()?.span().byte_range();
            Some((first, block.stmts.last()?.span().byte_range()))
        }) {
            let found = self.wanted(&(first.start..last.end), "FnValue");
            let returns = found
                .into_iter()
                .map(|(number, text)| Alternate { number, text });
            let returns: Vec<_> = returns.collect();
            if !returns.is_empty() {
                let range = first.start..first.start;
                let kind = Kind::Returns(returns);
                self.sites.push(Site { range, kind });
            }
        }
        walk(self);
        self.fixed = before;
    }

    /// Replaces one operator. cargo-mutants replaces its text, and where the new one binds otherwise, the whole chain
    /// means something else: then the whole chain is what is chosen from.
    fn operator(&mut self, node: &'a ExprBinary, chain: Chain<'a>) {
        let op = node.op.span().byte_range();
        let own = node.span().byte_range();
        let found = self.wanted(&op, "BinaryOperator");
        let lazy = is_lazy(&node.op);
        let root = if lazy { chain.all } else { chain.tight }.unwrap_or(node);
        let whole = root.span().byte_range();
        if lazy && has_let(root) {
            return;
        }
        let (mut here, mut around) = (Vec::new(), Vec::new());
        for (number, new) in found {
            let text = self.with(&whole, &op, &new);
            let Ok(Expr::Binary(read)) = syn::parse_str::<Expr>(&text) else {
                continue;
            };
            if shape_of(self.text, root, Some((op.start, &new))) == shape_of(&text, &read, None) {
                let text = self.with(&own, &op, &new);
                here.push(Alternate { number, text });
            } else {
                around.push(Alternate { number, text });
            }
        }
        self.choose(whole, around);
        self.choose(own, here);
    }

    fn struct_fields(&mut self, node: &syn::ExprStruct) {
        let whole = node.span().byte_range();
        let mut alternates = Vec::new();
        for pair in node.fields.pairs() {
            let mut range = pair.value().span().byte_range();
            if let Some(comma) = pair.punct() {
                range.end = comma.span().byte_range().end;
            }
            for (number, _) in self.wanted(&range, "StructField") {
                let text = self.with(&whole, &range, "");
                alternates.push(Alternate { number, text });
            }
        }
        self.choose(whole, alternates);
    }
}

fn is_lazy(op: &BinOp) -> bool {
    matches!(op, BinOp::And(_) | BinOp::Or(_))
}

fn assigns(op: &BinOp) -> bool {
    matches!(
        op,
        BinOp::AddAssign(_)
            | BinOp::SubAssign(_)
            | BinOp::MulAssign(_)
            | BinOp::DivAssign(_)
            | BinOp::RemAssign(_)
            | BinOp::BitXorAssign(_)
            | BinOp::BitAndAssign(_)
            | BinOp::BitOrAssign(_)
            | BinOp::ShlAssign(_)
            | BinOp::ShrAssign(_)
    )
}

/// Whether a chain of conditions has a `let` in it: such a chain can only stand where it is, and knows no `||`.
fn has_let(chain: &ExprBinary) -> bool {
    [&chain.left, &chain.right]
        .into_iter()
        .any(|side| match &**side {
            Expr::Let(_) => true,
            Expr::Binary(inner) => has_let(inner),
            _ => false,
        })
}

/// What belongs to what, with all brackets written, and possibly another operator at one place.
fn shape(text: &str, expr: &Expr, other: Option<(usize, &str)>) -> String {
    match expr {
        Expr::Binary(node) => shape_of(text, node, other),
        leaf => {
            let source = text.get(leaf.span().byte_range());
            source.unwrap_or_default().to_owned()
        }
    }
}

fn shape_of(text: &str, node: &ExprBinary, other: Option<(usize, &str)>) -> String {
    let op = node.op.span().byte_range();
    let sign = match other {
        Some((at, new)) if at == op.start => new,
        _ => text.get(op).unwrap_or_default(),
    };
    let left = shape(text, &node.left, other);
    format!("({left} {sign} {})", shape(text, &node.right, other))
}

impl<'a> Visit<'a> for Finder<'a, '_> {
    fn visit_item_fn(&mut self, node: &'a syn::ItemFn) {
        let range = node.span().byte_range();
        self.function(range, &node.sig, Some(&node.block), |finder| {
            visit::visit_item_fn(finder, node);
        });
    }

    fn visit_impl_item_fn(&mut self, node: &'a syn::ImplItemFn) {
        let range = node.span().byte_range();
        self.function(range, &node.sig, Some(&node.block), |finder| {
            visit::visit_impl_item_fn(finder, node);
        });
    }

    fn visit_trait_item_fn(&mut self, node: &'a syn::TraitItemFn) {
        let range = node.span().byte_range();
        self.function(range, &node.sig, node.default.as_ref(), |finder| {
            visit::visit_trait_item_fn(finder, node);
        });
    }

    fn visit_item_const(&mut self, node: &'a syn::ItemConst) {
        self.fixed(true, |finder| visit::visit_item_const(finder, node));
    }

    fn visit_item_static(&mut self, node: &'a syn::ItemStatic) {
        self.fixed(true, |finder| visit::visit_item_static(finder, node));
    }

    fn visit_impl_item_const(&mut self, node: &'a syn::ImplItemConst) {
        self.fixed(true, |finder| visit::visit_impl_item_const(finder, node));
    }

    fn visit_trait_item_const(&mut self, node: &'a syn::TraitItemConst) {
        self.fixed(true, |finder| visit::visit_trait_item_const(finder, node));
    }

    fn visit_variant(&mut self, node: &'a syn::Variant) {
        self.fixed(true, |finder| visit::visit_variant(finder, node));
    }

    fn visit_type(&mut self, node: &'a syn::Type) {
        self.fixed(true, |finder| visit::visit_type(finder, node));
    }

    fn visit_generic_argument(&mut self, node: &'a syn::GenericArgument) {
        self.fixed(true, |finder| visit::visit_generic_argument(finder, node));
    }

    fn visit_expr_const(&mut self, node: &'a syn::ExprConst) {
        self.fixed(true, |finder| visit::visit_expr_const(finder, node));
    }

    fn visit_expr_repeat(&mut self, node: &'a syn::ExprRepeat) {
        self.visit_expr(&node.expr);
        self.fixed(true, |finder| finder.visit_expr(&node.len));
    }

    fn visit_pat(&mut self, node: &'a syn::Pat) {
        self.fixed(true, |finder| visit::visit_pat(finder, node));
    }

    fn visit_expr_binary(&mut self, node: &'a ExprBinary) {
        let mut chain = std::mem::take(&mut self.chain);
        chain.all.get_or_insert(node);
        if is_lazy(&node.op) {
            chain.tight = None;
        } else {
            chain.tight.get_or_insert(node);
        }
        self.operator(node, chain);
        for side in [&node.left, &node.right] {
            if matches!(**side, Expr::Binary(_)) && !assigns(&node.op) {
                self.chain = chain;
            }
            self.visit_expr(side);
        }
    }

    fn visit_expr_unary(&mut self, node: &'a syn::ExprUnary) {
        let found = self.wanted(&node.op.span().byte_range(), "UnaryOperator");
        let (whole, operand) = (node.span().byte_range(), node.expr.span().byte_range());
        let text = self.text.get(operand.start..whole.end).unwrap_or_default();
        let alternates = found.into_iter().map(|(number, _)| Alternate {
            number,
            text: text.to_owned(),
        });
        let alternates = alternates.collect();
        self.choose(whole, alternates);
        visit::visit_expr_unary(self, node);
    }

    fn visit_arm(&mut self, node: &'a syn::Arm) {
        let behind = node.pat.span().byte_range().end;
        for (number, _) in self.wanted(&node.span().byte_range(), "MatchArm") {
            self.sites.push(Site {
                range: behind..behind,
                kind: Kind::Unmatched(number),
            });
        }
        if let Some((_, guard)) = &node.guard {
            let range = guard.span().byte_range();
            let found = self.wanted(&range, "MatchArmGuard").into_iter();
            let alternates = found.map(|(number, text)| Alternate { number, text });
            let alternates = alternates.collect();
            self.choose(range, alternates);
        }
        visit::visit_arm(self, node);
    }

    fn visit_expr_struct(&mut self, node: &'a syn::ExprStruct) {
        self.struct_fields(node);
        visit::visit_expr_struct(self, node);
    }
}
