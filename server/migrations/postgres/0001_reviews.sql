-- Hashes are 32-byte SHA-256 digests, times milliseconds since the Unix epoch. Texts compare by their bytes.

-- A review's head row: (version, hash) says where its log ends, and an append moves it only from where the
-- appender believed it to be. Whoever writes anything of a review that must not cross another's writing locks its
-- head row first, rows of several reviews in the order of their ids. title, status and comments are kept beside it
-- so that a list needs no folding. Entries up to trimmed_to are trimmed.
CREATE TABLE reviews (
    id         uuid                NOT NULL PRIMARY KEY,
    key        text   COLLATE "C"  UNIQUE,
    body_hash  bytea               NOT NULL, -- of the request that created it: the same request again is no conflict
    created_at bigint              NOT NULL,
    version    bigint              NOT NULL,
    hash       bytea               NOT NULL,
    title      text                NOT NULL,
    status     text                NOT NULL,
    comments   bigint              NOT NULL,
    trimmed_to bigint              NOT NULL DEFAULT 0,
    lost_by    bigint                        -- the node that has lost a race since the last append: it is its turn
) WITH (fillfactor = 50); -- a head row changes with every append: room for that on its own page

-- The log. hash is the chain's link at that entry; payload_hash, of a trimmed entry, the digest of the payload that
-- was there. version, hash and payload_hash stay for ever, so the chain can be followed and every receipt looked up.
CREATE TABLE entries (
    review       uuid   NOT NULL REFERENCES reviews (id),
    version      bigint NOT NULL,
    hash         bytea  NOT NULL,
    payload_hash bytea,
    payload      text   NOT NULL,
    PRIMARY KEY (review, version)
);

-- The last answer that each client got in a review. Never trimmed: it is what makes a resend harmless.
CREATE TABLE answers (
    review       uuid   NOT NULL REFERENCES reviews (id),
    client       uuid   NOT NULL,
    seq          bigint NOT NULL,
    payload_hash bytea  NOT NULL,
    result       text   NOT NULL,
    PRIMARY KEY (review, client)
) WITH (fillfactor = 70);

-- The code under review.
CREATE TABLE patch_sets (
    review uuid   NOT NULL REFERENCES reviews (id),
    number bigint NOT NULL,
    diff   text   NOT NULL,
    PRIMARY KEY (review, number)
);

-- A review as of one of its versions, so that loading it need not fold its whole log. hash is the chain's link at
-- that version, state_hash the SHA-256 of state.
CREATE TABLE snapshots (
    review     uuid   NOT NULL REFERENCES reviews (id),
    version    bigint NOT NULL,
    hash       bytea  NOT NULL,
    state_hash bytea  NOT NULL,
    state      text   NOT NULL,
    PRIMARY KEY (review, version)
);

-- Names live here and not in the log, which cannot be changed.
CREATE TABLE users (
    id           text COLLATE "C" NOT NULL PRIMARY KEY,
    display_name text             NOT NULL
);

-- A client belongs to the user who used it first.
CREATE TABLE clients (
    id      uuid NOT NULL PRIMARY KEY,
    user_id text NOT NULL
);
