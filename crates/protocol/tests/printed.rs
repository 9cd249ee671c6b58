//! What is printed for people, and what must not be printed for anybody.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod people;

use keyfold_protocol::content::ContentId;
use keyfold_protocol::identity::Person as Side;
use keyfold_protocol::state::Name;
use keyfold_protocol::suite::{Suite, UnknownSuite};
use people::{Person, rng};

#[test]
fn a_suite_has_a_name_and_its_number_in_the_registry() {
    assert_eq!(Suite::Hybrid.to_string(), "hybrid");
    assert_eq!(Suite::Classic.to_string(), "classic");
    assert_eq!(u16::from(Suite::Hybrid), 0x004F);
    assert_eq!(u16::from(Suite::Classic), 0x0001);
    assert_eq!(Suite::try_from(0x0001), Ok(Suite::Classic));
    assert_eq!(Suite::try_from(0), Err(UnknownSuite(0)));
}

#[test]
fn a_name_is_shown_to_members_and_to_no_log() {
    let name = Name::new("climbing").unwrap();
    assert_eq!(name.to_string(), "climbing");
    assert_eq!(format!("{name:?}"), "<secret>");
}

#[test]
fn a_content_id_in_a_log_is_cut_off() {
    let whole = format!("01abcdef{}", "77".repeat(28));
    let id: ContentId = whole.parse().unwrap();
    assert_eq!(id.to_string(), whole);
    assert_eq!(format!("{id:?}"), "ContentId(abcdef..)");
}

#[test]
fn half_a_safety_number_is_six_groups_of_five_digits() {
    let ada = Person::new("ada", &mut rng(1));
    let half = Side {
        account: ada.account(),
        account_key: ada.key.public(),
    }
    .fingerprint();
    let shown = half.to_string();
    let groups: Vec<_> = shown.split(' ').collect();
    assert_eq!(groups.len(), 6);
    assert!(groups.iter().all(|group| group.len() == 5));
    assert!(groups.concat().bytes().all(|digit| digit.is_ascii_digit()));
    assert_eq!(format!("{half:?}"), format!("Fingerprint({shown})"));
}

#[test]
fn a_leaf_in_a_log_has_neither_handle_nor_address() {
    let mut rng = rng(2);
    let leaf = Person::new("ada", &mut rng)
        .device(3, &Suite::ALL, &mut rng)
        .leaf;
    let printed = format!("{leaf:?}");
    let expected = format!("LeafView {{ index: 3, device: {:?}, .. }}", leaf.device());
    assert_eq!(printed, expected);
    assert!(!printed.contains("ada"));
}
