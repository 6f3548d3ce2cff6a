-- The whole schema of escrow.db, commented: what the migrations add up to (a test compares).
-- Three classes of tables: log (lines as received), derived (a pure function of the accepted lines: same set, same tables,
-- whatever the order of arrival), local (never synchronised, never in the digest). Times are RFC 3339 in UTC.
-- Triggers keep accidents and our own bugs away; they do not stop someone who holds the file: the signed chain does.

PRAGMA application_id = 1263358804;

-- Log. Every line received, of every author, exactly as received; the truth.
CREATE TABLE entry (
    author TEXT NOT NULL CHECK (length(author) = 32), -- id of the author: 32 hex digits
    seq INTEGER NOT NULL CHECK (seq BETWEEN 1 AND 9007199254740992), -- 1, 2, 3 ... within the author
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32), -- SHA-256 of the line
    line TEXT NOT NULL CHECK (length(line) <= 131072), -- the JSON, without its line feed
    PRIMARY KEY (author, seq)
) STRICT;
CREATE TRIGGER entry_append BEFORE INSERT ON entry
WHEN NEW.seq <> 1 + coalesce((SELECT max(seq) FROM entry WHERE author = NEW.author), 0)
BEGIN SELECT raise(ABORT, 'an entry must follow the last one of its author'); END;
CREATE TRIGGER entry_keep BEFORE UPDATE ON entry BEGIN SELECT raise(ABORT, 'entries are never changed'); END;
CREATE TRIGGER entry_stay BEFORE DELETE ON entry BEGIN SELECT raise(ABORT, 'entries are never deleted'); END;

-- Log. Heads accepted, own and others', byte for byte: a retry sends the same bytes.
CREATE TABLE head (
    author TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0), -- 1, 2, 3 ... within the author
    entries INTEGER NOT NULL, -- how many entries it speaks for
    last BLOB NOT NULL CHECK (length(last) = 32), -- hash of the last of them
    hash BLOB NOT NULL CHECK (length(hash) = 32), -- SHA-256 of all five lines
    object TEXT NOT NULL, -- the five lines
    PRIMARY KEY (author, number)
) STRICT;
CREATE TRIGGER head_keep BEFORE UPDATE ON head BEGIN SELECT raise(ABORT, 'heads are never changed'); END;
CREATE TRIGGER head_stay BEFORE DELETE ON head BEGIN SELECT raise(ABORT, 'heads are never deleted'); END;

-- Log (index of first entries). Who is who.
CREATE TABLE author_key (
    author TEXT PRIMARY KEY,
    public_key TEXT NOT NULL, -- as minisign -P takes it
    name TEXT NOT NULL, -- for people; may be empty
    site TEXT NOT NULL, -- UUID; may be empty or unknown here
    founder INTEGER NOT NULL -- 1 for the founder
) STRICT;

-- Log (index). Admissions and retirements, whatever the standing of who made them; src/escrow/trust.c evaluates.
CREATE TABLE trust_fact (
    author TEXT NOT NULL,
    seq INTEGER NOT NULL,
    verb TEXT NOT NULL CHECK (verb IN ('admit', 'retire')), -- admit or retire
    subject TEXT NOT NULL, -- the author meant
    public_key TEXT, -- admit: the subject's
    spare INTEGER NOT NULL, -- admit: 1 for a spare author
    upto INTEGER NOT NULL, -- retire: last entry that counts
    upto_hash BLOB, -- retire: its hash
    PRIMARY KEY (author, seq)
) STRICT;

-- Derived. Whose entries count, how far, and how far they are in the tables below.
CREATE TABLE accepted (
    author TEXT PRIMARY KEY,
    rank INTEGER NOT NULL, -- 0 is the highest
    standing TEXT NOT NULL, -- spare, founder, admitted, trusted, own, blocked
    upto INTEGER NOT NULL, -- last entry that counts; 2^53: no limit
    applied INTEGER NOT NULL -- entries applied
) STRICT;

-- Derived. Sites, KMSs, root keys, copies, backup servers, persons; their metadata are rows of `field`.
CREATE TABLE object (
    uuid TEXT NOT NULL,
    kind TEXT NOT NULL, -- site, kms, root, copy, vbr, person
    name TEXT NOT NULL,
    entry BLOB NOT NULL, -- hash of the entry that added it
    author TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (uuid, entry)
) STRICT;
CREATE INDEX object_name ON object (kind, name);

-- Derived. Every value that a changeable field ever had.
CREATE TABLE field (
    object TEXT NOT NULL, -- UUID, or 'policy'
    name TEXT NOT NULL,
    value TEXT NOT NULL, -- JSON
    entry BLOB NOT NULL, -- hash of the entry that set it
    PRIMARY KEY (object, name, entry)
) STRICT;

-- Derived. Values that a later entry names as replaced; two values that nobody replaced are a conflict.
CREATE TABLE superseded (
    object TEXT NOT NULL,
    name TEXT NOT NULL,
    entry BLOB NOT NULL, -- the value's entry
    superseded_by BLOB NOT NULL, -- the entry that replaced it
    PRIMARY KEY (object, name, entry, superseded_by)
) STRICT;

-- Derived. Keys: what never changes about them.
CREATE TABLE key (
    uuid TEXT NOT NULL,
    name TEXT NOT NULL,
    generation INTEGER NOT NULL CHECK (generation > 0),
    purpose TEXT NOT NULL, -- config-backup, backup-copy, backup-job, capacity-tier, restore-secret, other
    protects_site TEXT NOT NULL, -- UUID of the site whose loss it is for
    form TEXT NOT NULL, -- base64: the password is the base64 text of the payload; bytes: it is the payload
    origin TEXT NOT NULL, -- kms, local, adopted
    bits INTEGER NOT NULL, -- of the payload; 0 unknown
    created_at TEXT NOT NULL,
    entry BLOB NOT NULL,
    author TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (uuid, entry)
) STRICT;
CREATE INDEX key_name ON key (name, generation);

