//! Where the workspace lies, and how to run a program in it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// The checkout that these commands work on.
pub(crate) struct Workspace {
    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    cargo: OsString,
}

impl Workspace {
    /// Finds the workspace from the place where this program was built, and asks cargo for its target folder.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask lies in no workspace")?
            .to_owned();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let found = Self {
            target: root.join("target"),
            root,
            cargo,
        };
        let metadata = found.metadata(&["--no-deps"])?;
        let target = metadata
            .get("target_directory")
            .and_then(|folder| folder.as_str())
            .context("cargo names no target folder")?
            .into();
        Ok(Self { target, ..found })
    }

    /// A program that runs in the root of the workspace.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// Cargo, the same one that runs this program.
    pub(crate) fn cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = self.command(&self.cargo);
        command.args(arguments);
        command
    }

    /// What `cargo metadata` says, with these arguments beside the format.
    pub(crate) fn metadata(&self, arguments: &[&str]) -> Result<serde_json::Value> {
        let mut command = self.cargo(["metadata", "--format-version=1"]);
        let output = command
            .args(arguments)
            .stderr(Stdio::piped())
            .output()
            .context("cargo cannot be started")?;
        if !output.status.success() {
            bail!(
                "cargo metadata failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")
    }
}

/// Runs a program to its end with its output on this terminal.
///
/// # Errors
/// When it cannot be started or does not succeed.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("{name} cannot be started"))?;
    if !status.success() {
        bail!("{name} ended with {status}");
    }
    Ok(())
}

/// What a program prints on its standard output, or nothing when it is not there or fails.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
