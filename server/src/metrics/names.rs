//! What is counted: the names that operators see, and what they mean. `docs/operations.md` has the same table.

/// What a number does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It is what it is now.
    Gauge,
    /// How often something was how large.
    Histogram,
}

impl Kind {
    /// Its word in what Prometheus reads.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

macro_rules! all {
    ($($constant:ident = $name:literal, $kind:ident, $help:literal;)*) => {
        $(#[doc = $help] pub(super) const $constant: &str = $name;)*

        /// Every name, what kind of number it is, and what it means.
        pub const ALL: &[(&str, Kind, &str)] = &[$(($name, Kind::$kind, $help)),*];
    };
}

all! {
    SESSIONS = "interline_sessions", Gauge, "connections of clients";
    ROOMS = "interline_rooms", Gauge, "reviews that are loaded, without private drafts";
    DEGRADED = "interline_degraded", Gauge, "1 while /readyz says degraded";
    PRESENCE_UP = "interline_presence_up", Gauge, "1 while the presence store takes what it is told";
    REDIS_UP = "interline_redis_up", Gauge, "1 while there is a connection to Redis over which this node may speak and listen, or none is wanted";
    REDIS_CONNECTIONS = "interline_redis_connections_total", Counter,
        "connections made to Redis: each after the first is a reconnect";
    BATCHES = "interline_batches_total", Counter, "batches that clients handed in, resends and refused ones included";
    CHANGES = "interline_changes_total", Counter, "changes in these batches";
    REFUSED_BATCHES = "interline_refused_batches_total", Counter, "batches that were refused, by code";
    ERRORS = "interline_errors_total", Counter, "other errors that clients were told of, by code";
    APPENDS = "interline_appends_total", Counter,
        "appends to a review's log, by outcome: appended, lost (a race with another node), failed";
    UNKNOWN_OUTCOMES = "interline_unknown_outcomes_total", Counter,
        "commits that nobody knows the outcome of, and that were made again";
    WAITING_APPENDS = "interline_waiting_appends_total", Counter,
        "appends that waited by themselves, for somebody else had locked their review";
    APPEND_SECONDS = "interline_append_seconds", Histogram,
        "time from when a room hands in an append until it is durable, in seconds";
    COMMIT_APPENDS = "interline_commit_appends", Histogram, "reviews that were appended to in one transaction";
    OPENS = "interline_opens_total", Counter, "reviews that were opened, without private drafts";
    RESYNCS = "interline_resyncs_total", Counter,
        "reviews that a session opened again from nothing: what its client had did not fit, a checksum for example";
    RELOADS = "interline_room_reloads_total", Counter,
        "rooms that had to be loaded again: the log is not what they had, or nobody knows what became of an append";
    SLOW_READERS = "interline_slow_readers_total", Counter, "clients that were cut off for they read too slowly";
    GAPS = "interline_gaps_total", Counter, "times that a room read from the store what it had not heard";
    GAP_ENTRIES = "interline_gap_entries_total", Counter, "entries that were read then";
    PUBLISHED = "interline_published_total", Counter, "messages to other nodes that Redis took";
    DROPPED = "interline_dropped_total", Counter, "messages that it did not, or that there was no place for";
    HEARD = "interline_heard_total", Counter, "messages of other nodes that came";
    MISSED = "interline_missed_total", Counter, "times that something may have been said and not heard";
    RECEIVED_BYTES = "interline_received_bytes_total", Counter, "bytes of frames that came from clients";
    SENT_BYTES = "interline_sent_bytes_total", Counter, "bytes of frames that were sent to clients";
}