-- Derived. Which key succeeds which.
CREATE TABLE follows (
    key TEXT NOT NULL,
    former TEXT NOT NULL, -- UUID
    entry BLOB NOT NULL,
    PRIMARY KEY (key, former, entry)
) STRICT;

-- Derived. Wrapped forms; never deleted, an older one is kept beside a newer one.
CREATE TABLE wrap (
    key TEXT NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 32), -- SHA-256 of the ciphertext's text
    root TEXT NOT NULL, -- UUID
    version TEXT NOT NULL, -- of the root key, as the KMS names it; may be empty
    ciphertext TEXT NOT NULL, -- exactly as received (WDEK)
    aad TEXT NOT NULL, -- JSON array of strings
    how TEXT NOT NULL, -- create, rewrap, refresh, rehome, add, import
    at TEXT NOT NULL,
    entry BLOB NOT NULL,
    author TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (key, id, entry)
) STRICT;
CREATE INDEX wrap_root ON wrap (root);

-- Derived. Wraps that are no longer wanted; a recovery still tries them, last.
CREATE TABLE wrap_retired (
    key TEXT NOT NULL,
    id BLOB NOT NULL,
    reason TEXT NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (key, id, entry)
) STRICT;

-- Derived. Proves that an unwrapped value is the right one; see src/crypt/check.h.
CREATE TABLE check_value (
    key TEXT NOT NULL,
    alg TEXT NOT NULL, -- blake2b-256 or argon2id
    mem INTEGER NOT NULL, -- argon2id: bytes
    ops INTEGER NOT NULL, -- argon2id: passes
    value TEXT NOT NULL, -- 64 hex digits
    entry BLOB NOT NULL,
    PRIMARY KEY (key, entry)
) STRICT;

-- Derived. What KMSs said of root keys; the newest by their own clock counts, ties to the worse state.
CREATE TABLE root_observed (
    root TEXT NOT NULL,
    state INTEGER NOT NULL, -- 1 active, 2 suspended, 3 deactivated, 5 destroyed
    version TEXT NOT NULL, -- the current one
    versions INTEGER NOT NULL, -- how many; 0 unknown
    updated TEXT NOT NULL, -- the KMS's lastUpdateDate
    restore_until TEXT NOT NULL,
    request TEXT NOT NULL, -- correlation id
    at TEXT NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (root, entry)
) STRICT;

-- Derived. What only happened: showings, deliveries, runs, notes.
CREATE TABLE event (
    entry BLOB PRIMARY KEY,
    author TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    object TEXT NOT NULL, -- UUID of the key or site it is about; may be empty
    body TEXT NOT NULL
) STRICT;
CREATE INDEX event_object ON event (object, kind);

-- Derived. Drills: what came of getting a key back, by root key; see src/escrow/drilled.h.
CREATE TABLE drill (
    key TEXT NOT NULL,
    root TEXT NOT NULL, -- UUID; empty when there was no root key to ask
    copy TEXT NOT NULL, -- UUID of the copy that it was got back from; may be empty
    site TEXT NOT NULL, -- UUID of the site that it ran at; empty: it counts for none
    host TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome = 'proven' OR outcome = 'failed' OR outcome = 'inconclusive'),
    code TEXT NOT NULL, -- KMnnnn, or empty when it was proven
    ms INTEGER NOT NULL,
    request TEXT NOT NULL, -- correlation id
    at TEXT NOT NULL,
    entry BLOB NOT NULL,
    author TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (key, entry)
) STRICT;

-- Derived. Accepted entries that this version does not understand, with the reason; kept and forwarded.
CREATE TABLE unapplied (
    entry BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;

-- Local. self, founder (public keys), name, site, apply_version.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- Local. This machine's own word on an author.
CREATE TABLE local_trust (
    author TEXT PRIMARY KEY,
    verdict TEXT NOT NULL CHECK (verdict IN ('trust', 'block'))
) STRICT;

-- Local. What was found out about a copy.
CREATE TABLE copy_state (
    copy TEXT PRIMARY KEY, -- id of its copy.json
    location TEXT NOT NULL, -- URL
    create_once TEXT NOT NULL, -- enforced, usual, ignored, refused
    reached_at TEXT NOT NULL
) STRICT;

-- Local. High-water marks: the most that a copy ever showed of an author. Own row: what it has acknowledged.
CREATE TABLE copy_seen (
    copy TEXT NOT NULL,
    author TEXT NOT NULL,
    number INTEGER NOT NULL, -- of the newest head
    entries INTEGER NOT NULL,
    last BLOB NOT NULL CHECK (length(last) = 32), -- hash of the last entry
    head BLOB NOT NULL CHECK (length(head) = 32), -- hash of the head
    PRIMARY KEY (copy, author)
) STRICT;

-- Local. What need not be asked of a copy again, see src/copy/known.h: what of a rewritten object was written there last,
-- when its newest heads were last looked at, where its identity was read.
CREATE TABLE copy_known (
    copy TEXT NOT NULL, -- id of its copy.json
    what TEXT NOT NULL, -- head/<author>, newest/<author>, recovery/<file>, place, all
    value TEXT NOT NULL, -- a hash, a number, or empty
    at TEXT NOT NULL,
    PRIMARY KEY (copy, what)
) STRICT;

-- Local. Objects that contradict what is held: forks, kept for a person to look at.
CREATE TABLE evidence (
    id INTEGER PRIMARY KEY,
    copy TEXT NOT NULL,
    author TEXT NOT NULL,
    what TEXT NOT NULL,
    object TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
