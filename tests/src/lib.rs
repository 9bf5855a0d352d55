//! What the end-to-end tests share: real server processes, plain HTTP, and waiting for things to happen.
//!
//! Nothing here pretends to be a server or a client. A test starts the server's binary on a free port with a
//! data folder of its own, talks to it through the SDK or with raw frames, kills it when it likes, and starts it
//! again on the same data.

pub mod balancer;
pub mod campaign;
pub mod database;
pub mod http;
pub mod load;
pub mod opening;
pub mod proxy;
pub mod raw;
pub mod server;

use std::time::{Duration, Instant};

/// How long anything may take before a test fails. Generous: the machine may be busy.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A small diff: `src/lib.rs` with lines 1 to 4 on the base side and 1 to 5 on the head side.
pub const DIFF: &str = "\
diff --git a/src/lib.rs b/src/lib.rs
index 1111111..2222222 100644
--- a/src/lib.rs
+++ b/src/lib.rs
@@ -1,4 +1,5 @@
 fn main() {
-    let x = 1;
+    let x = 2;
+    let y = x;
     println!(\"{x}\");
 }
";

/// Waits until `probe` gives something; fails with `what` after [`DEADLINE`].
pub async fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
