-- What a patch set was added with, and where the lines of the one before are in it. The first has neither: its
-- review's row has the hash of its request, and there is none before it.
ALTER TABLE patch_sets
    ADD COLUMN body_hash bytea,
    ADD COLUMN key       text COLLATE "C",
    ADD COLUMN line_map  text;

CREATE UNIQUE INDEX patch_set_keys ON patch_sets (review, key) WHERE key IS NOT NULL;
