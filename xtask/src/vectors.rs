//! `cargo xtask vectors`: writes the test vectors anew. What they are is in `vectors/README.md`.

use anyhow::Result;

use crate::workspace::{Workspace, succeed};

/// Builds the generator and runs it.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    succeed(&mut workspace.cargo(["run", "--quiet", "--package", "keyfold-vectors"]))
}
