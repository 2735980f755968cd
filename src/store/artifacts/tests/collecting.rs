//! What a collection takes, and what it leaves.

use super::*;
use crate::store::collect::Tally;

everywhere! {
    what_no_record_names_goes_in_two_steps_after_the_grace_period
    what_a_record_names_stays_however_old_it_is
    what_is_named_after_all_is_put_back
    putting_again_begins_the_grace_period_anew
    without_grace_everything_unnamed_goes_at_once
    a_dry_run_only_tells
    collectors_at_once_do_what_one_does
}

fn one(bytes: u64) -> Tally {
    Tally { count: 1, bytes }
}

async fn what_no_record_names_goes_in_two_steps_after_the_grace_period(place: &Place) {
    let (_dir, store) = records().await;
    let digest = place.artifacts.put("abc").await.unwrap();
    let young = collect(&store, &place.artifacts, HOUR).await;
    assert_eq!(young, Collected { young: one(3), ..Collected::default() });
    let old = collect(&store, &place.artifacts, DAY + HOUR).await;
    assert_eq!(old, Collected { set_aside: one(3), ..Collected::default() });
    // It was set aside now, by the place's own clock.
    let waiting = collect(&store, &place.artifacts, Duration::ZERO).await;
    assert_eq!(waiting, Collected { waiting: one(3), ..Collected::default() });
    let deleted = collect(&store, &place.artifacts, 2 * HOUR).await;
    assert_eq!(deleted, Collected { deleted: one(3), ..Collected::default() });
    assert!(matches!(place.artifacts.get(&digest).await, Err(ArtifactError::NotFound { .. })));
}

async fn what_a_record_names_stays_however_old_it_is(place: &Place) {
    let (_dir, store) = records().await;
    let digest = place.artifacts.put("abc").await.unwrap();
    name(&store, &digest).await;
    let collected = collect(&store, &place.artifacts, 1000 * DAY).await;
    assert_eq!(collected, Collected { named: one(3), ..Collected::default() });
    forget(&store, &digest).await;
    assert_eq!(collect(&store, &place.artifacts, 1000 * DAY).await.set_aside, one(3));
}

async fn what_is_named_after_all_is_put_back(place: &Place) {
    let (_dir, store) = records().await;
    let digest = place.artifacts.put("abc").await.unwrap();
    collect(&store, &place.artifacts, 2 * DAY).await;
    name(&store, &digest).await;
    assert_eq!(collect(&store, &place.artifacts, 2 * DAY).await.restored, one(3));
    assert_eq!(digests(&place.artifacts).await, [digest]);
}

async fn putting_again_begins_the_grace_period_anew(place: &Place) {
    let (_dir, store) = records().await;
    place.artifacts.put("abc").await.unwrap();
    // S3 tells times in whole seconds.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let mark = SystemTime::now() - Duration::from_secs(1);
    let collection = Collection { now: mark + DAY, grace: DAY, mode: CollectMode::DryRun };
    let told = async || crate::store::collect::collect(&store, &place.artifacts, collection).await.unwrap();
    assert_eq!(told().await.set_aside, one(3));
    place.artifacts.put("abc").await.unwrap();
    assert_eq!(told().await.young, one(3));
}

async fn without_grace_everything_unnamed_goes_at_once(place: &Place) {
    let (_dir, store) = records().await;
    place.artifacts.put("abc").await.unwrap();
    let aside = place.artifacts.put("set aside").await.unwrap();
    place.artifacts.set_aside(&aside).await.unwrap();
    let named = place.artifacts.put("named").await.unwrap();
    name(&store, &named).await;
    let collection = Collection { now: SystemTime::now(), grace: Duration::ZERO, mode: CollectMode::Collect };
    let collected = crate::store::collect::collect(&store, &place.artifacts, collection).await.unwrap();
    assert_eq!(collected.deleted, Tally { count: 2, bytes: 12 });
    let left = place.artifacts.inventory().await.unwrap();
    assert_eq!((left.artifacts.len(), left.aside.len()), (1, 0));
}

async fn a_dry_run_only_tells(place: &Place) {
    let (_dir, store) = records().await;
    place.artifacts.put("abc").await.unwrap();
    let before = place.artifacts.inventory().await.unwrap();
    let collection = Collection { now: SystemTime::now() + 2 * DAY, grace: DAY, mode: CollectMode::DryRun };
    let told = crate::store::collect::collect(&store, &place.artifacts, collection).await.unwrap();
    assert_eq!(told.set_aside, one(3));
    assert_eq!(place.artifacts.inventory().await.unwrap(), before);
}

async fn collectors_at_once_do_what_one_does(place: &Place) {
    let (_dir, store) = records().await;
    let mut named = Vec::new();
    for i in 0..20_u8 {
        let digest = place.artifacts.put(vec![i; 10]).await.unwrap();
        if i % 2 == 0 {
            name(&store, &digest).await;
            named.push(digest);
        }
    }
    named.sort();
    for from_now in [2 * DAY, 2 * DAY] {
        let collectors = (0..4).map(|_| collect(&store, &place.artifacts, from_now));
        futures::future::join_all(collectors).await;
        assert_eq!(digests(&place.artifacts).await, named);
    }
    assert!(place.artifacts.inventory().await.unwrap().aside.is_empty());
}
