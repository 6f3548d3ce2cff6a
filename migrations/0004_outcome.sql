-- A list of three in a CHECK is a table that SQLite makes and destroys at each insertion.
ALTER TABLE drill RENAME TO drill_before;
CREATE TABLE drill (
    key TEXT NOT NULL,
    root TEXT NOT NULL,
    copy TEXT NOT NULL,
    site TEXT NOT NULL,
    host TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome = 'proven' OR outcome = 'failed' OR outcome = 'inconclusive'),
    code TEXT NOT NULL,
    ms INTEGER NOT NULL,
    request TEXT NOT NULL,
    at TEXT NOT NULL,
    entry BLOB NOT NULL,
    author TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (key, entry)
) STRICT;
INSERT INTO drill SELECT * FROM drill_before;
DROP TABLE drill_before;
