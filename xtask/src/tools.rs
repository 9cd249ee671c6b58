//! Programs that the commands need beyond the Rust toolchain: found, built into the target folder, or asked for.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::workspace::{Workspace, answer, succeed};

/// A crate on crates.io that installs one program, at the version that the checks are written for.
pub(crate) struct Tool {
    /// Name of the crate and of its program.
    pub(crate) name: &'static str,
    /// The version, exactly.
    pub(crate) version: &'static str,
}

impl Tool {
    /// The program's path: from an earlier installation, from the search path, or built now.
    ///
    /// Built without optimisation and without default features: it runs for seconds, and building is what costs.
    pub(crate) fn ready(&self, workspace: &Workspace) -> Result<PathBuf> {
        let home = workspace.target.join("tools");
        let installed = home.join("bin").join(self.name);
        for candidate in [installed.clone(), PathBuf::from(self.name)] {
            if self.is(workspace, &candidate) {
                return Ok(candidate);
            }
        }
        println!(
            "building {} {} (once, a minute or two)",
            self.name, self.version
        );
        let mut install = workspace.cargo(["install", "--quiet", "--locked", "--debug", "--force"]);
        install
            .args([
                "--no-default-features",
                self.name,
                "--version",
                self.version,
                "--root",
            ])
            .arg(&home)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env_remove("CARGO_TARGET_DIR");
        succeed(&mut install).with_context(|| {
            format!(
                "install it with: cargo install --locked {} --version {}",
                self.name, self.version
            )
        })?;
        Ok(installed)
    }

    fn is(&self, workspace: &Workspace, program: &PathBuf) -> bool {
        // Some of cargo's own subcommands say their version only when they are called as such.
        let subcommand = self.name.strip_prefix("cargo-").unwrap_or(self.name);
        [&["--version"][..], &[subcommand, "--version"]]
            .iter()
            .filter_map(|asked| answer(workspace.command(program).args(*asked)))
            .any(|said| said.split_whitespace().any(|word| word == self.version))
    }
}

/// Fails with one sentence when a program is missing that SQLite and OpenSSL are compiled with.
pub(crate) fn can_compile_c(workspace: &Workspace) -> Result<()> {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let perl = workspace.command("perl");
    let make = workspace.command("make");
    let mut missing = Vec::new();
    for (mut program, name) in [
        (workspace.command(compiler), "a C compiler"),
        (perl, "perl"),
        (make, "make"),
    ] {
        if answer(program.arg("--version")).is_none() {
            missing.push(name);
        }
    }
    if !missing.is_empty() {
        bail!(
            "install {} first: on Debian, apt install build-essential perl",
            missing.join(" and ")
        );
    }
    Ok(())
}
