"""The tables of the SQLite ledger, and the steps from each version to the next.

`runs` holds the current attempt of each key. `attempts` keeps those that another followed, and `events` every
transition: both are only ever added to. `seal` is a checksum of a row, so that a flipped bit is an error and not an
answer. Whatever is structured is JSON.
"""

from __future__ import annotations

APPLICATION_ID = 0x6D6F746C
"""`motl`: by this, `file` and we know whose database it is."""

_FIRST = """
CREATE TABLE runs (
    key           TEXT PRIMARY KEY,
    kind          TEXT NOT NULL,
    backend       TEXT NOT NULL,
    account       TEXT NOT NULL,
    model         TEXT NOT NULL,
    spec          TEXT NOT NULL,
    label         TEXT,
    tags          TEXT NOT NULL,
    state         TEXT NOT NULL,
    epoch         INTEGER NOT NULL,
    token         TEXT NOT NULL,
    created_at    REAL NOT NULL,
    updated_at    REAL NOT NULL,
    job_id        TEXT NOT NULL,
    model_id      TEXT,
    handle        TEXT,
    handle_class  TEXT,
    results_class TEXT,
    results_seal  INTEGER,
    error         TEXT,
    details       TEXT NOT NULL,
    seal          INTEGER NOT NULL,
    results       TEXT,
    leased_until  REAL NOT NULL,
    holder        TEXT NOT NULL
);
CREATE INDEX runs_by_job ON runs (job_id) WHERE job_id <> '';
CREATE INDEX runs_by_model_id ON runs (model_id) WHERE model_id IS NOT NULL;
CREATE INDEX runs_by_label ON runs (label) WHERE label IS NOT NULL;
CREATE INDEX runs_by_age ON runs (created_at);

CREATE TABLE tags (
    tag TEXT NOT NULL,
    key TEXT NOT NULL REFERENCES runs (key),
    PRIMARY KEY (tag, key)
) WITHOUT ROWID;

CREATE TABLE attempts (
    key           TEXT NOT NULL,
    epoch         INTEGER NOT NULL,
    token         TEXT NOT NULL,
    state         TEXT NOT NULL,
    job_id        TEXT NOT NULL,
    model_id      TEXT,
    handle        TEXT,
    handle_class  TEXT,
    results       TEXT,
    results_class TEXT,
    error         TEXT,
    details       TEXT NOT NULL,
    ended_at      REAL NOT NULL,
    PRIMARY KEY (key, epoch)
);

CREATE TABLE events (
    id       INTEGER PRIMARY KEY,
    at       REAL NOT NULL,
    key      TEXT NOT NULL,
    epoch    INTEGER NOT NULL,
    previous TEXT,
    state    TEXT NOT NULL,
    job_id   TEXT NOT NULL,
    error    TEXT
);
CREATE INDEX events_by_key ON events (key);

CREATE TABLE uploads (
    digest      TEXT NOT NULL,
    account     TEXT NOT NULL,
    file_id     TEXT NOT NULL,
    recorded_at REAL NOT NULL,
    PRIMARY KEY (digest, account)
) WITHOUT ROWID;

CREATE TABLE files (
    device      INTEGER NOT NULL,
    inode       INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    mtime_ns    INTEGER NOT NULL,
    ctime_ns    INTEGER NOT NULL,
    digest      TEXT NOT NULL,
    seal        INTEGER NOT NULL,
    PRIMARY KEY (device, inode)
) WITHOUT ROWID;

CREATE TABLE aliases (
    alias TEXT PRIMARY KEY,
    key   TEXT NOT NULL REFERENCES runs (key)
) WITHOUT ROWID;
"""

_SECOND = "ALTER TABLE uploads ADD COLUMN seal INTEGER"

UNDER_WAY = "state NOT IN ('succeeded', 'failed', 'cancelled')"
"""The condition of what has not ended, as it stands in the index of these few among all that have."""

_THIRD = f"CREATE INDEX runs_under_way ON runs (kind, backend) WHERE {UNDER_WAY}"

MIGRATIONS = (_FIRST, _SECOND, _THIRD)
"""Step n leads from version n to n + 1; the version is `PRAGMA user_version`. Steps are added, never changed."""


__all__ = ["APPLICATION_ID", "MIGRATIONS", "UNDER_WAY"]
