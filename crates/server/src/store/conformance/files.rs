//! Cases about sealed files.

use super::{Bench, Duration, Operation, Outcome, Refusal, Store, limits};
use crate::store::Answer;
use crate::store::file::{FilePlace, FileRecord};

const LENGTH: u64 = 10;

fn place(number: u8) -> FilePlace {
    FilePlace([number; 32])
}

fn begin(number: u8, length: u64) -> Operation {
    Operation::BeginFile {
        place: place(number),
        length,
    }
}

fn extend(number: u8, offset: u64, bytes: u64) -> Operation {
    Operation::ExtendFile {
        place: place(number),
        offset,
        bytes,
    }
}

fn received(answer: &Answer) -> Option<u64> {
    match answer {
        Ok(Outcome::File(record)) => Some(record.received),
        _ => None,
    }
}

async fn overdue<S: Store>(bench: &Bench<S>, limit: u32) -> Vec<FilePlace> {
    let over = bench.store.overdue_files(bench.now, limit).await;
    let over = over.unwrap_or_default().into_iter();
    over.map(|(place, _)| place).collect()
}

pub(super) async fn a_file_grows_from_its_end_alone<S: Store>(bench: Bench<S>) {
    assert!(bench.run(extend(1, 0, 4)).await == Err(Refusal::NotFound));
    assert!(bench.store.file(place(1)).await == Ok(None));
    assert!(received(&bench.run(begin(1, LENGTH)).await) == Some(0));
    assert!(received(&bench.run(extend(1, 0, 4)).await) == Some(4));
    assert!(
        received(&bench.run(extend(1, 0, 4)).await) == Some(4),
        "a repeat changes nothing"
    );
    assert!(received(&bench.run(extend(1, 5, 1)).await) == Some(4));
    assert!(
        received(&bench.run(extend(1, 4, 7)).await) == Some(4),
        "nothing comes behind its end"
    );
    assert!(
        received(&bench.run(begin(1, LENGTH)).await) == Some(4),
        "begun again, it goes on"
    );
    assert!(bench.run(begin(1, LENGTH + 1)).await == Err(Refusal::Conflict));
    assert!(received(&bench.run(begin(2, LENGTH)).await) == Some(0));
    assert!(received(&bench.run(extend(1, 4, 6)).await) == Some(LENGTH));
    let record = bench.store.file(place(1)).await.ok().flatten();
    assert!(record.is_some_and(|record| record.is_complete()));
    assert!(bench.run(Operation::ForgetFile(place(1))).await == Ok(Outcome::Done));
    assert!(bench.store.file(place(1)).await == Ok(None));
    assert!(
        bench.run(Operation::ForgetFile(place(1))).await == Ok(Outcome::Done),
        "forgotten twice is forgotten"
    );
}

pub(super) async fn a_file_is_kept_for_its_time<S: Store>(mut bench: Bench<S>) {
    let (one, moment) = (bench.now, Duration::from_millis(1));
    for number in [1, 2] {
        assert!(received(&bench.run(begin(number, LENGTH)).await) == Some(0));
    }
    bench.later(limits::UPLOAD_RETENTION);
    assert!(received(&bench.run(extend(1, 0, LENGTH)).await) == Some(LENGTH));
    assert!(received(&bench.run(extend(2, 0, 4)).await) == Some(4));
    assert!(overdue(&bench, 9).await.is_empty());
    let complete = bench.store.file(place(1)).await;
    let until = one
        .after(limits::UPLOAD_RETENTION)
        .after(limits::FILE_RETENTION);
    let expected = FileRecord {
        length: LENGTH,
        received: LENGTH,
        until,
    };
    assert!(complete == Ok(Some(expected)));

    bench.later(moment);
    assert!(overdue(&bench, 9).await == [place(2)], "it never came");
    assert!(bench.run(extend(2, 4, 1)).await == Err(Refusal::NotFound));
    assert!(bench.run(begin(2, LENGTH)).await == Err(Refusal::NotFound));
    bench.later(limits::FILE_RETENTION);
    assert!(overdue(&bench, 9).await == [place(2), place(1)]);
    assert!(
        overdue(&bench, 1).await == [place(2)],
        "a portion at a time"
    );
    for number in [1, 2] {
        assert!(
            bench
                .run(Operation::ForgetFile(place(number)))
                .await
                .is_ok()
        );
    }
    assert!(overdue(&bench, 9).await.is_empty());
    assert!(received(&bench.run(begin(2, LENGTH)).await) == Some(0));
}
