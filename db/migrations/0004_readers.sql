CREATE TABLE readers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL, -- as it was written
    -- The form that decides whether two addresses are one. Null for those who sign in elsewhere: an address that
    -- nobody here has verified must not keep them out, and theirs must not open somebody's account.
    compared_email text UNIQUE,
    password_hash text,
    subject text UNIQUE, -- who Better Auth says they are
    name text,
    level text NOT NULL,
    hardware text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(compared_email, password_hash) = 2 AND subject IS NULL
        OR num_nonnulls(compared_email, password_hash) = 0 AND subject IS NOT NULL)
);

-- A token holds as long as its row is here.
CREATE TABLE sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    reader uuid NOT NULL REFERENCES readers ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_of_reader ON sessions (reader);
CREATE INDEX sessions_expired ON sessions (expires_at);

-- Tokens of Better Auth that were given up here: a digest of one token, or of a subject, whose tokens up to some moment
-- are meant. Of no use once they have expired.
CREATE TABLE ended_tokens (
    digest bytea PRIMARY KEY,
    issued_until timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

-- Who tried what, and when: the last tries of each, as many as its limit counts. `who` is a digest.
CREATE TABLE attempts (
    what text NOT NULL,
    who bytea NOT NULL,
    times timestamptz[] NOT NULL,
    PRIMARY KEY (what, who)
);

-- Null: asked without signing in, and so of whoever holds the random id.
ALTER TABLE conversations ADD COLUMN reader uuid REFERENCES readers ON DELETE CASCADE;
ALTER TABLE answers ADD COLUMN reader uuid REFERENCES readers ON DELETE CASCADE;
-- The answer it was kept of: the question is in the words of who asked first, and goes with that answer. What was kept
-- so far does not say which.
DELETE FROM answer_cache;
ALTER TABLE answer_cache ADD COLUMN answer_id uuid NOT NULL REFERENCES answers ON DELETE CASCADE;
CREATE INDEX conversations_of_reader ON conversations (reader);
CREATE INDEX answers_of_reader ON answers (reader);
CREATE INDEX answer_cache_of_answer ON answer_cache (answer_id);
CREATE INDEX answer_cache_by_age ON answer_cache (stored_at);
