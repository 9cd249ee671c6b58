//! The story with trouble at every operation of every disk, on all processors: `cargo xtask sim --every-operation`.
#![allow(clippy::print_stdout, reason = "it talks to a person at a terminal")]

use std::num::NonZero;
use std::time::Instant;

use super::{Book, Sum, Whose, every};

/// Tells them all, prints what came of it, and says whether all ended well.
///
/// # Panics
/// If a telling does.
pub fn every_operation() -> bool {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let book = Book::write();
    let mut well = book.wrong.is_empty();
    for whose in Whose::EACH {
        let begin = Instant::now();
        let sum = spread(&book, whose, threads);
        println!(
            "{whose:?}: {} tellings with trouble at {} operations in {:.0} s, {} ended wrong",
            sum.tellings,
            sum.operations,
            begin.elapsed().as_secs_f64(),
            sum.wrong.len()
        );
        for line in sum.faults.iter().chain(&sum.wrong) {
            println!("    {line}");
        }
        well &= sum.wrong.is_empty() && sum.operations > 0;
    }
    well
}

fn spread(book: &Book, whose: Whose, threads: u64) -> Sum {
    let mut all = Sum::default();
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|offset| scope.spawn(move || every(book, whose, offset, threads)))
            .collect();
        for part in parts {
            all.add(part.join().unwrap());
        }
    });
    all
}
