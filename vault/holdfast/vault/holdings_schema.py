"""The tables in which a vault remembers what it holds.

A manifest is kept as `places`: each row stands in the acknowledged heads from
sequence `added` on, up to but without `removed`. So a head that adds a hundred
chunks writes a hundred rows, whatever the manifest's length. A head that waits
for its full receipt is a change against its base; `arrivals` index its chunks.
"""

from typing import Final

VERSION: Final = 1

SCHEMA: Final = """
CREATE TABLE deals (
    id INTEGER PRIMARY KEY,
    deal BLOB NOT NULL UNIQUE,
    holder_index INTEGER NOT NULL,
    k INTEGER NOT NULL,
    n INTEGER NOT NULL,
    full_receipt BLOB
) STRICT;
CREATE TABLE heads (
    deal INTEGER NOT NULL REFERENCES deals,
    digest BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    head BLOB NOT NULL,
    receipt BLOB NOT NULL,
    base BLOB,
    change BLOB,
    PRIMARY KEY (deal, digest)
) STRICT;
CREATE TABLE places (
    deal INTEGER NOT NULL REFERENCES deals,
    number INTEGER NOT NULL,
    chunk BLOB NOT NULL,
    length INTEGER NOT NULL,
    added INTEGER NOT NULL,
    removed INTEGER,
    PRIMARY KEY (deal, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX places_by_chunk ON places (deal, chunk);
CREATE INDEX places_removed ON places (deal, removed) WHERE removed IS NOT NULL;
CREATE TABLE arrivals (
    deal INTEGER NOT NULL REFERENCES deals,
    digest BLOB NOT NULL,
    chunk BLOB NOT NULL,
    length INTEGER NOT NULL,
    PRIMARY KEY (deal, chunk, digest)
) STRICT, WITHOUT ROWID;
CREATE TABLE missing (
    deal INTEGER NOT NULL REFERENCES deals,
    chunk BLOB NOT NULL,
    PRIMARY KEY (deal, chunk)
) STRICT, WITHOUT ROWID;
CREATE TABLE promises (
    deal BLOB PRIMARY KEY,
    capacity INTEGER NOT NULL,
    valid_epoch INTEGER NOT NULL,
    asker TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE scrubbed (
    only INTEGER PRIMARY KEY CHECK (only = 0),
    deal BLOB NOT NULL,
    chunk BLOB NOT NULL
) STRICT;
"""

LATER: Final = """
CREATE TABLE IF NOT EXISTS void (
    deal INTEGER NOT NULL REFERENCES deals,
    chunk BLOB NOT NULL,
    PRIMARY KEY (deal, chunk)
) STRICT, WITHOUT ROWID;
"""
"""Tables that an older database is given when it is opened."""
