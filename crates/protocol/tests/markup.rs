//! Texts as screens show them: what becomes of each kind of markup, of links and mentions, and of what is none.

use keyfold_protocol::content::{
    Block, BlockKind, Link, Mark, Span, Text, TextFormat, mention, with_mentions,
};
use keyfold_protocol::limits::{MAX_LINK, MAX_NESTING, MAX_PIECES};
use keyfold_wire::ids::AccountId;
use keyfold_wire::limits::MAX_TEXT;
use proptest::prelude::*;

const BO: AccountId = AccountId::new([0xb0; 32]);

/// Blocks in one line each: what they are, and their spans as `text`, with `*` strong, `/` emphasized, `-` struck out, `#` code, and where
/// they lead behind `->`.
fn shown(text: &str, format: TextFormat) -> Vec<String> {
    let text = Text {
        text: text.to_owned(),
        format,
        preview: None,
    };
    text.blocks().iter().map(block).collect()
}

fn markdown(text: &str) -> Vec<String> {
    shown(text, TextFormat::Markdown)
}

fn block(block: &Block) -> String {
    let kind = match block.kind {
        BlockKind::Paragraph => String::new(),
        BlockKind::Heading => "heading ".to_owned(),
        BlockKind::Item { depth, mark } => match mark {
            Mark::Bullet => format!("{depth}. "),
            Mark::Number(number) => format!("{depth}.{number} "),
            Mark::More => format!("{depth}+ "),
        },
        BlockKind::Code => "code ".to_owned(),
        BlockKind::Rule => "rule ".to_owned(),
    };
    let spans: Vec<String> = block.spans.iter().map(span).collect();
    ">".repeat(block.quoted.into()) + &kind + &spans.join(" ")
}

fn span(span: &Span) -> String {
    let look = span.look;
    let mut shown = format!("`{}`", span.text.replace('\n', "|"));
    for (is, mark) in [
        (look.strong, '*'),
        (look.emphasis, '/'),
        (look.strikethrough, '-'),
        (look.code, '#'),
    ] {
        if is {
            shown.push(mark);
        }
    }
    match &span.link {
        Some(Link::Uri(uri)) => shown + "->" + uri,
        Some(Link::Account(account)) => shown + "->" + &account.to_string()[..4],
        None => shown,
    }
}

#[test]
fn markup_becomes_blocks_and_spans() {
    for (text, expected) in [
        ("Friday at six?", &["`Friday at six?`"][..]),
        ("one\ntwo  \nthree", &["`one|two|three`"]),
        ("one\n\ntwo\n", &["`one`", "`two`"]),
        (
            "**really** *so* ~~no~~ `x*y`",
            &["`really`* ` ` `so`/ ` ` `no`- ` ` `x*y`#"],
        ),
        ("***both* strong**", &["`both`*/ ` strong`*"]),
        ("snake_case_name 2*3*4", &["`snake_case_name 2` `3`/ `4`"]),
        ("# Plan\nat six", &["heading `Plan`", "`at six`"]),
        ("- tea\n- *milk*", &["1. `tea`", "1. `milk`/"]),
        ("3. c\n4. d", &["1.3 `c`", "1.4 `d`"]),
        ("- a\n  - b\n- c", &["1. `a`", "2. `b`", "1. `c`"]),
        ("- a\n\n  more\n\n- b", &["1. `a`", "1+ `more`", "1. `b`"]),
        ("-\n- b", &["1. ", "1. `b`"]),
        (
            "> said\n>> before\n\nno",
            &[">`said`", ">>`before`", "`no`"],
        ),
        (
            "```rust\nlet x = 1;\n\n  y\n```",
            &["code `let x = 1;||  y`"],
        ),
        ("```ls -l\nx\n```", &["code `ls -l|x`"]),
        ("a\n\n---\n\nb", &["`a`", "rule ", "`b`"]),
        (r"\*so\* &amp; &lt;b&gt;", &["`*so* & <b>`"]),
        ("", &[]),
        (" \n ", &[]),
    ] {
        assert_eq!(markdown(text), expected, "{text:?}");
    }
}

