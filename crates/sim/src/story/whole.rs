//! The story with trouble at every operation of every disk, on all processors: `cargo xtask sim --every-operation`.
#![allow(clippy::print_stdout, reason = "it talks to a person at a terminal")]

use std::num::NonZero;
use std::time::Instant;

use super::{Book, Sum, Whose, chapter_of};

/// Tells them all, prints what came of it, and says whether all ended well.
///
/// # Panics
/// If a telling does.
pub fn every_operation() -> bool {
    let book = Book::write();
    let mut well = book.wrong.is_empty();
    for whose in Whose::EACH {
        for chapter in 0..Book::len() {
            let begin = Instant::now();
            let sum = spread(&book, whose, chapter);
            println!(
                "{whose:?}, chapter {chapter}: {} tellings with trouble at {} operations in {:.0} s, {} wrong",
                sum.tellings,
                sum.operations,
                begin.elapsed().as_secs_f64(),
                sum.wrong.len()
            );
            for line in sum.faults.iter().chain(&sum.wrong) {
                println!("    {line}");
            }
            well &= sum.wrong.is_empty();
        }
    }
    well
}

fn spread(book: &Book, whose: Whose, chapter: usize) -> Sum {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let mut all = Sum::default();
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|offset| scope.spawn(move || chapter_of(book, whose, chapter, offset, threads)))
            .collect();
        for part in parts {
            all.add(part.join().unwrap());
        }
    });
    all
}
