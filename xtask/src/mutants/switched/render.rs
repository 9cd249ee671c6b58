//! A source file with its switches put in, and which bytes of it belong to which mutant.

use std::collections::BTreeSet;
use std::ops::Range;

use super::sites::{Alternate, Kind, Number, Site};

/// The source to compile.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    pub(super) text: String,
    /// Innermost first, where one contains another.
    marks: Vec<Mark>,
}

/// What a range of the new source is there for.
#[derive(Debug)]
struct Mark {
    range: Range<usize>,
    kind: MarkKind,
    numbers: Vec<Number>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MarkKind {
    Alternate,
    Choice,
    Scope,
}

/// Puts the switches in. Alternates keep the source as it is within: while one mutant is on, no other is.
pub(super) fn render(text: &str, mut sites: Vec<Site>) -> Rendered {
    // What is put in front comes before what begins there; what is outside before what is within.
    sites.sort_by_key(|site| {
        let within = !site.range.is_empty();
        (site.range.start, within, std::cmp::Reverse(site.range.end))
    });
    let mut renderer = Renderer {
        source: text,
        sites: &sites,
        done: Rendered::default(),
    };
    renderer.part(0..text.len());
    renderer.done
}

struct Renderer<'a> {
    source: &'a str,
    /// Those that are still to come.
    sites: &'a [Site],
    done: Rendered,
}

impl Renderer<'_> {
    fn part(&mut self, range: Range<usize>) {
        let mut at = range.start;
        while let Some((site, rest)) = self.sites.split_first() {
            if site.range.end > range.end || site.range.start > range.end {
                break;
            }
            self.sites = rest;
            self.copy(at..site.range.start);
            self.site(site);
            at = site.range.end;
        }
        self.copy(at..range.end);
    }

    fn copy(&mut self, range: Range<usize>) {
        self.put(self.source.get(range).unwrap_or_default());
    }

    fn put(&mut self, text: &str) {
        self.done.text.push_str(text);
    }

    fn mark(&mut self, start: usize, kind: MarkKind, numbers: Vec<Number>) {
        let range = start..self.done.text.len();
        self.done.marks.push(Mark {
            range,
            kind,
            numbers,
        });
    }

    fn site(&mut self, site: &Site) {
        let start = self.done.text.len();
        match &site.kind {
            Kind::Scope => {
                let first = self.done.marks.len();
                self.part(site.range.clone());
                let within = self.done.marks.get(first..).unwrap_or_default();
                let numbers: BTreeSet<_> = within.iter().flat_map(|mark| &mark.numbers).collect();
                let numbers = numbers.into_iter().copied().collect();
                self.mark(start, MarkKind::Scope, numbers);
            }
            Kind::Returns(alternates) => {
                for Alternate { number, text } in alternates {
                    self.put(&format!("if {} {{ return ", switch(*number)));
                    let start = self.done.text.len();
                    self.put(text);
                    self.mark(start, MarkKind::Alternate, vec![*number]);
                    self.put("; } ");
                }
                let numbers = alternates.iter().map(|other| other.number).collect();
                self.mark(start, MarkKind::Choice, numbers);
            }
            Kind::Unmatched(number) => {
                self.put(&format!(" if !{}", switch(*number)));
                self.mark(start, MarkKind::Alternate, vec![*number]);
            }
            Kind::Choice(alternates) => {
                self.put("(");
                for Alternate { number, text } in alternates {
                    self.put(&format!("if {} {{ ", switch(*number)));
                    let start = self.done.text.len();
                    self.put(text);
                    self.mark(start, MarkKind::Alternate, vec![*number]);
                    self.put(" } else ");
                }
                self.put("{ ");
                self.part(site.range.clone());
                self.put(" })");
                let numbers = alternates.iter().map(|other| other.number).collect();
                self.mark(start, MarkKind::Choice, numbers);
            }
        }
    }
}

fn switch(number: Number) -> String {
    format!("crate::__mutant::on({number})")
}

impl Rendered {
    /// All mutants that can be switched on in it.
    pub(super) fn numbers(&self) -> impl Iterator<Item = Number> {
        self.marks.iter().flat_map(|mark| &mark.numbers).copied()
    }

    /// Which mutants an error is about: the one whose own text it names first or beside, else all of the choice, else
    /// of the function, that it is in. Nothing when it lies outside of all.
    pub(super) fn blamed(&self, primary: &[Range<usize>], others: &[Range<usize>]) -> Vec<Number> {
        let alternate = |mark: &Mark| mark.kind == MarkKind::Alternate;
        let spans = primary.iter().chain(others);
        let mut own = spans.filter_map(|span| self.around(span).find(|mark| alternate(mark)));
        let found = own.next().or_else(|| {
            let mut around = primary.iter().flat_map(|span| self.around(span));
            around.next()
        });
        found.map(|mark| mark.numbers.clone()).unwrap_or_default()
    }

    /// The marks around a span, from the inside out: what is within was written first.
    fn around(&self, span: &Range<usize>) -> impl Iterator<Item = &Mark> {
        let contains = |mark: &&Mark| {
            mark.range.start <= span.start && span.end <= mark.range.end && !mark.numbers.is_empty()
        };
        self.marks.iter().filter(contains)
    }
}