#[test]
fn what_is_no_markup_is_shown_as_it_was_written() {
    for (text, expected) in [
        // Nothing is HTML.
        (
            "<b>x</b> <script>y</script>",
            &["`<b>x</b> <script>y</script>`"][..],
        ),
        ("<div>\nx\n</div>", &["`<div>|x|</div>`"]),
        // One tilde is none.
        ("~/home and ~5 or ~6", &["`~/home and ~5 or ~6`"]),
        ("~a~", &["`~a~`"]),
        // What is not switched on.
        (
            "| a | b |\n|---|---|\n| 1 | 2 |",
            &["`| a | b |||---|---||| 1 | 2 |`"],
        ),
        ("- [ ] milk", &["1. `[ ] milk`"]),
        ("x[^1]", &["`x[^1]`"]),
        ("$x^2$", &["`$x^2$`"]),
        // Definitions of links would vanish.
        (
            "[1]: https://keyfold.org\n*x*",
            &["`[1]: ` `https://keyfold.org`->https://keyfold.org `|*x*`"],
        ),
    ] {
        assert_eq!(markdown(text), expected, "{text:?}");
    }
    let plain = shown("*a*\n\n- b https://x.org", TextFormat::Plain);
    assert_eq!(plain, ["`*a*||- b ` `https://x.org`->https://x.org"]);
}

#[test]
fn links_lead_to_pages_and_mailboxes_and_nowhere_else() {
    for (text, expected) in [
        (
            "see https://x.org/a_b?c=d#e.",
            "`see ` `https://x.org/a_b?c=d#e`->https://x.org/a_b?c=d#e `.`",
        ),
        (
            "https://x.org/~a/~b",
            "`https://x.org/~a/~b`->https://x.org/~a/~b",
        ),
        (
            "write to bo@x.org",
            "`write to ` `bo@x.org`->mailto:bo@x.org",
        ),
        ("<https://x.org>", "`https://x.org`->https://x.org"),
        ("[**here**](HTTPS://x.org)", "`here`*->HTTPS://x.org"),
        ("![cat](https://x.org/c.png)", "`cat`->https://x.org/c.png"),
        (
            "[a ![b](https://b.org)](https://a.org)",
            "`a b`->https://a.org",
        ),
        // Code leads nowhere.
        ("`https://x.org`", "`https://x.org`#"),
        // What would have a program do something, or hide where it leads, stays text.
        ("[x](javascript:alert(1))", "`x (javascript:alert(1))`"),
        ("[x](file:///etc/passwd)", "`x (file:///etc/passwd)`"),
        ("[x](data:text/html,y)", "`x (data:text/html,y)`"),
        ("[x](keyfold:account/b0)", "`x (keyfold:account/b0)`"),
        (
            "[x](<https://x.org/ y>)",
            "`x (` `https://x.org/`->https://x.org/ ` y)`",
        ),
        ("ftp://x.org", "`ftp://x.org`"),
        ("[x]()", "`x`"),
    ] {
        assert_eq!(markdown(text), [expected], "{text:?}");
    }
    let turned = markdown("[x](https://x.org/\u{202e}gpj)");
    let leads = turned.iter().any(|line| line.contains("`x`->"));
    assert!(!leads, "{turned:?}");
}

#[test]
fn a_link_is_as_long_as_its_limit() {
    for (length, leads) in [(MAX_LINK, true), (MAX_LINK + 1, false)] {
        let uri = format!("https://x.org/{}", "a".repeat(length - 14));
        let shown = markdown(&format!("[x]({uri})"));
        assert_eq!(shown == [format!("`x`->{uri}")], leads, "{length}");
    }
}

#[test]
fn quotes_and_lists_are_told_apart_up_to_the_limit() {
    for (depth, quoted) in [(MAX_NESTING, MAX_NESTING), (MAX_NESTING + 1, MAX_NESTING)] {
        let text = "> ".repeat(depth.into()) + "deep";
        assert_eq!(markdown(&text), [">".repeat(quoted.into()) + "`deep`"]);
        let items = (0..depth).map(|level| "  ".repeat(level.into()) + "- x");
        let list = items.collect::<Vec<_>>().join("\n");
        let shown = markdown(&list);
        assert_eq!(shown.last(), Some(&format!("{quoted}. `x`")));
        assert_eq!(shown.len(), usize::from(depth));
    }
}

