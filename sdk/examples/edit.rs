//! Comments on a line of a review, and waits until that is durable.
//!
//! ```sh
//! cargo run -p interline --example edit -- http://127.0.0.1:8080 pr-456 src/lib.rs 42 "Fix indentation"
//! ```

use std::error::Error;

use interline::{Anchor, Client};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, review, file, line, text] = arguments.as_slice() else {
        return Err("url review file line text".into());
    };
    let client = Client::builder(url).user("example", "Example").connect().await?;
    let review = client.open(review).await?;
    let comment = review.comment(Anchor::head(file, line.parse()?), text)?;
    review.synced().await?;
    println!("{} in \"{}\": {}", comment.id(), review.title(), comment.text());
    review.rejected().iter().for_each(|rejected| println!("refused: {:?}", rejected.cause));
    Ok(())
}
