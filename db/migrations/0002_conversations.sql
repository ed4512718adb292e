CREATE TABLE conversations (
    id uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE answers ADD COLUMN conversation uuid REFERENCES conversations ON DELETE CASCADE;
CREATE INDEX answers_of_conversation ON answers (conversation, created_at);
