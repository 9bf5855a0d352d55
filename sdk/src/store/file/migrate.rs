//! How the tables of one schema become those of the next.
//!
//! What cannot come along is set aside and counted, and the rest goes on; a step that fails leaves the database as it
//! was.

use redb::{ReadableTable, TableDefinition, WriteTransaction};
use serde_json::Value;

use super::pack::pack;
use super::schema::{
    CONFIRMED, ENTRIES, FLAG_PRECIOUS, FLAG_SET_ASIDE, Failure, KEYS, LEDGER, PENDING, RECORDS, UNREADABLE,
};
use crate::platform;

/// Changes the tables of one schema into those of the next; says how many records could not come along.
pub(super) type Step = fn(&WriteTransaction) -> Result<usize, Failure>;

/// The first makes schema 1 of an empty database, the second makes schema 2 of schema 1, and so on. What was released
/// does not change any more.
pub(super) const STEPS: &[Step] = &[first, second];

/// Up to schema 1: whole replicas in JSON, by review.
pub(super) const REPLICAS: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("replicas");

fn first(write: &WriteTransaction) -> Result<usize, Failure> {
    write.open_table(KEYS)?;
    write.open_table(REPLICAS)?;
    Ok(0)
}

/// A replica becomes a record whose pending part is all of it, as it was.
fn second(write: &WriteTransaction) -> Result<usize, Failure> {
    let mut left = 0;
    {
        let old = write.open_table(REPLICAS)?;
        let mut records = write.open_table(RECORDS)?;
        let mut pending = write.open_table(PENDING)?;
        let mut unreadable = write.open_table(UNREADABLE)?;
        for table in [LEDGER, CONFIRMED] {
            write.open_table(table)?;
        }
        write.open_table(ENTRIES)?;
        let now = platform::now_ms();
        for row in old.iter()? {
            let (review, replica) = row?;
            let (review, replica) = (review.value(), replica.value());
            match precious(replica) {
                Some(precious) => {
                    pending.insert(review, &*pack(&[replica]))?;
                    records.insert(review, (if precious { FLAG_PRECIOUS } else { 0 }, now))?;
                }
                None => {
                    left += 1;
                    unreadable.insert((review, now, "pending"), replica)?;
                    records.insert(review, (FLAG_SET_ASIDE, now))?;
                }
            }
        }
    }
    write.delete_table(REPLICAS)?;
    Ok(left)
}

/// Whether there is something in a replica of schema 1 that exists nowhere else; `None` if it is not one.
pub(super) fn precious(replica: &[u8]) -> Option<bool> {
    let replica: Value = serde_json::from_slice(replica).ok()?;
    let parts = ["confirmed", "in_flight", "buffer", "rejected"].map(|name| replica.get(name));
    let [Some(Value::Object(_)), Some(in_flight), Some(buffer), Some(rejected)] = parts else { return None };
    let some = |value: &Value| match value {
        Value::Array(values) => !values.is_empty(),
        Value::Object(values) => !values.is_empty(),
        value => !value.is_null(),
    };
    (replica.get("format") == Some(&Value::from(1)))
        .then(|| [in_flight, buffer, rejected].into_iter().any(some))
}
