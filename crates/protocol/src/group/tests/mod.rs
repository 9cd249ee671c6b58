//! Groups told as stories, in memory, through the public functions of this module.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod coming_and_going;
mod exporting;
mod keeping;
mod people;
mod refusing;
mod saying;
mod storage;
