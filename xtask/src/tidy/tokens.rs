//! Rules about words in Rust code, also inside macros: `unsafe`, `async`, `sleep`, `cfg(feature)`.

use proc_macro2::TokenTree;

use super::Finding;
use super::source::Source;

/// Crates whose code never waits.
const WITHOUT_WAITING: [&str; 2] = ["protocol", "engine"];

/// Crates that are built in one way only.
const WITHOUT_FEATURES: [&str; 3] = ["wire", "protocol", "engine"];

/// Checks one file.
pub(super) fn check(source: &Source<'_>) -> Vec<Finding> {
    let words = source.words();
    let found = words.filter_map(|(at, word)| {
        let line = word.span().start().line;
        let (rule, what) = match word.to_string().as_str() {
            "unsafe" if !is_ffi(source.path) => {
                ("unsafe", "`unsafe` belongs into a file named ffi.rs")
            }
            "async" | "await" if source.is_product_of(&WITHOUT_WAITING) => {
                ("async", "this crate never waits: no async")
            }
            "feature" if source.is_product_of(&WITHOUT_FEATURES) && is_condition(source, at) => {
                ("feature", "this crate has no feature flags")
            }
            "sleep" if source.is_test(line) && is_real_sleep(source, at) => (
                "sleep",
                "tests do not sleep: wait for what is expected, or use virtual time",
            ),
            _ => return None,
        };
        Some(Finding::new(source.path, line, rule, what))
    });
    found.collect()
}

fn is_ffi(path: &str) -> bool {
    path.ends_with("/ffi.rs") || path.contains("/ffi/")
}

/// Whether the word is the key of `feature = "..."`.
fn is_condition(source: &Source<'_>, at: usize) -> bool {
    matches!(source.tokens.get(at + 1), Some(TokenTree::Punct(sign)) if sign.as_char() == '=')
        && matches!(source.tokens.get(at + 2), Some(TokenTree::Literal(_)))
}

/// Whether the word is the sleep of the standard library or of tokio.
fn is_real_sleep(source: &Source<'_>, at: usize) -> bool {
    source
        .led_by(at)
        .is_some_and(|module| module == "thread" || module == "time")
}

#[cfg(test)]
mod tests {
    use super::super::broken;

    const ENGINE: &str = "crates/engine/src/step.rs";
    const STORY: &str = "crates/client/tests/story.rs";

    #[test]
    fn unsafe_outside_an_ffi_file_is_caught() {
        let text = "//! Bytes.\nfn peek() -> u8 { unsafe { *ADDRESS } }\n";
        assert_eq!(broken("crates/client/src/key.rs", text), ["unsafe"]);
        assert!(broken("crates/client/src/ffi.rs", text).is_empty());
    }

    #[test]
    fn waiting_in_the_engine_is_caught_also_in_a_macro() {
        assert_eq!(
            broken(ENGINE, "//! Steps.\nasync fn step() {}\n"),
            ["async"]
        );
        assert_eq!(
            broken(ENGINE, "//! Steps.\nfn step() { go!(reply.await) }\n"),
            ["async"]
        );
        assert!(
            broken(
                "crates/client/src/drive.rs",
                "//! Steps.\nasync fn step() {}\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn a_feature_flag_below_the_client_is_caught() {
        let text = "//! Ids.\n#[cfg(feature = \"extra\")]\nfn id() {}\n";
        assert_eq!(broken("crates/wire/src/ids.rs", text), ["feature"]);
        assert!(broken("crates/server/src/main.rs", text).is_empty());
    }

    #[test]
    fn a_sleep_in_a_test_is_caught_in_each_of_its_forms() {
        let says = |line: &str| broken(STORY, &format!("//! A story.\nfn waits() {{ {line} }}\n"));
        assert_eq!(says("thread::sleep(SECOND);"), ["sleep"]);
        assert_eq!(says("tokio::time::sleep(SECOND).await;"), ["sleep"]);
        assert_eq!(
            says("select!(_ = tokio::time::sleep(SECOND) => {});"),
            ["sleep"]
        );
        assert_eq!(says("use std::thread::sleep;"), ["sleep"]);
        assert!(says("town.sleep();").is_empty());
    }

    #[test]
    fn a_sleep_in_a_test_module_is_caught_and_in_the_product_it_may_be() {
        let product = "//! Drives.\nfn back_off() { std::thread::sleep(SECOND) }\n";
        assert!(broken("crates/client/src/drive.rs", product).is_empty());
        let test = "//! Drives.\n#[cfg(test)]\nmod tests {\n    fn waits() { std::thread::sleep(SECOND) }\n}\n";
        assert_eq!(broken("crates/client/src/drive.rs", test), ["sleep"]);
    }
}