fn found(name: &str) -> Option<(usize, AccountId)> {
    name.starts_with("bo").then_some((2, BO))
}

#[test]
fn mentions_are_links_to_accounts() {
    let bo = mention(&BO, "bo");
    assert_eq!(bo, format!("[@bo](keyfold:account/{})", "b0".repeat(32)));
    for (typed, expected) in [
        ("@bo: six?", format!("{bo}: six?")),
        ("hi @bo, @bo!", format!("hi {bo}, {bo}!")),
        ("(@bo)", format!("({bo})")),
        ("**@bo**", format!("**{bo}**")),
        // Nobody, or no word of its own.
        (
            "@ada and a@bo and @@bo",
            "@ada and a@bo and @@bo".to_owned(),
        ),
        (r"\@bo", r"\@bo".to_owned()),
        ("https://x.org/@bo", "https://x.org/@bo".to_owned()),
        // Code and links stay as they are.
        ("`@bo` @bo", format!("`@bo` {bo}")),
        ("```\n@bo\n```", "```\n@bo\n```".to_owned()),
        (
            "[to @bo](https://x.org)",
            "[to @bo](https://x.org)".to_owned(),
        ),
        (&bo, bo.clone()),
        ("no one", "no one".to_owned()),
    ] {
        assert_eq!(with_mentions(typed, found), expected, "{typed:?}");
    }
    assert_eq!(
        markdown(&with_mentions("hi @bo!", found)),
        ["`hi ` `@bo`->b0b0 `!`"]
    );
    let text = Text {
        text: format!(
            "hi {bo} and {}, [x](https://x.org)!",
            mention(&AccountId::new([1; 32]), "ada")
        ),
        format: TextFormat::Markdown,
        preview: None,
    };
    let typed = text.as_typed(|account| (*account == BO).then(|| "bob".to_owned()));
    assert_eq!(typed, text.text.replace(&bo, "@bob"));
    // A name never closes its own link.
    let odd = mention(&BO, "a](https://x.org)*b_");
    assert_eq!(markdown(&odd), ["`@a](https://x.org)*b_`->b0b0"]);
}

proptest! {
    #[test]
    fn any_text_is_read(text in "[-a-c \n>#*_~`\\[\\]()!<&;:/.@1|\\\\]{0,200}") {
        let read = Text { text: text.clone(), format: TextFormat::Markdown, preview: None }.blocks();
        for block in read {
            prop_assert!(block.spans.iter().all(|span| !span.text.is_empty()));
        }
        prop_assert_eq!(with_mentions(&text, |_| None), text);
    }

    #[test]
    fn words_stay_as_they_are(words in prop::collection::vec("[a-zäéß一-三👍]{1,9}", 1..30)) {
        let text = words.join(" ");
        prop_assert_eq!(markdown(&text), [format!("`{text}`")]);
    }
}

#[test]
fn a_text_of_too_many_pieces_is_shown_as_it_was_written() {
    // A paragraph is a block and a span.
    for (paragraphs, formatted) in [(MAX_PIECES / 2, true), (MAX_PIECES / 2 + 1, false)] {
        let text = vec!["*a*"; paragraphs].join("\n\n");
        let shown = markdown(&text);
        assert_eq!(shown.len(), if formatted { paragraphs } else { 1 });
        assert_eq!(shown.concat().contains("`a`/"), formatted);
    }
}

/// What is hard to read is read all the same: each of these would take minutes where a reader begins again at each character.
#[test]
fn the_longest_texts_of_one_mark_are_read() {
    for piece in [
        "*", "_", "[", "![", "](", ">", "- ", "`", "~~", "<", "&", "@", "a@", "http://", "1.",
        "\\", "*a ", "> - ", "![a](b)",
    ] {
        let text = piece.repeat(MAX_TEXT / piece.len());
        let mentioned = with_mentions(&text, |_| None);
        assert_eq!(mentioned.len(), text.len());
        markdown(&text);
    }
}
