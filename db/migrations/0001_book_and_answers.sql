-- Each edition is a whole, immutable version of the book: readers see one or another, never a mixture.
CREATE TABLE editions (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version text NOT NULL,
    title text NOT NULL,
    language text NOT NULL,
    model text NOT NULL,
    -- Weights and gate of its search, by name.
    settings jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- One row, which says what is current; replacing its number is how a book is published.
CREATE TABLE current_edition (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    number bigint NOT NULL REFERENCES editions
);

CREATE TABLE chapters (
    edition bigint NOT NULL REFERENCES editions ON DELETE CASCADE,
    id text NOT NULL,
    position integer NOT NULL,
    language text, -- of a translation; null for the book's own
    title text NOT NULL,
    path text NOT NULL,
    content text NOT NULL,
    sections jsonb NOT NULL,
    reviewed boolean NOT NULL,
    PRIMARY KEY (edition, id)
);

-- Vectors belong to content, not to editions: unchanged text is never embedded twice.
CREATE TABLE vectors (
    model text NOT NULL,
    key bytea NOT NULL,
    vector bytea NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model, key)
);

CREATE TABLE passages (
    edition bigint NOT NULL,
    id uuid NOT NULL,
    place integer NOT NULL,
    chapter_id text NOT NULL,
    title text NOT NULL,
    section text NOT NULL,
    anchor text,
    text text NOT NULL,
    units jsonb NOT NULL,
    tokens integer NOT NULL,
    reviewed boolean NOT NULL,
    vector_key bytea NOT NULL,
    sentence_keys bytea[] NOT NULL,
    PRIMARY KEY (edition, id),
    FOREIGN KEY (edition, chapter_id) REFERENCES chapters ON DELETE CASCADE
);

-- `snapshot` is the answer as it was at its start, and as it ended; between the two, `answer_events` has what was said.
CREATE TABLE answers (
    id uuid PRIMARY KEY,
    status text NOT NULL,
    snapshot jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- The owner's sign of life while the answer is running.
    seen_at timestamptz NOT NULL DEFAULT now(),
    -- Set by another process; the owner reads it with its next sign of life.
    stop_asked boolean NOT NULL DEFAULT false
);
CREATE INDEX answers_running ON answers (seen_at) WHERE status = 'STREAMING';

-- Some events in a row, as they were stored together.
CREATE TABLE answer_events (
    answer uuid NOT NULL REFERENCES answers ON DELETE CASCADE,
    first_seq integer NOT NULL,
    events jsonb NOT NULL,
    PRIMARY KEY (answer, first_seq)
);
