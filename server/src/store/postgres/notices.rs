//! Warnings of the server, which the driver only logs.
//!
//! A COMMIT whose wait for a standby is cancelled succeeds, and all that tells is a warning. So while one is under way
//! what the driver logs goes through here.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::Poll;

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, NoSubscriber};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber, dispatcher};

/// What the driver logs the server's notices under.
const TARGET: &str = "sqlx::postgres::notice";

/// One for all, for making one costs something. Beside it one that hears nothing: a process that has a single one, as
/// without a log, is taken not to want what the first thread to come by does not want.
static LISTENER: LazyLock<[Dispatch; 2]> =
    LazyLock::new(|| [Dispatch::new(Listener), Dispatch::new(NoSubscriber::default())]);

thread_local! {
    /// Where what is logged goes otherwise, and whether there was a warning, while one of these futures is polled.
    static LISTENING: RefCell<Option<(Dispatch, bool)>> = const { RefCell::new(None) };
}

/// Waits for a future; also whether the server has warned of something meanwhile.
pub(super) async fn with_warnings<T>(future: impl Future<Output = T>) -> (T, bool) {
    let (mut future, mut warned) = (pin!(future), false);
    std::future::poll_fn(|context| {
        let otherwise = dispatcher::get_default(Dispatch::clone);
        LISTENING.set(Some((otherwise, false)));
        let polled = dispatcher::with_default(&LISTENER[0], || future.as_mut().poll(context));
        warned |= LISTENING.take().is_some_and(|(_, warned)| warned);
        match polled {
            Poll::Ready(done) => Poll::Ready((done, warned)),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Notes warnings, and passes on everything.
struct Listener;

impl Listener {
    /// Where things go otherwise. A span that was made while this listened may live on: then that is where they go now.
    fn otherwise<T>(&self, of: impl FnOnce(&Dispatch) -> T) -> T {
        let otherwise =
            LISTENING.with_borrow(|listening| listening.as_ref().map(|(otherwise, _)| otherwise.clone()));
        match otherwise {
            Some(otherwise) => of(&otherwise),
            None => of(&dispatcher::get_default(Dispatch::clone)),
        }
    }
}

fn is_warning(metadata: &Metadata<'_>) -> bool {
    metadata.target() == TARGET && *metadata.level() <= Level::WARN
}

impl Subscriber for Listener {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // For everything else it is up to the others.
        if is_warning(metadata) { Interest::always() } else { Interest::sometimes() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_warning(metadata) || self.otherwise(|otherwise| otherwise.enabled(metadata))
    }

    fn event(&self, event: &Event<'_>) {
        if is_warning(event.metadata()) {
            LISTENING.with_borrow_mut(|listening| {
                if let Some((_, warned)) = listening {
                    *warned = true;
                }
            });
        }
        self.otherwise(|otherwise| {
            if otherwise.enabled(event.metadata()) {
                otherwise.event(event);
            }
        });
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.otherwise(|otherwise| otherwise.new_span(span))
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.otherwise(|otherwise| otherwise.record(span, values));
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.otherwise(|otherwise| otherwise.record_follows_from(span, follows));
    }

    fn enter(&self, span: &Id) {
        self.otherwise(|otherwise| otherwise.enter(span));
    }

    fn exit(&self, span: &Id) {
        self.otherwise(|otherwise| otherwise.exit(span));
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.otherwise(|otherwise| otherwise.clone_span(span))
    }

    fn try_close(&self, span: Id) -> bool {
        self.otherwise(|otherwise| otherwise.try_close(span))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicIsize;
    use std::sync::atomic::Ordering::Relaxed;

    use tracing::warn;

    use super::*;

    #[tokio::test]
    async fn a_warning_of_the_servers_is_noticed_and_no_other() {
        let said = async {
            tokio::task::yield_now().await;
            warn!(target: TARGET, "canceling wait for synchronous replication");
            tokio::task::yield_now().await;
            7
        };
        assert_eq!(with_warnings(said).await, (7, true));
        let others = async {
            warn!("a slow statement");
            tracing::info!(target: TARGET, "a notice");
        };
        assert_eq!(with_warnings(others).await, ((), false));
        assert_eq!(with_warnings(async { 8 }).await, (8, false));
    }

    /// What is said under one name, by whoever comes by.
    fn canceling() {
        warn!(target: TARGET, "canceling wait for synchronous replication");
    }

    #[tokio::test]
    async fn what_was_said_before_where_nobody_listened_is_noticed() {
        assert_eq!(with_warnings(async {}).await, ((), false));
        std::thread::spawn(canceling).join().unwrap();
        assert_eq!(with_warnings(async { canceling() }).await, ((), true));
    }

    /// Counts the holders of the only span that there is.
    #[derive(Clone, Default)]
    struct Holders(Arc<AtomicIsize>);

    impl Subscriber for Holders {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            self.0.fetch_add(1, Relaxed);
            Id::from_u64(7)
        }
        fn clone_span(&self, span: &Id) -> Id {
            self.0.fetch_add(1, Relaxed);
            span.clone()
        }
        fn try_close(&self, _: Id) -> bool {
            self.0.fetch_sub(1, Relaxed) == 1
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, _: &Event<'_>) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[tokio::test]
    async fn a_span_is_closed_by_its_last_holder_wherever_that_is() {
        let holders = Holders::default();
        let _default = dispatcher::set_default(&Dispatch::new(holders.clone()));
        let count = || holders.0.load(Relaxed);
        let (span, warned) = with_warnings(async {
            let span = tracing::info_span!("a span");
            let other = span.clone();
            assert_eq!(count(), 2);
            drop(span);
            assert_eq!(count(), 1);
            other
        })
        .await;
        assert!(!warned);
        let other = span.clone();
        assert_eq!(count(), 2);
        drop((span, other));
        assert_eq!(count(), 0);
    }
}
