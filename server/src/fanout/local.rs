//! One node alone: there is nobody to tell.

use async_trait::async_trait;
use interline_core::id::{ReviewId, SessionId};

use super::{Closed, Fanout, News, Subscription};
use crate::link::LinkError;

/// The fan-out of a node that is the only one.
#[derive(Debug, Default)]
pub struct LocalFanout;

#[async_trait]
impl Fanout for LocalFanout {
    fn describe(&self) -> String {
        "this process only".to_owned()
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn trouble(&self) -> Option<String> {
        None
    }

    fn publish(&self, _: ReviewId, _: News) {}

    fn subscribe(&self, _: ReviewId) -> Subscription {
        Subscription::silent()
    }

    async fn close(&self, _: SessionId) -> Result<Closed, LinkError> {
        Ok(Closed::Nobodys)
    }

    async fn flush(&self) {}
}
