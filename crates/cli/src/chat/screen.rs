//! Draws the chat screen.
//!
//! A head with the name and who is there, the timeline, a strip when something is not as it should be, and the prompt.
//! Calm: one accent, the rest in the terminal's own colours. Nothing is drawn that has not been cleaned.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Paragraph};
use unicode_width::UnicodeWidthStr as _;

use keyfold_engine::view::Entry;

use super::model::Model;
use crate::formatted::{Piece, Role};
use crate::{clean, formatted, kinds, when, words};

/// The most rows that the prompt takes.
const PROMPT_ROWS: usize = 6;

/// The narrowest text column; below it names go on a line of their own.
const NARROW: usize = 24;

const ACCENT: Color = Color::Cyan;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, model: &mut Model) {
    let width = usize::from(frame.area().width);
    let (rows, cursor) = model.prompt.layout(width.saturating_sub(4).max(1));
    let shown = rows.len().min(PROMPT_ROWS);
    let strip = model.strip();
    let [head, rule, timeline, strip_area, lower_rule, prompt] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(u16::from(strip.is_some())),
        Constraint::Length(1),
        Constraint::Length(u16::try_from(shown).unwrap_or(1)),
    ])
    .areas(frame.area());
    draw_head(frame, head, model);
    frame.render_widget(line_across(rule.width, None), rule);
    draw_timeline(frame, timeline, model);
    if let Some(text) = strip {
        let text = format!(
            " {}",
            words::column(&clean::line(&text), width.saturating_sub(1))
        );
        frame.render_widget(
            Line::from(text).style(Style::new().fg(Color::Black).bg(Color::Yellow)),
            strip_area,
        );
    }
    let note = model
        .hint
        .clone()
        .or_else(|| (model.below > 0).then(|| format!("↓ {} new", model.below)));
    frame.render_widget(line_across(lower_rule.width, note.as_deref()), lower_rule);
    draw_prompt(frame, prompt, &rows, cursor, shown);
    if let Some(sheet) = &model.sheet {
        draw_sheet(frame, timeline, sheet);
    }
}

/// The name, who is there, and on the right what waits elsewhere.
fn draw_head(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let width = usize::from(area.width);
    let waiting = match model.elsewhere {
        0 => String::new(),
        unread => format!("{unread} unread elsewhere "),
    };
    let name = format!(" {}", model.name());
    let room = width.saturating_sub(name.width() + waiting.width() + 2);
    let people = words::column(&model.people(), room);
    let head = Line::from(vec![
        name.bold(),
        "  ".into(),
        people.dim(),
        Span::from(waiting).fg(ACCENT),
    ]);
    frame.render_widget(head, area);
}

fn line_across(width: u16, note: Option<&str>) -> Line<'static> {
    let width = usize::from(width);
    match note {
        None => Line::from("─".repeat(width)).dim(),
        Some(note) => {
            let note = clean::line(note);
            let note = if note.width() + 6 > width {
                words::column(&note, width.saturating_sub(6))
            } else {
                note
            };
            let rest = width.saturating_sub(note.width() + 5);
            Line::from(vec![
                "── ".dim(),
                Span::from(note).fg(ACCENT),
                " ".into(),
                "─".repeat(rest + 1).dim(),
            ])
        }
    }
}

fn draw_timeline(frame: &mut Frame<'_>, area: Rect, model: &mut Model) {
    let rows = rows(model, usize::from(area.width));
    model.height = usize::from(area.height);
    let before = std::mem::replace(&mut model.rows, rows.len());
    // Looking back, what is read stays where it is while new rows come in below.
    if model.scroll > 0 && model.below > 0 && rows.len() > before && before > 0 {
        model.scroll += rows.len() - before;
    }
    model.scroll = model.scroll.min(rows.len().saturating_sub(model.height));
    let end = rows.len() - model.scroll;
    let start = end.saturating_sub(model.height);
    let visible: Vec<_> = rows.into_iter().skip(start).take(end - start).collect();
    // The newest message is next to the prompt, also while there are few.
    let empty = usize::from(area.height).saturating_sub(visible.len());
    let lines: Vec<_> = std::iter::repeat_n(Line::default(), empty)
        .chain(visible)
        .collect();
    frame.render_widget(Paragraph::new(lines), area);
}

/// All rows of the timeline at this width.
fn rows(model: &Model, width: usize) -> Vec<Line<'static>> {
    let names = words::name_width(&model.entries);
    let mut rows = Vec::new();
    let mut day = String::new();
    let mut speaker: Option<(String, u64)> = None;
    for entry in &model.entries {
        let today = when::day(entry.at, model.reader.now, &model.reader.zone);
        if today != day {
            rows.push(Line::default());
            rows.push(Line::from(format!("─── {today} ───")).dim().centered());
            day = today;
            speaker = None;
        }
        if model.unread_from == Some(entry.position) {
            rows.push(Line::from("─── new ───").fg(ACCENT).centered());
            speaker = None;
        }
        // The same person within the same minute: once is enough.
        let said = (words::speaker(entry), entry.at.0 / 60_000);
        let again = speaker.as_ref() == Some(&said) && kinds::is_said(&entry.what);
        rows.extend(entry_rows(entry, model, names, width, again));
        speaker = kinds::is_said(&entry.what).then_some(said);
    }
    rows
}

/// A row of an entry.
enum Row {
    /// Of its text.
    Said(Vec<Piece>),
    /// Of what it answers, or how people react to it.
    Aside(String),
}

