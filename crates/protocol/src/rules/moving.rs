//! Whether a fresh group goes on where another of the same conversation stood: the move as one step by its maker.
//!
//! Which of two moves members follow is in [`Place`](crate::state::Place).

use std::collections::BTreeSet;

use keyfold_wire::ids::AccountId;

use super::{GroupView, Violation, change};
use crate::limits::MAX_MOVES_MISSED;
use crate::state::{ConversationState, Kind, Role};

pub(super) fn check(
    from: &GroupView,
    to: &GroupView,
    maker: AccountId,
    gone: &BTreeSet<AccountId>,
) -> Result<(), Violation> {
    if from.suite != to.suite {
        return Err(Violation::Immutable("cipher suite"));
    }
    if to.state.moves > from.state.moves.saturating_add(MAX_MOVES_MISSED) {
        return Err(Violation::TooFarAhead);
    }
    let (had, has) = (from.accounts(), to.accounts());
    if !had.contains(&maker) || !has.contains(&maker) {
        return Err(Violation::NoSuchLeaf);
    }
    // Who has made it before the last changes here had come to them may not know of them: they do not undo these.
    let knows = !from.knows_more_than(to);
    for account in had.difference(&has) {
        let rightly = gone.contains(account) || knows && from.may_remove(maker, *account);
        if !rightly {
            return Err(Violation::MayNotRemove);
        }
    }
    if has.difference(&had).next().is_some() && !(knows && from.may_add(maker)) {
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
    check_owner(from, to, maker, &mut stayed)?;
    change::check_state(from, maker, &stayed, to)
}

/// Where nobody is called owner somebody acts as one, by the order of the leaves. That order is the maker's in the new group: whoever acts
/// as owner stays it, and so may be called owner by any maker.
fn check_owner(
    from: &GroupView,
    to: &GroupView,
    maker: AccountId,
    stayed: &mut ConversationState,
) -> Result<(), Violation> {
    let acting = from.acting_owner();
    let Some(acting) = acting.filter(|acting| to.accounts().contains(acting)) else {
        return Ok(());
    };
    if from.authority(maker) == Role::Owner || from.state.kind != Kind::Group {
        return Ok(());
    }
    if to.acting_owner() != Some(acting) {
        return Err(Violation::MayNotChangeRole);
    }
    if stayed.role(acting) == Role::Owner {
        stayed.set_role(acting, from.state.role(acting));
    }
    Ok(())
}
