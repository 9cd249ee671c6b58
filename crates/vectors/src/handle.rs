//! `handle.json`: the form in which the directory keeps a handle.

use keyfold_wire::handle::normal_form;
use serde::{Deserialize, Serialize};

use crate::Topic;

#[derive(Serialize, Deserialize)]
pub(crate) struct Handles {
    valid: Vec<Valid>,
}

#[derive(Serialize, Deserialize)]
struct Valid {
    typed: String,
    kept: String,
}

const TYPED: [&str; 8] = [
    "ada",
    "  Ada ",
    "ÉVA",
    "e\u{301}va",
    "ａｄａ",
    "İstanbul",
    "ﬁona",
    "Straße",
];

impl Topic for Handles {
    fn generate() -> Self {
        let valid = TYPED.map(|typed| Valid {
            typed: typed.to_owned(),
            kept: normal_form(typed),
        });
        Self {
            valid: valid.into(),
        }
    }

    fn check(&self) {
        for one in &self.valid {
            assert_eq!(normal_form(&one.typed), one.kept);
            assert_eq!(normal_form(&one.kept), one.kept, "it is kept as it is");
        }
    }
}
