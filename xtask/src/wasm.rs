//! The engine and its edge must compile for a browser: `cargo check` for `wasm32-unknown-unknown`.
//!
//! Needs the target's standard library and a C compiler that knows it, for SQLite. Where one is missing the check
//! says in a sentence what to install. `WASM_CARGO` may name another cargo that has the target.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::workspace::{Workspace, answer, succeed};

const TARGET: &str = "wasm32-unknown-unknown";

/// What runs in a browser.
const PACKAGES: [&str; 2] = ["keyfold-engine", "keyfold-edge"];

/// Compilers and archivers to try, newest name first.
const CLANGS: [&str; 7] = [
    "clang", "clang-22", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17",
];

/// What the check needs and what is there.
pub(crate) enum Readiness {
    /// Everything is there.
    Ready(Toolchain),
    /// The sentence says what to install.
    Missing(String),
}

/// The cargo, compiler and archiver that can build for wasm.
pub(crate) struct Toolchain {
    cargo: Option<String>,
    clang: String,
    archiver: String,
}

/// Runs the check, or fails with what to install.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    match readiness(workspace) {
        Readiness::Ready(toolchain) => toolchain.check(workspace),
        Readiness::Missing(what) => bail!(what),
    }
}

/// Looks for the toolchain, and lets rustup add the target where it can.
pub(crate) fn readiness(workspace: &Workspace) -> Readiness {
    let cargo = std::env::var("WASM_CARGO")
        .ok()
        .filter(|one| !one.is_empty() && one != "cargo");
    if cargo.is_none() && !has_target(workspace) {
        return Readiness::Missing(format!(
            "the wasm check needs its target: rustup target add {TARGET}"
        ));
    }
    let clang = CLANGS
        .into_iter()
        .find(|clang| knows_wasm(workspace, clang));
    let Some(clang) = clang else {
        return Readiness::Missing(
            "the wasm check needs a clang that knows wasm32, for SQLite: on Debian, apt install clang-19 llvm-19".into(),
        );
    };
    let Some(archiver) = archiver(workspace, clang) else {
        return Readiness::Missing(format!(
            "the wasm check needs llvm-ar beside {clang}: on Debian, apt install llvm-19"
        ));
    };
    Readiness::Ready(Toolchain {
        cargo,
        clang: clang.into(),
        archiver,
    })
}

impl Toolchain {
    /// Compiles the engine and its edge, without linking, for a browser.
    pub(crate) fn check(&self, workspace: &Workspace) -> Result<()> {
        let mut cargo = match &self.cargo {
            // Another compiler: its results must not push ours out of the target folder.
            Some(cargo) => {
                let mut command = workspace.command(cargo);
                command
                    .arg("check")
                    .arg("--target-dir")
                    .arg(workspace.target.join("wasm"));
                command
            }
            None => workspace.cargo(["check"]),
        };
        cargo.args(["--quiet", "--target", TARGET]);
        cargo.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
        cargo.env("CC_wasm32_unknown_unknown", &self.clang);
        cargo.env("AR_wasm32_unknown_unknown", &self.archiver);
        succeed(&mut cargo).context("the engine or its edge does not compile for the browser")?;
        println!("{} compile for {TARGET}", PACKAGES.join(" and "));
        Ok(())
    }
}

fn has_target(workspace: &Workspace) -> bool {
    let folder =
        answer(
            workspace
                .command("rustc")
                .args(["--print", "target-libdir", "--target", TARGET]),
        );
    let there = || {
        folder
            .as_ref()
            .is_some_and(|path| std::path::Path::new(path).is_dir())
    };
    there()
        || (answer(workspace.command("rustup").args(["target", "add", TARGET])).is_some()
            && there())
}

fn knows_wasm(workspace: &Workspace, clang: &str) -> bool {
    answer(workspace.command(clang).arg("--print-targets"))
        .is_some_and(|targets| targets.contains("wasm32"))
}

/// The `llvm-ar` that belongs to this clang, by its suffix or beside it.
fn archiver(workspace: &Workspace, clang: &str) -> Option<String> {
    let named = clang.replacen("clang", "llvm-ar", 1);
    let beside = answer(workspace.command(clang).arg("--print-prog-name=llvm-ar"))?;
    [named, beside]
        .into_iter()
        .find(|one| answer(Command::new(one).arg("--version")).is_some())
}
