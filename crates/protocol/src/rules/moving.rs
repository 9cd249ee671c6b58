//! Whether a fresh group goes on where another of the same conversation stood: the move as one step by its maker.
//!
//! Which of two moves members follow is in [`Place`](crate::state::Place).

use std::collections::BTreeSet;

use keyfold_wire::ids::AccountId;

use super::{GroupView, Violation, change};
use crate::state::ConversationState;

pub(super) fn check(
    from: &GroupView,
    to: &GroupView,
    maker: AccountId,
    gone: &BTreeSet<AccountId>,
) -> Result<(), Violation> {
    if from.suite != to.suite {
        return Err(Violation::Immutable("cipher suite"));
    }
    let (had, has) = (from.accounts(), to.accounts());
    if !had.contains(&maker) || !has.contains(&maker) {
        return Err(Violation::NoSuchLeaf);
    }
    for account in had.difference(&has) {
        if !gone.contains(account) && !from.may_remove(maker, *account) {
            return Err(Violation::MayNotRemove);
        }
    }
    if has.difference(&had).next().is_some() && !from.may_add(maker) {
        return Err(Violation::MayNotAdd);
    }
    let key = |group: &GroupView, account| {
        let mut leaves = group.leaves.iter().filter(|leaf| leaf.account() == account);
        leaves.next().map(|leaf| leaf.certificate.account_key)
    };
    if had
        .intersection(&has)
        .any(|one| key(from, *one) != key(to, *one))
    {
        return Err(Violation::AccountKey);
    }
    let mut stayed: ConversationState = to.state.clone();
    (stayed.handle, stayed.moves) = (from.state.handle, from.state.moves);
    stayed.moved_from = from.state.moved_from;
    change::check_state(from, maker, &stayed, to)
}
