-- Answers that may be given again. `cited` has, for each section that is quoted, what it said then.
CREATE TABLE answer_cache (
    key bytea PRIMARY KEY,
    answer jsonb NOT NULL,
    cited jsonb NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now()
);
