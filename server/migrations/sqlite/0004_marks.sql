-- What each user has read and viewed in a review: theirs alone, and in no log.
CREATE TABLE marks (
    review  BLOB NOT NULL REFERENCES reviews (id),
    user_id TEXT NOT NULL,
    marks   TEXT NOT NULL,
    PRIMARY KEY (review, user_id)
) STRICT;
