-- What each user has read and viewed in a review: theirs alone, and in no log.
CREATE TABLE marks (
    review  uuid             NOT NULL REFERENCES reviews (id),
    user_id text COLLATE "C" NOT NULL,
    marks   text             NOT NULL,
    PRIMARY KEY (review, user_id)
);
