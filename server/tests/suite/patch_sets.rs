//! Patch sets are stored with the entries that speak of them.

use std::sync::Arc;

use interline_core::diff::{LineMap, PatchSet};
use interline_core::entry::Hash;
use interline_core::id::UserId;
use interline_core::sync::NewPatchSet;
use interline_server::store::{AppendOutcome, PatchSetRow, Store};

use super::material::{append, client, create};

fn new(number: u32, key: Option<&str>) -> Arc<NewPatchSet> {
    let code = PatchSet::parse(b"--- a/f\n+++ b/f\n@@ -1 +1 @@\n-old\n+new\n").unwrap();
    let map = LineMap::between(&code, &code);
    Arc::new(NewPatchSet {
        number,
        author: UserId::new("system").unwrap(),
        code_json: format!("code {number}").into(),
        map_json: format!("map {number}").into(),
        code: Arc::new(code),
        map: Arc::new(map),
        body_hash: Hash::of(&[number as u8]),
        key: key.map(str::to_owned),
    })
}

pub(super) async fn they_come_with_their_entries(store: &dyn Store) {
    let row = create(store, None).await;
    let first = store.patch_sets(row.id).await.unwrap();
    assert_eq!((first.len(), first[0].number, &first[0].key), (1, 1, &None));
    assert_eq!(first[0].bytes, store.patch_set(row.id, 1).await.unwrap().unwrap().len() as u64);
    assert_eq!(store.line_map(row.id, 1).await.unwrap(), None);

    let mut request = append(&row, &[(client(1), 1), (NewPatchSet::CLIENT, 1)]);
    request.append.records[1].patch_set = Some(new(2, Some("push")));
    let mut loser = append(&row, &[(NewPatchSet::CLIENT, 1)]);
    loser.append.records[0].patch_set = Some(new(2, None));
    let outcomes = store.append(&[request, loser.clone()]).await.unwrap();
    assert_eq!(outcomes, [AppendOutcome::Appended, AppendOutcome::Lost]);
    assert_eq!(store.append(&[loser]).await.unwrap(), [AppendOutcome::Lost]);
    assert_eq!(store.patch_set(row.id, 2).await.unwrap().as_deref(), Some("code 2"));
    assert_eq!(store.line_map(row.id, 2).await.unwrap().as_deref(), Some("map 2"));
    let second = PatchSetRow { number: 2, key: Some("push".into()), body_hash: Hash::of(&[2]), bytes: 6 };
    assert_eq!(store.patch_sets(row.id).await.unwrap(), [first[0].clone(), second]);
    assert_eq!(store.patch_set(row.id, 3).await.unwrap(), None);
    // The same name in another review is another.
    let other = create(store, None).await;
    let mut request = append(&other, &[(NewPatchSet::CLIENT, 1)]);
    request.append.records[0].patch_set = Some(new(2, Some("push")));
    assert_eq!(store.append(&[request]).await.unwrap(), [AppendOutcome::Appended]);
}
