//! Cases about reports.

use super::{AccountId, Bench, Bytes, DAY, Duration, Operation, Outcome, Refusal, Store, limits};
use crate::store::report::{NewReport, ReportId};

fn id(number: u16) -> ReportId {
    let mut id = [0; 16];
    let [high, low] = number.to_be_bytes();
    (id[0], id[1]) = (high, low);
    ReportId(id)
}

fn report(number: u16, account: u8, words: u8) -> Operation {
    Operation::Report(Box::new(NewReport {
        id: id(number),
        account: AccountId::new([account; 32]),
        digest: [words; 32],
        sealed: Bytes::from(vec![words; 9]),
    }))
}

async fn kept<S: Store>(bench: &Bench<S>) -> Vec<ReportId> {
    let all = bench.store.reports().await.unwrap_or_default();
    all.into_iter().map(|(id, _)| id).collect()
}

fn is_busy(answer: &super::Answer) -> bool {
    matches!(answer, Err(Refusal::Busy { .. }))
}

pub(super) async fn a_report_is_known_again_and_goes_when_it_is_deleted<S: Store>(
    mut bench: Bench<S>,
) {
    assert!(bench.run(report(2, 1, 7)).await == Ok(Outcome::Done));
    let first = bench.now;
    bench.later(Duration::from_secs(1));
    assert!(bench.run(report(1, 1, 8)).await == Ok(Outcome::Done));
    assert!(
        bench.run(report(2, 1, 7)).await == Ok(Outcome::Done),
        "again"
    );
    assert!(bench.run(report(2, 1, 9)).await == Err(Refusal::Conflict));
    assert!(bench.run(report(2, 3, 7)).await == Err(Refusal::Conflict));
    assert!(kept(&bench).await == [id(2), id(1)], "the oldest first");
    let one = bench.store.report(id(2)).await.ok().flatten();
    let one = one.map(|one| (one.account, one.at, one.sealed));
    let expected = (AccountId::new([1; 32]), first, Bytes::from(vec![7; 9]));
    assert!(one == Some(expected));
    assert!(bench.run(Operation::ForgetReport(id(2))).await == Ok(Outcome::Done));
    assert!(bench.run(Operation::ForgetReport(id(2))).await == Err(Refusal::NotFound));
    assert!(bench.store.report(id(2)).await == Ok(None));
    assert!(kept(&bench).await == [id(1)]);
}

pub(super) async fn an_account_reports_so_often_a_day<S: Store>(mut bench: Bench<S>) {
    let most = u16::try_from(limits::MAX_REPORTS_A_DAY).unwrap_or(u16::MAX);
    for number in 0..most {
        assert!(bench.run(report(number, 1, 7)).await == Ok(Outcome::Done));
    }
    assert!(is_busy(&bench.run(report(most, 1, 7)).await));
    assert!(
        bench.run(report(0, 1, 7)).await == Ok(Outcome::Done),
        "again"
    );
    assert!(bench.run(report(most, 2, 7)).await == Ok(Outcome::Done));
    bench.later(DAY);
    assert!(bench.run(report(most + 1, 1, 7)).await == Ok(Outcome::Done));
}

pub(super) async fn so_many_reports_are_kept_and_each_for_its_time<S: Store>(mut bench: Bench<S>) {
    let most = u16::try_from(limits::MAX_REPORTS).unwrap_or(u16::MAX);
    let each = u16::try_from(limits::MAX_REPORTS_A_DAY).unwrap_or(u16::MAX);
    for number in 0..most {
        let account = u8::try_from(number / each).unwrap_or(u8::MAX);
        assert!(bench.run(report(number, account, 7)).await == Ok(Outcome::Done));
    }
    assert!(is_busy(&bench.run(report(most, 200, 7)).await));
    assert!(bench.run(Operation::ForgetReport(id(0))).await == Ok(Outcome::Done));
    assert!(bench.run(report(most, 200, 7)).await == Ok(Outcome::Done));
    bench.later(limits::REPORT_RETENTION);
    let sweep = || Operation::Sweep { portion: 1_000 };
    assert!(bench.run(sweep()).await.is_ok());
    assert!(kept(&bench).await.len() == usize::from(most));
    bench.later(Duration::from_millis(1));
    while bench.run(sweep()).await == Ok(Outcome::Swept { more: true }) {}
    assert!(kept(&bench).await.is_empty());
}
