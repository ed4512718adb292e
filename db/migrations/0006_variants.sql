-- A section of a chapter in another form, found by what it was made of: the same text is not made twice. `level` and
-- `hardware` are empty where the form has none.
CREATE TABLE section_renderings (
    hash bytea NOT NULL, -- of the section's source
    level text NOT NULL,
    language text NOT NULL,
    hardware text NOT NULL,
    prompt text NOT NULL, -- the version of what the model was told
    model text NOT NULL,
    content text NOT NULL,
    untranslated boolean NOT NULL, -- some of it is kept in the source language, since no valid rendering was had
    texts integer NOT NULL, -- how many of its paragraphs, headings and cells are new
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (hash, level, language, hardware, prompt, model)
);

-- A whole chapter in another form, as it was last made. Rows are replaced, never changed, so a content can be kept by id.
CREATE TABLE variants (
    id uuid PRIMARY KEY,
    chapter_id text NOT NULL,
    level text NOT NULL,
    language text NOT NULL,
    hardware text NOT NULL,
    content text NOT NULL,
    sections jsonb NOT NULL, -- of each its heading, the hash of its source, its length in `content`, and whether it is whole
    model text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (chapter_id, level, language, hardware)
);

-- Who makes a variant: one process at a time, until `expires_at`, which it moves on while it lives. Whoever takes over
-- from one that is gone goes on with its operation, whose places of the quotas are taken already.
CREATE TABLE variant_leases (
    chapter_id text NOT NULL,
    level text NOT NULL,
    language text NOT NULL,
    hardware text NOT NULL,
    maker uuid NOT NULL,
    operation uuid NOT NULL,
    reader uuid REFERENCES readers ON DELETE CASCADE, -- null: an author at the command line
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (chapter_id, level, language, hardware)
);
CREATE INDEX variant_leases_of_reader ON variant_leases (reader);

-- What `footnote variants make` has submitted to the Message Batches API, or was about to: written before, so that a
-- process that dies leaves nothing behind that is paid for and not found. A row goes when nothing is left to be taken.
CREATE TABLE variant_batches (
    id uuid PRIMARY KEY, -- also the beginning of each request's custom_id
    provider_id text, -- null: nobody has noted yet whether it was submitted
    sections jsonb NOT NULL, -- of each what it is, what a model said to it before, and its requests with their paid calls
    created_at timestamptz NOT NULL DEFAULT now()
);
