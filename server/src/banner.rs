//! What the server says once it listens.

use std::net::SocketAddr;

use crate::app::AppState;
use crate::http::demo_is_embedded;

/// The first line is for programs, the rest for people.
pub(crate) fn banner(address: SocketAddr, state: &AppState) -> String {
    let demo = if demo_is_embedded() {
        format!("http://{address}/")
    } else {
        "not built in: run `cargo xtask build`, then build the server again".to_owned()
    };
    let trouble = state.fanout.trouble().map(|trouble| format!(": {trouble}"));
    let nodes = format!("{}{}", state.fanout.describe(), trouble.unwrap_or_default());
    format!(
        "interline listening on http://{address}\n\
         \x20 store     {}\n\
         \x20 presence  {}\n\
         \x20 nodes     {}\n\
         \x20 demo      {demo}\n\
         \n\
         Put a change up for review:\n\
         \x20 git diff HEAD~1 | curl --data-binary @- 'http://{address}/api/reviews?title=My%20change'\n",
        state.store.describe(),
        state.board.describe(),
        nodes,
    )
}
