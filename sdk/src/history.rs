//! How a comment's text came to be, asked of the server page by page.

use interline_core::id::{CommentId, ReviewId, Version};
use interline_core::review::CommentHistory;
use tokio::sync::oneshot;

use crate::error::{HistoryError, Problem};
use crate::platform;
use crate::shared::{Command, Shared};

/// How long the server may take for one page, in milliseconds.
const PATIENCE_MS: u64 = 15_000;

/// All that is kept of it.
pub(crate) async fn of(
    shared: &Shared,
    review: ReviewId,
    comment: CommentId,
) -> Result<CommentHistory, HistoryError> {
    let mut history = page(shared, review, comment, 0).await?;
    while !history.complete {
        let to = history.to;
        history.extend(page(shared, review, comment, to).await?);
        if history.to <= to && !history.complete {
            return Err(broken("it does not come to an end"));
        }
    }
    Ok(history)
}

async fn page(
    shared: &Shared,
    review: ReviewId,
    comment: CommentId,
    after: Version,
) -> Result<CommentHistory, HistoryError> {
    let (reply, answer) = oneshot::channel();
    let asked = shared.command(Command::History { review, comment, after, reply });
    asked.map_err(|_| HistoryError::Closed)?;
    tokio::select! {
        answer = answer => answer.unwrap_or(Err(HistoryError::Closed)),
        () = platform::sleep(PATIENCE_MS) => Err(HistoryError::TimedOut),
    }
}

/// The server told a history that cannot be.
pub(crate) fn broken(why: impl std::fmt::Display) -> HistoryError {
    let message = format!("the server told a history that cannot be: {why}");
    HistoryError::Server(Problem { code: "bad_history".into(), message, retryable: false })
}
