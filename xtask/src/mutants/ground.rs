//! What is mutated, and which tests judge it.

/// A crate, or the part of it that carries the promise, and the tests that must notice a change there.
pub(crate) struct Ground {
    /// The package, and the name of its folder below `mutants/`.
    pub(crate) package: &'static str,
    /// Where its sources lie.
    pub(crate) sources: &'static str,
    /// Which of them: globs, all of them below `sources`.
    pub(crate) files: &'static [&'static str],
    /// Test suites of a package that compile to code outside of `cfg(test)`: to mutate them proves nothing.
    pub(crate) suites: &'static [&'static str],
    /// Judges, cheapest first: a later one sees only what all earlier ones missed.
    pub(crate) rounds: &'static [Round],
}

/// One run of tests against a mutant.
pub(crate) struct Round {
    /// The package whose tests run.
    pub(crate) package: &'static str,
    /// Which test binaries are built: every one that is not built is time saved on every mutant.
    pub(crate) targets: &'static [&'static str],
}

/// All grounds. A file that moves must not fall out: the globs name folders wherever they can.
pub(crate) const GROUNDS: [Ground; 3] = [
    Ground {
        package: "keyfold-protocol",
        sources: "crates/protocol/src/",
        files: &["crates/protocol/src/**/*.rs"],
        suites: &[],
        rounds: &[
            Round {
                package: "keyfold-protocol",
                targets: &["--lib", "--tests"],
            },
            Round {
                package: "keyfold-engine",
                targets: &["--lib", "--tests"],
            },
        ],
    },
    Ground {
        package: "keyfold-engine",
        sources: "crates/engine/src/",
        files: &["crates/engine/src/**/*.rs"],
        suites: &[],
        rounds: &[
            Round {
                package: "keyfold-engine",
                targets: &["--lib", "--tests"],
            },
            // Much of the ways back has no shorter story than a world.
            Round {
                package: "keyfold-sim",
                targets: &["--test=scenarios", "--test=worlds"],
            },
        ],
    },
    Ground {
        package: "keyfold-server",
        sources: "crates/server/src/",
        files: &[
            "crates/server/src/core/**/*.rs",
            "crates/server/src/delivery/**/*.rs",
            "crates/server/src/directory/**/*.rs",
            "crates/server/src/store/**/*.rs",
            "crates/server/src/request.rs",
            "crates/server/src/seal.rs",
        ],
        suites: &["crates/server/src/store/conformance/**"],
        rounds: &[
            Round {
                package: "keyfold-server",
                targets: &["--lib", "--test=core_*"],
            },
            Round {
                package: "keyfold-server",
                targets: &["--test=process_*"],
            },
        ],
    },
];

impl Ground {
    /// Whether a path, relative to the root, belongs here.
    pub(crate) fn covers(&self, path: &str) -> bool {
        let matches = |glob: &&str| match glob.split_once("**") {
            Some((folder, _)) => path.starts_with(folder),
            None => path == *glob,
        };
        let any = |globs: &[&str]| globs.iter().any(&matches);
        any(self.files) && !any(self.suites)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delivery_core_is_what_the_globs_say() {
        let [protocol, _, server] = &GROUNDS;
        assert!(protocol.covers("crates/protocol/src/group/leaf.rs"));
        assert!(server.covers("crates/server/src/seal.rs"));
        assert!(server.covers("crates/server/src/store/sqlite/mod.rs"));
        assert!(!server.covers("crates/server/src/store/conformance/mod.rs"));
        assert!(!server.covers("crates/server/src/http/mod.rs"));
    }
}
