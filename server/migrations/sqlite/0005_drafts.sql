-- A log of private drafts: the review that they are drafts in, and whose they are. Whoever looks for reviews looks for
-- those where this is null; created_at of such a log is 0, for its first entry follows from the two alone.
ALTER TABLE reviews ADD COLUMN drafts_of BLOB REFERENCES reviews (id);
ALTER TABLE reviews ADD COLUMN owner TEXT;
