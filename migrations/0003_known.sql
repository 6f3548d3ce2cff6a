CREATE TABLE copy_known (
    copy TEXT NOT NULL,
    what TEXT NOT NULL,
    value TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (copy, what)
) STRICT;
