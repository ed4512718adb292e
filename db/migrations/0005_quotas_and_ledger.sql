-- Who took a place of which quota, and when: the last ones of each, as many as its window holds. `asker` is a reader's id
-- or a digest of an address; `operations` are what the places were taken for, in the order of `times`.
CREATE TABLE quota_places (
    kind text NOT NULL,
    asker text NOT NULL,
    reader uuid REFERENCES readers ON DELETE CASCADE,
    times timestamptz[] NOT NULL,
    operations uuid[] NOT NULL,
    PRIMARY KEY (kind, asker)
);
CREATE INDEX quota_places_of_reader ON quota_places (reader);

-- Money is in micro-dollars. Each UTC day is one row, whose lock decides who gets the last of it.
CREATE TABLE spending_days (
    day date PRIMARY KEY,
    reserved numeric NOT NULL DEFAULT 0,
    spent numeric NOT NULL DEFAULT 0
);

-- One row for each call to a model. What it may cost at most is reserved before it is made; `cost` is null until it is
-- settled. `expires_at` is moved on while its process lives.
CREATE TABLE model_calls (
    id uuid PRIMARY KEY,
    day date NOT NULL REFERENCES spending_days,
    feature text NOT NULL,
    model text NOT NULL,
    asker text, -- until it is settled
    answer uuid REFERENCES answers ON DELETE SET NULL,
    reserved numeric NOT NULL,
    reserved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    cost numeric,
    settled_as text,
    settled_at timestamptz,
    input_tokens integer NOT NULL DEFAULT 0,
    output_tokens integer NOT NULL DEFAULT 0,
    cache_write_tokens integer NOT NULL DEFAULT 0,
    cache_read_tokens integer NOT NULL DEFAULT 0
);
CREATE INDEX model_calls_open ON model_calls (expires_at) WHERE cost IS NULL;
CREATE INDEX model_calls_of_day ON model_calls (day);
CREATE INDEX model_calls_of_answer ON model_calls (answer);

-- The same request id of the same asker is the same question. `requested_by` stays as it was when a reader takes a
-- conversation over; `request` is a digest of what was asked.
ALTER TABLE answers ADD COLUMN request_id uuid;
ALTER TABLE answers ADD COLUMN requested_by text;
ALTER TABLE answers ADD COLUMN request bytea;
CREATE UNIQUE INDEX answers_requested ON answers (requested_by, request_id);
-- The place of the quota that the answer took, if it took one; null for one from the cache.
ALTER TABLE answers ADD COLUMN quota_asker text;
-- How many listen where the answer is written.
ALTER TABLE answers ADD COLUMN listeners integer NOT NULL DEFAULT 1;

-- Who listens from another process than the one that writes.
CREATE TABLE followers (
    id uuid PRIMARY KEY,
    answer uuid NOT NULL REFERENCES answers ON DELETE CASCADE,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX followers_of_answer ON followers (answer);
