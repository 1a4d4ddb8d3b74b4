use super::*;
use qdrant_client::qdrant::points_update_operation::{DeletePoints, Operation};
use qdrant_client::qdrant::{PointsIdsList, PointsSelector, points_selector::PointsSelectorOneOf};

fn delete(number: u64) -> PointsUpdateOperation {
    let ids = vec![number.into()];
    let selector = PointsSelectorOneOf::Points(PointsIdsList { ids });
    let delete = DeletePoints {
        points: Some(PointsSelector {
            points_selector_one_of: Some(selector),
        }),
        shard_key_selector: None,
    };
    PointsUpdateOperation {
        operation: Some(Operation::DeletePoints(delete)),
    }
}

fn filled(path: &Path, count: u64) -> u64 {
    let (mut journal, _) = Journal::open(path).unwrap();
    for number in 0..count {
        journal.append(&delete(number).encode_to_vec()).unwrap();
    }
    journal.len()
}

#[test]
fn records_are_read_again_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    filled(&path, 3);
    let (_, records) = Journal::open(&path).unwrap();
    assert_eq!(records, [delete(0), delete(1), delete(2)]);
}

#[test]
fn a_torn_end_is_cut_off_wherever_it_was_torn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let two = filled(&path, 2);
    let whole = std::fs::read(&path).unwrap();
    let first = two / 2;
    for end in first..two {
        let end = usize::try_from(end).unwrap();
        std::fs::write(&path, &whole[..end]).unwrap();
        let (mut journal, records) = Journal::open(&path).unwrap();
        assert_eq!(records, [delete(0)], "torn after {end} bytes");
        journal.append(&delete(7).encode_to_vec()).unwrap();
        let (_, records) = Journal::open(&path).unwrap();
        assert_eq!(records, [delete(0), delete(7)]);
    }
}

#[test]
fn a_damaged_record_ends_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let two = filled(&path, 2);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = usize::try_from(two).unwrap() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(Journal::open(&path).unwrap().1, [delete(0)]);
}

#[test]
fn a_cleared_journal_is_empty_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let (mut journal, _) = Journal::open(&path).unwrap();
    journal.append(&delete(1).encode_to_vec()).unwrap();
    journal.clear().unwrap();
    assert_eq!(journal.len(), 0);
    journal.append(&delete(2).encode_to_vec()).unwrap();
    assert_eq!(Journal::open(&path).unwrap().1, [delete(2)]);
}
