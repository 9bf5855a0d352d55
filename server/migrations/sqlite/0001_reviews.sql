-- Ids are 16-byte UUIDs, hashes 32-byte SHA-256 digests, times milliseconds since the Unix epoch.

-- A review's head row: (version, hash) says where its log ends, and an append moves it only from where the
-- appender believed it to be. title, status and comments are kept beside it so that a list needs no folding.
CREATE TABLE reviews (
    id         BLOB    NOT NULL PRIMARY KEY,
    key        TEXT    UNIQUE,
    body_hash  BLOB    NOT NULL, -- of the request that created it: the same request again is no conflict
    created_at INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    hash       BLOB    NOT NULL,
    title      TEXT    NOT NULL,
    status     TEXT    NOT NULL,
    comments   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The log. hash is the chain's link at that entry.
CREATE TABLE entries (
    review  BLOB    NOT NULL REFERENCES reviews (id),
    version INTEGER NOT NULL,
    hash    BLOB    NOT NULL,
    payload TEXT    NOT NULL,
    PRIMARY KEY (review, version)
) STRICT, WITHOUT ROWID;

-- The last answer that each client got in a review. Never trimmed: it is what makes a resend harmless.
CREATE TABLE answers (
    review       BLOB    NOT NULL REFERENCES reviews (id),
    client       BLOB    NOT NULL,
    seq          INTEGER NOT NULL,
    payload_hash BLOB    NOT NULL,
    result       TEXT    NOT NULL,
    PRIMARY KEY (review, client)
) STRICT, WITHOUT ROWID;

-- The code under review. Not WITHOUT ROWID: the diffs are large.
CREATE TABLE patch_sets (
    review BLOB    NOT NULL REFERENCES reviews (id),
    number INTEGER NOT NULL,
    diff   TEXT    NOT NULL,
    PRIMARY KEY (review, number)
) STRICT;

-- Names live here and not in the log, which cannot be changed.
CREATE TABLE users (
    id           TEXT NOT NULL PRIMARY KEY,
    display_name TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A client belongs to the user who used it first.
CREATE TABLE clients (
    id      BLOB NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
