//! QR codes in a terminal, two modules in one character (half blocks).
//!
//! Drawn in the terminal's own colours the code would be inverted on a dark ground, which many scanners refuse; so black
//! and white are set by name, with the quiet zone around.

use qrcode::{Color, EcLevel, QrCode};

/// White modules around the code: the standard asks for four; two suffice on a screen and save lines.
const QUIET: usize = 2;

/// Black on white, whatever the terminal's colours are.
const PAPER: &str = "\x1b[30;107m";
const PLAIN: &str = "\x1b[0m";

/// The code as lines of text. `None`: the text is too long for one.
pub(crate) fn draw(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let rows = halves(&code);
    let coloured = std::io::IsTerminal::is_terminal(&std::io::stdout());
    let rows = rows.into_iter().map(|row| {
        if coloured {
            format!("    {PAPER}{row}{PLAIN}")
        } else {
            format!("    {row}")
        }
    });
    Some(rows.collect::<Vec<_>>().join("\n"))
}

/// Two rows of modules in each line of text.
fn halves(code: &QrCode) -> Vec<String> {
    let width = code.width();
    let dark = |x: usize, y: usize| {
        let inside = (QUIET..width + QUIET).contains(&x) && (QUIET..width + QUIET).contains(&y);
        inside && code[(x - QUIET, y - QUIET)] == Color::Dark
    };
    let side = width + 2 * QUIET;
    (0..side)
        .step_by(2)
        .map(|y| {
            (0..side)
                .map(|x| match (dark(x, y), dark(x, y + 1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]

    use super::*;

    #[test]
    fn the_drawing_is_the_code_module_by_module() {
        let code =
            QrCode::with_error_correction_level("KEYFOLD:SAFETY:1:AB:CD", EcLevel::L).unwrap();
        let rows = halves(&code);
        let side = code.width() + 2 * QUIET;
        assert_eq!(rows.len(), side.div_ceil(2));
        for (y, row) in rows.iter().enumerate() {
            for (x, c) in row.chars().enumerate() {
                for (half, dark) in [(0, matches!(c, '█' | '▀')), (1, matches!(c, '█' | '▄'))]
                {
                    let (x, y) = (x.wrapping_sub(QUIET), (2 * y + half).wrapping_sub(QUIET));
                    let expected =
                        x < code.width() && y < code.width() && code[(x, y)] == Color::Dark;
                    assert_eq!(dark, expected, "module {x}, {y}");
                }
            }
        }
    }

    #[test]
    fn a_safety_number_fits_into_a_terminal_of_eighty_columns() {
        let text = format!("KEYFOLD:SAFETY:1:{}:{}", "A".repeat(64), "B".repeat(64));
        let drawn = draw(&text).unwrap();
        assert!(drawn.lines().all(|line| line.chars().count() <= 60));
        assert!(draw(&"x".repeat(8_000)).is_none());
    }
}
