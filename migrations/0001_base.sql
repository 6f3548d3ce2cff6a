PRAGMA application_id = 1263358804;

CREATE TABLE entry (
    author TEXT NOT NULL CHECK (length(author) = 32),
    seq INTEGER NOT NULL CHECK (seq BETWEEN 1 AND 9007199254740992),
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    line TEXT NOT NULL CHECK (length(line) <= 131072),
    PRIMARY KEY (author, seq)
) STRICT;
CREATE TRIGGER entry_append BEFORE INSERT ON entry
WHEN NEW.seq <> 1 + coalesce((SELECT max(seq) FROM entry WHERE author = NEW.author), 0)
BEGIN SELECT raise(ABORT, 'an entry must follow the last one of its author'); END;
CREATE TRIGGER entry_keep BEFORE UPDATE ON entry BEGIN SELECT raise(ABORT, 'entries are never changed'); END;
CREATE TRIGGER entry_stay BEFORE DELETE ON entry BEGIN SELECT raise(ABORT, 'entries are never deleted'); END;

CREATE TABLE head (
    author TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    entries INTEGER NOT NULL,
    last BLOB NOT NULL CHECK (length(last) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    object TEXT NOT NULL,
    PRIMARY KEY (author, number)
) STRICT;
CREATE TRIGGER head_keep BEFORE UPDATE ON head BEGIN SELECT raise(ABORT, 'heads are never changed'); END;
CREATE TRIGGER head_stay BEFORE DELETE ON head BEGIN SELECT raise(ABORT, 'heads are never deleted'); END;

CREATE TABLE author_key (
    author TEXT PRIMARY KEY,
    public_key TEXT NOT NULL,
    name TEXT NOT NULL,
    site TEXT NOT NULL,
    founder INTEGER NOT NULL
) STRICT;
CREATE TABLE trust_fact (
    author TEXT NOT NULL,
    seq INTEGER NOT NULL,
    verb TEXT NOT NULL CHECK (verb IN ('admit', 'retire')),
    subject TEXT NOT NULL,
    public_key TEXT,
    spare INTEGER NOT NULL,
    upto INTEGER NOT NULL,
    upto_hash BLOB,
    PRIMARY KEY (author, seq)
) STRICT;

CREATE TABLE accepted (
    author TEXT PRIMARY KEY,
    rank INTEGER NOT NULL,
    standing TEXT NOT NULL,
    upto INTEGER NOT NULL,
    applied INTEGER NOT NULL
) STRICT;
CREATE TABLE object (
    uuid TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    entry BLOB NOT NULL,
    author TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (uuid, entry)
) STRICT;
CREATE INDEX object_name ON object (kind, name);
CREATE TABLE field (
    object TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (object, name, entry)
) STRICT;
CREATE TABLE superseded (
    object TEXT NOT NULL,
    name TEXT NOT NULL,
    entry BLOB NOT NULL,
    superseded_by BLOB NOT NULL,
    PRIMARY KEY (object, name, entry, superseded_by)
) STRICT;
CREATE TABLE key (
    uuid TEXT NOT NULL,
    name TEXT NOT NULL,
    generation INTEGER NOT NULL CHECK (generation > 0),
    purpose TEXT NOT NULL,
    protects_site TEXT NOT NULL,
    form TEXT NOT NULL,
    origin TEXT NOT NULL,
    bits INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    entry BLOB NOT NULL,
    author TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (uuid, entry)
) STRICT;
CREATE INDEX key_name ON key (name, generation);
CREATE TABLE follows (
    key TEXT NOT NULL,
    former TEXT NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (key, former, entry)
) STRICT;
CREATE TABLE wrap (
    key TEXT NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 32),
    root TEXT NOT NULL,
    version TEXT NOT NULL,
    ciphertext TEXT NOT NULL,
    aad TEXT NOT NULL,
    how TEXT NOT NULL,
    at TEXT NOT NULL,
    entry BLOB NOT NULL,
    author TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (key, id, entry)
) STRICT;
CREATE INDEX wrap_root ON wrap (root);
CREATE TABLE wrap_retired (
    key TEXT NOT NULL,
    id BLOB NOT NULL,
    reason TEXT NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (key, id, entry)
) STRICT;
CREATE TABLE check_value (
    key TEXT NOT NULL,
    alg TEXT NOT NULL,
    mem INTEGER NOT NULL,
    ops INTEGER NOT NULL,
    value TEXT NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (key, entry)
) STRICT;
CREATE TABLE root_observed (
    root TEXT NOT NULL,
    state INTEGER NOT NULL,
    version TEXT NOT NULL,
    versions INTEGER NOT NULL,
    updated TEXT NOT NULL,
    restore_until TEXT NOT NULL,
    request TEXT NOT NULL,
    at TEXT NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (root, entry)
) STRICT;
CREATE TABLE event (
    entry BLOB PRIMARY KEY,
    author TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    object TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX event_object ON event (object, kind);
CREATE TABLE unapplied (
    entry BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
CREATE TABLE local_trust (
    author TEXT PRIMARY KEY,
    verdict TEXT NOT NULL CHECK (verdict IN ('trust', 'block'))
) STRICT;
CREATE TABLE copy_state (
    copy TEXT PRIMARY KEY,
    location TEXT NOT NULL,
    create_once TEXT NOT NULL,
    reached_at TEXT NOT NULL
) STRICT;
CREATE TABLE copy_seen (
    copy TEXT NOT NULL,
    author TEXT NOT NULL,
    number INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    last BLOB NOT NULL CHECK (length(last) = 32),
    head BLOB NOT NULL CHECK (length(head) = 32),
    PRIMARY KEY (copy, author)
) STRICT;
CREATE TABLE evidence (
    id INTEGER PRIMARY KEY,
    copy TEXT NOT NULL,
    author TEXT NOT NULL,
    what TEXT NOT NULL,
    object TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
