//! A person at a keyboard, as a process of its own: `typist URL REVIEW NAME COUNT`.
//!
//! Appends `<NAME n>` for n in 0..COUNT to the review's first comment, starting the comment if there is none.
//! Prints `acked N` whenever the first N are durable, and at the end `text ` and the text it shows.

use std::time::Duration;

use anyhow::{Context, Result};
use interline::{Anchor, Client, Comment, Review, TextOp};
use interline_tests::until;

/// Edits between two waits for the server.
const BURST: usize = 5;

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, key, name, count] = args.as_slice() else {
        anyhow::bail!("usage: typist URL REVIEW NAME COUNT");
    };
    let count: usize = count.parse().context("COUNT is a number")?;
    let client = Client::builder(url).user(name, name).debounce_ms(2).connect().await?;
    let review = client.open(key).await?;
    let comment = match name.as_str() {
        "first" => review.comment(Anchor::head("src/lib.rs", 3), "")?,
        _ => until("the first comment", || first(&review)).await,
    };
    for n in 0..count {
        let word = format!("<{name} {n}>");
        // At the end of the very text that it goes into: others may put something before it meanwhile.
        comment.apply_with(|text| {
            let end = text.chars().count();
            anyhow::Ok(TextOp::replace(end, end, 0, &word)?)
        })?;
        tokio::time::sleep(Duration::from_millis(1)).await;
        if (n + 1) % BURST == 0 {
            review.synced().await?;
            println!("acked {}", n + 1);
        }
    }
    review.synced().await?;
    println!("acked {count}");
    // Stay until everybody's typing is here: two typists, told by their last words.
    let last = format!(" {}>", count - 1);
    until("everybody's last words", || (comment.text().matches(&last).count() >= 2).then_some(())).await;
    println!("text {}", comment.text());
    Ok(())
}

fn first(review: &Review) -> Option<Comment> {
    let threads = review.threads();
    threads.first().and_then(|thread| review.get(thread.id).ok())
}
