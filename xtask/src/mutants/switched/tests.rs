//! What the switches look like in the source, and what they do.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::render::{Rendered, render};
use super::sites::{Lines, Number, find};
use crate::mutants::list::{Mutant, Place};

/// A change of the first `at` in the source, as cargo-mutants lists it.
struct Change {
    genre: &'static str,
    at: &'static str,
    new: &'static str,
}

fn change(genre: &'static str, at: &'static str, new: &'static str) -> Change {
    Change { genre, at, new }
}

/// The place of a piece of text, in lines and columns.
fn place(text: &str, piece: &str) -> Option<Place> {
    let start = text.find(piece)?;
    let point = |at: usize| {
        let before = text.get(..at)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next()?.chars().count() + 1;
        Some((line, column))
    };
    Some(Place {
        start: point(start)?,
        end: point(start + piece.len())?,
    })
}

fn mutants(text: &str, changes: &[Change]) -> Result<Vec<Mutant>> {
    let mutants = changes.iter().map(|change| {
        Ok(Mutant {
            place: place(text, change.at).context("the piece is not there")?,
            genre: change.genre.to_owned(),
            replacement: change.new.to_owned(),
            ..Mutant::default()
        })
    });
    mutants.collect()
}

fn switched(text: &str, changes: &[Change]) -> Result<Rendered> {
    let mutants = mutants(text, changes)?;
    let numbered: Vec<_> = (1..).zip(&mutants).collect();
    Ok(render(text, find(text, &numbered)?))
}

/// The switched source, with a short word for the question.
fn source(text: &str, changes: &[Change]) -> Result<String> {
    let rendered = switched(text, changes)?;
    Ok(rendered.text.replace("crate::__mutant::on", "on"))
}

#[test]
fn a_function_returns_at_once() -> Result<()> {
    let changes = [
        change("FnValue", "a + b", "0"),
        change("FnValue", "a + b", "1"),
    ];
    assert_eq!(
        source("fn add(a: u8, b: u8) -> u8 { a + b }", &changes)?,
        "fn add(a: u8, b: u8) -> u8 { if on(1) { return 0; } if on(2) { return 1; } a + b }"
    );
    Ok(())
}

#[test]
fn operators_are_chosen_from_the_inside_out() -> Result<()> {
    let changes = [
        change("BinaryOperator", "&&", "||"),
        change("BinaryOperator", "<", "<="),
        change("BinaryOperator", "<", "=="),
        change("UnaryOperator", "!", ""),
    ];
    assert_eq!(
        source("fn f() -> bool { a < b && !c }", &changes)?,
        "fn f() -> bool { (if on(1) { a < b || !c } else { \
         (if on(2) { a <= b } else if on(3) { a == b } else { a < b }) && \
         (if on(4) { c } else { !c }) }) }"
    );
    assert_eq!(
        source(
            "fn f() { a += 1; }",
            &[change("BinaryOperator", "+=", "-=")]
        )?,
        "fn f() { (if on(1) { a -= 1 } else { a += 1 }); }"
    );
    Ok(())
}

/// `a - b * c` with `/` for `-` is `(a / b) * c`, and not `a / (b * c)`.
#[test]
fn an_operator_that_binds_otherwise_changes_its_whole_chain() -> Result<()> {
    assert_eq!(
        source(
            "fn f() { a == b - c * d }",
            &[change("BinaryOperator", "-", "/")]
        )?,
        "fn f() { (if on(1) { a == b / c * d } else { a == b - c * d }) }"
    );
    assert_eq!(
        source(
            "fn f() { a || b - c < d }",
            &[change("BinaryOperator", "-", "+")]
        )?,
        "fn f() { a || (if on(1) { b + c } else { b - c }) < d }"
    );
    Ok(())
}

#[test]
fn arms_guards_and_fields() -> Result<()> {
    assert_eq!(
        source(
            "fn f() { match a { B | C => 1, D if e => 2, _ => 3 } }",
            &[change("MatchArm", "B | C => 1,", "")]
        )?,
        "fn f() { match a { B | C if !on(1) => 1, D if e => 2, _ => 3 } }"
    );
    assert_eq!(
        source(
            "fn f() { match a { D if guard => 2, _ => 3 } }",
            &[
                change("MatchArmGuard", "guard", "true"),
                change("MatchArmGuard", "guard", "false"),
            ]
        )?,
        "fn f() { match a { D if (if on(1) { true } else if on(2) { false } else { guard }) => 2, _ => 3 } }"
    );
    assert_eq!(
        source(
            "fn f() -> S { S { a: 1, b: 2, ..S::default() } }",
            &[change("StructField", "a: 1,", "")]
        )?,
        "fn f() -> S { (if on(1) { S {  b: 2, ..S::default() } } else { S { a: 1, b: 2, ..S::default() } }) }"
    );
    Ok(())
}

