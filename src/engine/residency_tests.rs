use super::*;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, yield_now};

type Leased = Result<Lease<String>, ResidencyError<Broken>>;
type Loaded = Result<(String, u64), Broken>;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("broken")]
struct Broken;

/// A load that gives this value of ten bytes.
async fn gives(value: &str) -> Loaded {
    Ok((value.to_owned(), 10))
}

/// A load that must not be needed.
async fn is_not_needed() -> Loaded {
    panic!("loaded twice")
}

/// A request that runs beside the test; it has come as far as it can when this returns.
async fn asks<F>(residency: &Residency<String>, key: &'static str, load: F) -> JoinHandle<Leased>
where
    F: Future<Output = Loaded> + Send + 'static,
{
    let residency = residency.clone();
    let request = tokio::spawn(async move { residency.lease(key, load).await });
    settles().await;
    request
}

/// Lets all others run until they wait.
async fn settles() {
    for _ in 0..20 {
        yield_now().await;
    }
}

/// A load that ends when it is told how.
fn told() -> (oneshot::Sender<Loaded>, impl Future<Output = Loaded>) {
    let (tell, told) = oneshot::channel();
    (tell, async move { told.await.unwrap() })
}

#[tokio::test]
async fn a_second_request_gets_what_the_first_has_loaded() {
    let residency = Residency::new(100);
    let first = residency.lease("a", gives("loaded")).await.unwrap();
    let second = residency.lease("a", is_not_needed()).await.unwrap();
    assert_eq!((first.as_str(), second.as_str()), ("loaded", "loaded"));
    let status = residency.status();
    assert_eq!((status.loads, status.hits, status.resident, status.leased, status.bytes), (1, 1, 1, 1, 10));
    drop((first, second));
    assert_eq!((residency.status().leased, residency.status().resident), (0, 1), "it stays for the next");
}

#[tokio::test]
async fn requests_at_the_same_time_share_one_load() {
    let residency = Residency::new(100);
    let (tell, load) = told();
    let first = asks(&residency, "a", load).await;
    let others = [asks(&residency, "a", is_not_needed()).await, asks(&residency, "a", is_not_needed()).await];
    let other_key = residency.lease("b", gives("b")).await.unwrap();
    tell.send(gives("a").await).unwrap();
    for request in [first].into_iter().chain(others) {
        assert_eq!(&*request.await.unwrap().unwrap(), "a");
    }
    drop(other_key);
    let status = residency.status();
    assert_eq!((status.loads, status.hits, status.leased), (2, 2, 0));
}

#[tokio::test]
async fn a_request_that_waits_loads_where_the_one_that_loads_is_dropped() {
    let residency = Residency::new(100);
    let first = asks(&residency, "a", pending()).await;
    let second = asks(&residency, "a", gives("second")).await;
    let third = asks(&residency, "a", gives("third")).await;
    assert!(!second.is_finished() && !third.is_finished());
    first.abort();
    let (second, third) = (second.await.unwrap().unwrap(), third.await.unwrap().unwrap());
    assert_eq!(*second, *third, "one of them loaded for both");
    assert_eq!((residency.status().loads, residency.status().hits), (1, 1));
}

#[tokio::test]
async fn a_request_that_waits_loads_where_the_load_panics() {
    let residency = Residency::new(100);
    let (tell, load) = told();
    let first = asks(&residency, "a", load).await;
    let second = asks(&residency, "a", gives("second")).await;
    drop(tell);
    assert!(first.await.unwrap_err().is_panic());
    assert_eq!(&*second.await.unwrap().unwrap(), "second");
}

#[tokio::test]
async fn the_next_request_loads_where_all_before_it_were_dropped() {
    let residency = Residency::new(100);
    let requests = [asks(&residency, "a", pending()).await, asks(&residency, "a", pending()).await];
    for request in requests {
        request.abort();
        settles().await;
    }
    assert_eq!(&*residency.lease("a", gives("new")).await.unwrap(), "new");
}

#[tokio::test]
async fn a_request_that_only_waits_can_be_dropped_without_harm() {
    let residency = Residency::new(100);
    let (tell, load) = told();
    let first = asks(&residency, "a", load).await;
    let second = asks(&residency, "a", is_not_needed()).await;
    second.abort();
    settles().await;
    tell.send(gives("a").await).unwrap();
    drop(first.await.unwrap().unwrap());
    assert_eq!(residency.status().leased, 0);
}

#[tokio::test]
async fn those_that_wait_share_the_error_and_the_next_request_tries_again() {
    let residency = Residency::new(100);
    let (tell, load) = told();
    let first = asks(&residency, "a", load).await;
    let second = asks(&residency, "a", is_not_needed()).await;
    tell.send(Err(Broken)).unwrap();
    for request in [first, second] {
        assert_eq!(request.await.unwrap().unwrap_err(), ResidencyError::Load(Broken));
    }
    assert_eq!(residency.status().loads, 0);
    assert_eq!(&*residency.lease("a", gives("again")).await.unwrap(), "again");
}

#[tokio::test]
async fn an_error_of_another_type_is_not_shared() {
    let residency = Residency::new(100);
    let (tell, load) = told();
    let first = asks(&residency, "a", load).await;
    let other = residency.clone();
    let load = async { Ok::<_, std::convert::Infallible>(("other".to_owned(), 5)) };
    let second = tokio::spawn(async move { other.lease("a", load).await });
    settles().await;
    tell.send(Err(Broken)).unwrap();
    assert!(first.await.unwrap().is_err());
    assert_eq!(&*second.await.unwrap().unwrap(), "other");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_to_all_that_wait_and_says_how_to_mend_it() {
    let residency = Residency::new(15);
    let used = residency.lease("used", gives("used")).await.unwrap();
    let (tell, load) = told();
    let first = asks(&residency, "a", load).await;
    let second = asks(&residency, "a", is_not_needed()).await;
    tell.send(gives("a").await).unwrap();
    for request in [first, second] {
        let full = request.await.unwrap().unwrap_err();
        assert_eq!(full, ResidencyError::Full { budget: 15, needed: 10 });
        assert!(full.to_string().contains("try again later"), "{full}");
    }
    drop(used);
    drop(residency.lease("a", gives("a")).await.unwrap());
    assert_eq!(residency.status().evictions, 1);
    let large = residency.lease("large", async { Ok::<_, Broken>((String::new(), 16)) }).await.unwrap_err();
    assert_eq!(large, ResidencyError::TooLarge { budget: 15, needed: 16 });
}

#[tokio::test]
async fn a_clone_of_a_lease_keeps_its_resident() {
    let residency = Residency::new(10);
    let lease = residency.lease("a", gives("a")).await.unwrap();
    let clone = lease.clone();
    drop(lease);
    assert!(residency.lease("b", gives("b")).await.is_err());
    assert_eq!(&*clone, "a");
    drop(clone);
    assert!(residency.lease("b", gives("b")).await.is_ok());
}

#[tokio::test]
async fn a_lease_outlives_the_residency() {
    let residency = Residency::new(10);
    let lease = residency.lease("a", gives("a")).await.unwrap();
    drop(residency);
    assert_eq!(&*lease.clone(), "a");
}

#[tokio::test]
async fn what_others_wait_for_does_not_go_before_they_come() {
    let residency = Residency::new(10);
    let (tell, load) = told();
    let first = asks(&residency, "a", load).await;
    let mut second = Box::pin(residency.lease("a", is_not_needed()));
    assert!(poll_once(&mut second).await.is_none(), "it waits");
    tell.send(gives("a").await).unwrap();
    drop(first.await.unwrap());
    let full = residency.lease("b", gives("b")).await;
    assert!(matches!(full, Err(ResidencyError::Full { .. })), "the second has not read it yet");
    assert_eq!(&*second.await.unwrap(), "a");
    assert!(residency.lease("b", gives("b")).await.is_ok());
}

/// What a future gives at once.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| match std::pin::Pin::new(&mut *future).poll(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn a_forgotten_key_is_loaded_anew_beside_what_is_still_in_use() {
    let residency = Residency::new(20);
    let old = residency.lease("a", gives("old")).await.unwrap();
    residency.forget("a");
    let new = residency.lease("a", gives("new")).await.unwrap();
    assert_eq!((old.as_str(), new.as_str(), residency.status().bytes), ("old", "new", 20));
    drop(old);
    assert_eq!(residency.status().bytes, 10);
    drop(new);
    residency.forget("a");
    residency.forget("never seen");
    assert_eq!((residency.status().resident, residency.status().bytes), (0, 0));
}

#[tokio::test]
async fn a_key_forgotten_while_it_is_loaded_serves_only_those_that_waited_before() {
    let residency = Residency::new(100);
    let (tell, load) = told();
    let first = asks(&residency, "a", load).await;
    let second = asks(&residency, "a", is_not_needed()).await;
    residency.forget("a");
    let (tell_new, load) = told();
    let third = asks(&residency, "a", load).await;
    let fourth = asks(&residency, "a", is_not_needed()).await;
    tell.send(gives("old").await).unwrap();
    assert_eq!(&*first.await.unwrap().unwrap(), "old");
    assert_eq!(&*second.await.unwrap().unwrap(), "old");
    assert_eq!(residency.status().resident, 0, "the old one went with its leases");
    let fifth = asks(&residency, "a", is_not_needed()).await;
    tell_new.send(gives("new").await).unwrap();
    for request in [third, fourth, fifth] {
        assert_eq!(&*request.await.unwrap().unwrap(), "new");
    }
}

/// Asks the residency about itself when it is dropped, which needs the lock.
struct Curious {
    residency: Residency<Curious>,
    asked: Arc<AtomicUsize>,
}

impl Drop for Curious {
    fn drop(&mut self) {
        self.asked.fetch_add(self.residency.status().budget as usize, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn no_resident_is_dropped_under_the_lock() {
    let (residency, asked) = (Residency::new(1), Arc::new(AtomicUsize::new(0)));
    let load = |bytes| {
        let curious = Curious { residency: residency.clone(), asked: asked.clone() };
        async move { Ok::<_, Broken>((curious, bytes)) }
    };
    drop(residency.lease("a", load(1)).await);
    let evicts = residency.lease("b", load(1)).await;
    assert!(residency.lease("c", load(1)).await.is_err() && residency.lease("d", load(2)).await.is_err());
    residency.forget("b");
    drop(evicts);
    drop(residency.lease("e", load(1)).await);
    residency.forget("e");
    assert_eq!(asked.load(Ordering::Relaxed), 5);
}

#[test]
fn a_residency_and_its_leases_may_go_between_threads() {
    fn travels<T: Send + Sync>(_: &T) {}
    let residency = Residency::<String>::new(1);
    travels(&residency);
    travels(&residency.lease("a", gives("a")));
    travels(&None::<Lease<String>>);
}

/// Counts itself among the values in memory.
struct Counted {
    key: usize,
    alive: Arc<AtomicUsize>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Keys from this one on are also forgotten.
const FORGOTTEN: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn amid_drops_errors_and_forgetting_everybody_is_served_and_no_lease_is_lost() {
    let residency = Residency::<Counted>::new(40);
    let alive = Arc::new(AtomicUsize::new(0));
    let loading: Arc<Vec<AtomicBool>> = Arc::new((0..7).map(|_| AtomicBool::new(false)).collect());
    let requests: Vec<JoinHandle<()>> = (0..4000usize)
        .map(|i| {
            let (residency, alive, loading) = (residency.clone(), alive.clone(), loading.clone());
            tokio::spawn(async move {
                let key = i * 31 % 7;
                let load = async {
                    // A key that is forgotten while it is loaded may be loaded anew beside it.
                    let _alone = (key < FORGOTTEN).then(|| Alone::enter(&loading[key]));
                    for _ in 0..i % 5 {
                        yield_now().await;
                    }
                    if i % 11 == 0 {
                        return Err(Broken);
                    }
                    alive.fetch_add(1, Ordering::SeqCst);
                    Ok((Counted { key, alive: alive.clone() }, 10))
                };
                let name = key.to_string();
                let mut request = Box::pin(residency.lease(&name, load));
                if i % 3 == 0 {
                    // Its client hangs up.
                    for _ in 0..i % 4 {
                        if poll_once(&mut request).await.is_some() {
                            return;
                        }
                        yield_now().await;
                    }
                    return;
                }
                if i % 17 == 0 && key >= FORGOTTEN {
                    residency.forget(&name);
                }
                if let Ok(lease) = request.await {
                    let clone = lease.clone();
                    yield_now().await;
                    assert_eq!((lease.key, clone.key), (key, key));
                }
                let status = residency.status();
                assert!(status.leased_bytes <= status.bytes && status.bytes <= status.budget);
            })
        })
        .collect();
    for request in requests {
        tokio::time::timeout(Duration::from_secs(60), request).await.expect("nobody waits for ever").unwrap();
    }
    let status = residency.status();
    assert_eq!((status.leased, status.leased_bytes), (0, 0));
    assert_eq!(status.resident, alive.load(Ordering::SeqCst));
    (0..7).for_each(|key| residency.forget(&format!("{key}")));
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

/// Proof that no other load of the key runs.
struct Alone<'a>(&'a AtomicBool);

impl<'a> Alone<'a> {
    fn enter(loading: &'a AtomicBool) -> Self {
        assert!(!loading.swap(true, Ordering::SeqCst), "two loads at the same time");
        Self(loading)
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}
