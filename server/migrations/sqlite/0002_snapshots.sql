-- A review as of one of its versions, so that loading it need not fold its whole log. hash is the chain's link
-- at that version, state_hash the SHA-256 of state. Not WITHOUT ROWID: states are large.
CREATE TABLE snapshots (
    review     BLOB    NOT NULL REFERENCES reviews (id),
    version    INTEGER NOT NULL,
    hash       BLOB    NOT NULL,
    state_hash BLOB    NOT NULL,
    state      TEXT    NOT NULL,
    PRIMARY KEY (review, version)
) STRICT;

-- Entries up to this version are trimmed.
ALTER TABLE reviews ADD COLUMN trimmed_to INTEGER NOT NULL DEFAULT 0;

-- The log again, with payload_hash: of a trimmed entry the SHA-256 of the payload that was there. version, hash
-- and this stay for ever, so the chain can be followed and every receipt looked up.
--
-- No longer WITHOUT ROWID: there a search reads the whole payloads that it comes past, of other reviews too, and
-- fails where one of those is damaged.
CREATE TABLE log (
    review       BLOB    NOT NULL REFERENCES reviews (id),
    version      INTEGER NOT NULL,
    hash         BLOB    NOT NULL,
    payload_hash BLOB,
    payload      TEXT    NOT NULL,
    PRIMARY KEY (review, version)
) STRICT;

INSERT INTO log (review, version, hash, payload)
SELECT review, version, hash, payload FROM entries ORDER BY review, version;

DROP TABLE entries;
ALTER TABLE log RENAME TO entries;