#[test]
fn what_cannot_be_switched_stays_as_it_is() -> Result<()> {
    for text in [
        "const A: u8 = 1 + 2;",
        "static A: u8 = 1 + 2;",
        "const fn f() -> u8 { 1 + 2 }",
        "fn f() { let a = [0; 1 + 2]; }",
        "fn f() -> [u8; 1 + 2] { g() }",
        "enum E { A = 1 + 2 }",
        "fn f() { g!(1 + 2); }",
    ] {
        let changes = [change("BinaryOperator", "+", "-")];
        assert_eq!(source(text, &changes)?, text);
    }
    let text = "fn f() { if a && let B = c {} }";
    assert_eq!(source(text, &[change("BinaryOperator", "&&", "||")])?, text);
    Ok(())
}

#[test]
fn a_condition_beside_a_let_can_be_switched() -> Result<()> {
    assert_eq!(
        source(
            "fn f() { if a < 1 && let B = c {} }",
            &[change("BinaryOperator", "<", ">")]
        )?,
        "fn f() { if (if on(1) { a > 1 } else { a < 1 }) && let B = c {} }"
    );
    Ok(())
}

#[test]
fn columns_are_characters() {
    let text = "// é\nlet é = 1 < 2;";
    let range = place(text, "<").and_then(|place| Lines::of(text).range(text, &place));
    assert_eq!(range.and_then(|range| text.get(range)), Some("<"));
}

#[test]
fn an_error_is_blamed_on_the_narrowest_that_it_can_be() -> Result<()> {
    let changes = [
        change("FnValue", "a + b", "Default::default()"),
        change("BinaryOperator", "+", "-"),
        change("BinaryOperator", "+", "*"),
    ];
    let rendered = switched("fn f() -> u8 { a + b } fn g() {}", &changes)?;
    let blamed = |piece: &str| -> Option<Vec<Number>> {
        let start = rendered.text.find(piece)?;
        let span = start..start + piece.len();
        Some(rendered.blamed(std::slice::from_ref(&span), &[]))
    };
    assert_eq!(blamed("Default"), Some(vec![1]));
    assert_eq!(blamed("a * b"), Some(vec![3]));
    assert_eq!(blamed("a + b"), Some(vec![2, 3]));
    assert_eq!(blamed("-> u8"), Some(vec![1, 2, 3]));
    assert_eq!(blamed("g()"), Some(vec![]));
    Ok(())
}

const PROGRAM: &str = "\
fn between(a: i32, b: i32, c: i32) -> bool {
    a < b && b < c
}
fn scaled(a: i32, b: i32, c: i32) -> i32 {
    a - b * c
}
fn word(a: i32) -> &'static str {
    match a {
        0 => \"none\",
        _ => \"some\",
    }
}
fn main() {
    println!(\"{} {} {}\", between(1, 2, 2), scaled(24, 4, 3), word(0));
}
";

#[test]
fn a_program_does_what_its_switch_says() -> Result<()> {
    let changes = [
        change("FnValue", "a < b && b < c", "true"),
        change("BinaryOperator", "<", ">"),
        change("BinaryOperator", "&&", "||"),
        change("BinaryOperator", "- b", "/"),
        change("MatchArm", "0 => \"none\",", ""),
    ];
    let mut mutants = mutants(PROGRAM, &changes)?;
    if let Some(divided) = mutants.get_mut(3) {
        divided.place.end.1 -= 2;
    }
    let numbered: Vec<_> = (1..).zip(&mutants).collect();
    let text = render(PROGRAM, find(PROGRAM, &numbered)?).text;
    let folder = tempfile::tempdir()?;
    let (file, program) = (folder.path().join("a.rs"), folder.path().join("a"));
    std::fs::write(&file, format!("{text}{}", super::build::switches(5)))?;
    let mut compiler = Command::new("rustc");
    compiler
        .args(["--edition=2024", "-Awarnings", "-o"])
        .arg(&program);
    ensure!(compiler.arg(&file).status()?.success(), "{text}");
    let says = |number: u32| -> Result<String> {
        let output = Command::new(&program)
            .env("KEYFOLD_MUTANT", number.to_string())
            .output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let said = (0..=5).map(says).collect::<Result<Vec<_>>>()?;
    assert_eq!(
        said,
        [
            "false 12 none",
            "true 12 none",
            "false 12 none",
            "true 12 none",
            "false 18 none",
            "false 12 some",
        ]
    );
    let reached = folder.path().join("reached");
    let mut record = Command::new(&program);
    record.env("KEYFOLD_MUTANT_REACHED", &reached).output()?;
    let text = std::fs::read_to_string(reached)?;
    assert_eq!(text.lines().collect::<Vec<_>>(), ["1", "3", "2", "4", "5"]);
    Ok(())
}
