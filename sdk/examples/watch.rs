//! Prints what happens in a review.
//!
//! ```sh
//! cargo run -p interline --example watch -- http://127.0.0.1:8080 pr-456
//! ```

use std::error::Error;

use futures_util::StreamExt;
use interline::{Client, Event};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, review] = arguments.as_slice() else { return Err("url review".into()) };
    let client = Client::builder(url).user("watcher", "Watcher").connect().await?;
    let review = client.open(review).await?;
    println!("{} ({:?}), version {}", review.title(), review.status(), review.version());
    let mut events = review.events();
    while let Some(event) = events.next().await {
        match event {
            Event::TextEdited { comment, by, .. } | Event::CommentAdded { comment, by, .. } => {
                println!("{}: {:?}", review.user(&by).display_name.as_str(), review.get(comment)?.text());
            }
            Event::FieldChanged { field, value, by, .. } => println!("{by} set {field} to {value:?}"),
            Event::Presence => println!("{} here", review.presence().len()),
            other => println!("{other:?}"),
        }
    }
    Ok(())
}