/// What it answers and says, and how people react to it.
fn entry_parts(entry: &Entry, room: usize) -> (Vec<Row>, Vec<Row>) {
    let quote = words::quote(entry).map(|quote| {
        let cut = words::column(&format!("│ {quote}"), room);
        Row::Aside(cut.trim_end().to_owned())
    });
    let forwarded = entry
        .forwarded
        .then(|| Row::Aside(words::FORWARDED.to_owned()));
    let said = formatted::lines(entry).into_iter().flat_map(|line| {
        let text: String = line.iter().map(|piece| piece.text.as_str()).collect();
        formatted::spread(&line, &wrap(&text, room))
    });
    let reactions = words::reactions(entry).into_iter();
    let reactions = reactions.flat_map(|line| wrap(&line, room)).map(Row::Aside);
    (
        quote
            .into_iter()
            .chain(forwarded)
            .chain(said.map(Row::Said))
            .collect(),
        reactions.collect(),
    )
}

fn entry_rows(
    entry: &Entry,
    model: &Model,
    names: usize,
    width: usize,
    again: bool,
) -> Vec<Line<'static>> {
    if !kinds::is_said(&entry.what) {
        let sentence = words::happening(entry).unwrap_or_default();
        return wrap(&sentence, width.saturating_sub(2))
            .into_iter()
            .map(|row| Line::from(row).dim().centered())
            .collect();
    }
    let name_style = if entry.mine {
        Style::new().fg(ACCENT)
    } else {
        Style::new().add_modifier(Modifier::BOLD)
    };
    let (time, name) = if again {
        (" ".repeat(5), " ".repeat(names))
    } else {
        (
            when::time(entry.at, &model.reader.zone),
            words::column(&words::speaker(entry), names),
        )
    };
    let indent = 1 + 5 + 2 + names + 2;
    let state = words::progress(entry, model.reader.now);
    let narrow = width < indent + NARROW;
    let (mut lines, indent) = match (narrow, again) {
        (true, false) => (
            vec![Line::from(vec![
                format!(" {time}  ").dim(),
                Span::styled(name.clone(), name_style),
            ])],
            3,
        ),
        (true, true) => (Vec::new(), 3),
        (false, _) => (Vec::new(), indent),
    };
    let room = width.saturating_sub(indent + 1).max(1);
    let (body, reactions) = entry_parts(entry, room);
    let last = body.len().saturating_sub(1);
    for (number, row) in body.into_iter().chain(reactions).enumerate() {
        let mut spans = if number == 0 && !narrow {
            vec![
                format!(" {time}  ").dim(),
                Span::styled(name.clone(), name_style),
                "  ".into(),
            ]
        } else {
            vec![" ".repeat(indent).into()]
        };
        match row {
            Row::Said(row) => spans.extend(row.into_iter().map(piece)),
            Row::Aside(row) => spans.push(row.dim()),
        }
        if number == last && !state.is_empty() {
            spans.push(format!("  {state}").dim());
        }
        lines.push(Line::from(spans));
    }
    lines
}

/// A piece of a message's text.
fn piece(piece: Piece) -> Span<'static> {
    let mut style = Style::new();
    for (is, modifier) in [
        (piece.look.strong, Modifier::BOLD),
        (piece.look.emphasis, Modifier::ITALIC),
        (piece.look.strikethrough, Modifier::CROSSED_OUT),
        (piece.role == Role::Mention, Modifier::BOLD),
        (piece.role == Role::Link, Modifier::UNDERLINED),
        (piece.role == Role::Aside, Modifier::DIM),
    ] {
        if is {
            style = style.add_modifier(modifier);
        }
    }
    if piece.look.code {
        style = style.fg(ACCENT);
    }
    Span::styled(piece.text, style)
}

/// Breaks a line between words, and inside a word that is longer than the line.
fn wrap(line: &str, width: usize) -> Vec<String> {
    let options =
        textwrap::Options::new(width.max(1)).word_separator(textwrap::WordSeparator::AsciiSpace);
    let rows: Vec<String> = textwrap::wrap(line, options)
        .into_iter()
        .map(std::borrow::Cow::into_owned)
        .collect();
    if rows.is_empty() {
        vec![String::new()]
    } else {
        rows
    }
}

fn draw_prompt(
    frame: &mut Frame<'_>,
    area: Rect,
    rows: &[String],
    cursor: (usize, usize),
    shown: usize,
) {
    let first = (cursor.1 + 1).saturating_sub(shown);
    let lines: Vec<Line<'_>> = rows
        .iter()
        .enumerate()
        .skip(first)
        .take(shown)
        .map(|(number, row)| {
            let mark = if number == 0 { " › " } else { "   " };
            Line::from(vec![Span::from(mark).fg(ACCENT), Span::from(row.as_str())])
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), area);
    let column = area.x
        + u16::try_from(cursor.0 + 3)
            .unwrap_or(u16::MAX)
            .min(area.width.saturating_sub(1));
    let row = area.y + u16::try_from(cursor.1 - first).unwrap_or(0);
    frame.set_cursor_position(Position::new(column, row));
}

/// A sheet in the middle of the timeline.
fn draw_sheet(frame: &mut Frame<'_>, area: Rect, sheet: &[String]) {
    let widest = sheet.iter().map(|line| line.width()).max().unwrap_or(0);
    let width = u16::try_from(widest + 6)
        .unwrap_or(u16::MAX)
        .min(area.width);
    let height = u16::try_from(sheet.len() + 4)
        .unwrap_or(u16::MAX)
        .min(area.height);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .title_bottom(" Esc closes ")
        .dim();
    let inner = block.inner(place);
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    let lines: Vec<Line<'_>> = std::iter::once(Line::default())
        .chain(sheet.iter().map(|line| Line::from(format!("  {line}"))))
        .collect();
    frame.render_widget(Paragraph::new(lines), inner);
}
