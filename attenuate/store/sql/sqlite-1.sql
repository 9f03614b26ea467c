-- Version 1 of the tables of SqliteStore. A later version is another file; none is ever edited.

-- spent never goes back; held is reserved without an outcome; extra was topped up.
-- For an attempt, spent is the register.
CREATE TABLE counters (
  key BLOB PRIMARY KEY, spent INTEGER NOT NULL, held INTEGER NOT NULL, extra INTEGER NOT NULL,
  ceiling INTEGER NOT NULL, until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX counters_until ON counters (until);

-- state: 0 held, 1 committed, 2 released, 3 expired
CREATE TABLE holds (
  id BLOB PRIMARY KEY, state INTEGER NOT NULL, expires INTEGER NOT NULL, until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX holds_expires ON holds (expires) WHERE state = 0;
CREATE INDEX holds_until ON holds (until);
CREATE TABLE items (
  hold BLOB NOT NULL, number INTEGER NOT NULL, key BLOB NOT NULL, reserved INTEGER NOT NULL,
  charged INTEGER NOT NULL, PRIMARY KEY (hold, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, until INTEGER NOT NULL, body BLOB NOT NULL, note TEXT NOT NULL
) STRICT;
CREATE INDEX ledger_until ON ledger (until);

CREATE TABLE seen (
  selector BLOB NOT NULL, lease BLOB NOT NULL, issued_at INTEGER NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (selector, lease)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_until ON seen (until);

-- head: last sequence number of the ledger. horizon: replay keys until then may be forgotten.
CREATE TABLE meta (identity BLOB NOT NULL, head INTEGER NOT NULL, horizon INTEGER NOT NULL) STRICT;
INSERT INTO meta VALUES (randomblob(16), 0, 0);
