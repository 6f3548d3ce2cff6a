CREATE TABLE drill (
    key TEXT NOT NULL,
    root TEXT NOT NULL,
    copy TEXT NOT NULL,
    site TEXT NOT NULL,
    host TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('proven', 'failed', 'inconclusive')),
    code TEXT NOT NULL,
    ms INTEGER NOT NULL,
    request TEXT NOT NULL,
    at TEXT NOT NULL,
    entry BLOB NOT NULL,
    author TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (key, entry)
) STRICT;
