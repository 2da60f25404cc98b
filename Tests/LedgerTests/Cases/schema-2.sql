-- A ledger as version 2 of the schema wrote it, with a run, a vote and an exception.
PRAGMA application_id = 1282368363;
PRAGMA user_version = 2;
PRAGMA foreign_keys = OFF;
BEGIN TRANSACTION;
CREATE TABLE alias (
    name TEXT NOT NULL, server TEXT NOT NULL REFERENCES server, PRIMARY KEY (name, server)
) STRICT, WITHOUT ROWID;
CREATE TABLE approval (
    run TEXT NOT NULL REFERENCES run, instance TEXT NOT NULL, generation INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'approved', 'rejected', 'expired', 'withdrawn')),
    opened INTEGER NOT NULL, shown BLOB NOT NULL, digest TEXT NOT NULL, approvers TEXT NOT NULL,
    quorum INTEGER NOT NULL CHECK (quorum > 0), excluded TEXT NOT NULL, required TEXT NOT NULL, ticket TEXT,
    expires INTEGER NOT NULL, decided INTEGER, note TEXT, PRIMARY KEY (run, instance, generation)
) STRICT, WITHOUT ROWID;
INSERT INTO "approval" VALUES('r1','review',1,'approved',1800000000000000,X'7B7D','sha256:9bf5ad0447710959f5920da754bd88c537ddfe6f904861c1d55c4b127da593ee','["user:ben"]',1,'[]','[]',NULL,1800000000000099,1800000000000001,NULL);
CREATE TABLE artifact (
    digest TEXT PRIMARY KEY, media_type TEXT NOT NULL, byte_count INTEGER NOT NULL CHECK (byte_count >= 0),
    bytes BLOB, created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "artifact" VALUES('sha256:9bf5ad0447710959f5920da754bd88c537ddfe6f904861c1d55c4b127da593ee','application/yaml',10,X'706C6179626F6F6B2078',1800000000000000);
CREATE TABLE definition (
    server TEXT NOT NULL REFERENCES server, kind TEXT NOT NULL, name TEXT NOT NULL,
    first_scan INTEGER NOT NULL REFERENCES scan, last_scan INTEGER NOT NULL REFERENCES scan,
    digest TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (server, kind, name, first_scan)
) STRICT, WITHOUT ROWID;
CREATE TABLE event (
    run TEXT NOT NULL REFERENCES run, sequence INTEGER NOT NULL CHECK (sequence > 0), time INTEGER NOT NULL,
    kind TEXT NOT NULL, instance TEXT NOT NULL, payload TEXT NOT NULL, hash BLOB NOT NULL,
    PRIMARY KEY (run, sequence)
) STRICT, WITHOUT ROWID;
INSERT INTO "event" VALUES('r1',1,1800000000000000,'run.created','','{}',X'0C4DA3BE95BF3B49DE878996676F0BF01494B3D7180E220BBADA2BB57307354C');
INSERT INTO "event" VALUES('r1',2,1800000000000001,'run.attention','','{"reason":"look"}',X'458314FDB837F1DE07F1F235DB03D16FEB0FCAF0D81A74E7E7E96E3E42C0FF91');
CREATE TABLE exception (
    id TEXT PRIMARY KEY, scope TEXT NOT NULL, owner TEXT NOT NULL, reason TEXT NOT NULL,
    created_by TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL, closed INTEGER,
    CHECK (length(owner) > 0 AND length(reason) > 0)
) STRICT, WITHOUT ROWID;
INSERT INTO "exception" VALUES('x-1','finding:a','user:ana','known','user:ana',1800000000000000,1801000000000000,NULL);
CREATE TABLE finding (
    scan INTEGER NOT NULL REFERENCES scan, key TEXT NOT NULL, evidence TEXT NOT NULL, code TEXT NOT NULL,
    severity TEXT NOT NULL, subject TEXT NOT NULL, message TEXT NOT NULL, server TEXT REFERENCES server,
    PRIMARY KEY (scan, key, evidence)
) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, sequence INTEGER NOT NULL, delivered INTEGER,
    FOREIGN KEY (run, sequence) REFERENCES event (run, sequence)
) STRICT;
CREATE TABLE request (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES run, time INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE TABLE run (
    id TEXT PRIMARY KEY, playbook TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, phase INTEGER,
    digest TEXT NOT NULL REFERENCES artifact, file TEXT NOT NULL, inputs TEXT NOT NULL,
    started_by TEXT NOT NULL, pins TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'waiting', 'paused', 'cancelling', 'rolling-back',
        'needs-attention', 'succeeded', 'failed', 'cancelled', 'rolled-back')),
    reason TEXT, outputs TEXT, created INTEGER NOT NULL, updated INTEGER NOT NULL, ended INTEGER,
    parent_run TEXT REFERENCES run, parent_instance TEXT, concurrency_group TEXT,
    sequence INTEGER NOT NULL, head BLOB NOT NULL,
    lease_token TEXT, lease_host TEXT, lease_boot TEXT, lease_pid INTEGER, lease_heartbeat INTEGER,
    lease_expires INTEGER,
    CHECK ((parent_run IS NULL) = (parent_instance IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO "run" VALUES('r1','p','P','1.0.0',NULL,'sha256:9bf5ad0447710959f5920da754bd88c537ddfe6f904861c1d55c4b127da593ee','p.yaml','{"a":1}','ana','{"x.y":1}','running',NULL,NULL,1800000000000000,1800000000000000,NULL,NULL,NULL,NULL,2,X'458314FDB837F1DE07F1F235DB03D16FEB0FCAF0D81A74E7E7E96E3E42C0FF91',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE sample (
    run TEXT NOT NULL REFERENCES run, instance TEXT NOT NULL, number INTEGER NOT NULL, time INTEGER NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('pass', 'fail', 'inconclusive', 'error')),
    measurements TEXT NOT NULL, note TEXT, PRIMARY KEY (run, instance, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE scan (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, label TEXT NOT NULL, time INTEGER NOT NULL,
    examined TEXT NOT NULL, gaps TEXT NOT NULL
) STRICT;
CREATE TABLE server (
    id TEXT PRIMARY KEY, canonical_key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, transport TEXT NOT NULL,
    url TEXT, command TEXT NOT NULL, owner TEXT, criticality TEXT, description TEXT, secrets TEXT NOT NULL,
    first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE sighting (
    scan INTEGER NOT NULL REFERENCES scan, number INTEGER NOT NULL, server TEXT NOT NULL REFERENCES server,
    source TEXT NOT NULL, location TEXT NOT NULL, name TEXT NOT NULL, client TEXT, user TEXT,
    is_described INTEGER NOT NULL CHECK (is_described IN (0, 1)), PRIMARY KEY (scan, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE snapshot (
    name TEXT PRIMARY KEY, time INTEGER NOT NULL, digest TEXT NOT NULL REFERENCES artifact
) STRICT, WITHOUT ROWID;
CREATE TABLE step (
    run TEXT NOT NULL REFERENCES run, instance TEXT NOT NULL, position INTEGER NOT NULL, step TEXT NOT NULL,
    item TEXT, kind TEXT NOT NULL, name TEXT, state TEXT NOT NULL, attempts INTEGER NOT NULL, started INTEGER,
    ended INTEGER, result TEXT, outputs TEXT, error TEXT, summary TEXT, waits_for TEXT, due INTEGER,
    PRIMARY KEY (run, instance)
) STRICT, WITHOUT ROWID;
CREATE TABLE timer (
    run TEXT NOT NULL REFERENCES run, instance TEXT NOT NULL, kind TEXT NOT NULL, generation INTEGER NOT NULL,
    due INTEGER NOT NULL, PRIMARY KEY (run, instance, kind)
) STRICT, WITHOUT ROWID;
CREATE TABLE verdict (
    run TEXT NOT NULL REFERENCES run, instance TEXT NOT NULL, generation INTEGER NOT NULL,
    time INTEGER NOT NULL, result TEXT NOT NULL CHECK (result IN ('pass', 'fail', 'inconclusive', 'error')),
    reason TEXT NOT NULL, PRIMARY KEY (run, instance, generation)
) STRICT, WITHOUT ROWID;
CREATE TABLE vote (
    run TEXT NOT NULL, instance TEXT NOT NULL, generation INTEGER NOT NULL, number INTEGER NOT NULL,
    person TEXT NOT NULL, verdict TEXT NOT NULL CHECK (verdict IN ('approve', 'reject', 'withdraw')),
    reason TEXT NOT NULL, ticket TEXT, authenticated INTEGER NOT NULL CHECK (authenticated IN (0, 1)),
    shown TEXT NOT NULL, proof TEXT, time INTEGER NOT NULL, PRIMARY KEY (run, instance, generation, number),
    FOREIGN KEY (run, instance, generation) REFERENCES approval
) STRICT, WITHOUT ROWID;
INSERT INTO "vote" VALUES('r1','review',1,1,'ben','approve','read it',NULL,0,'sha256:9bf5ad0447710959f5920da754bd88c537ddfe6f904861c1d55c4b127da593ee',NULL,1800000000000000);
CREATE INDEX run_by_state ON run (state);
CREATE INDEX run_by_parent ON run (parent_run) WHERE parent_run IS NOT NULL;
CREATE INDEX run_by_group ON run (concurrency_group) WHERE concurrency_group IS NOT NULL;
CREATE INDEX timer_by_due ON timer (due);
CREATE INDEX request_by_run ON request (run);
CREATE INDEX approval_open ON approval (state) WHERE state = 'open';
CREATE TRIGGER vote_stays BEFORE UPDATE ON vote BEGIN SELECT raise(ABORT, 'a vote is never altered'); END;
CREATE TRIGGER vote_kept BEFORE DELETE ON vote BEGIN SELECT raise(ABORT, 'a vote is never removed'); END;
CREATE TRIGGER event_stays BEFORE UPDATE ON event BEGIN SELECT raise(ABORT, 'an event is never altered'); END;
CREATE INDEX scan_by_label ON scan (label, id);
CREATE INDEX sighting_by_server ON sighting (server, scan);
CREATE INDEX finding_by_key ON finding (key);
ALTER TABLE run ADD COLUMN seal BLOB;
ALTER TABLE run ADD COLUMN seal_key TEXT;
ALTER TABLE run ADD COLUMN clock_boot TEXT;
ALTER TABLE run ADD COLUMN clock_offset INTEGER;
ALTER TABLE exception ADD COLUMN authenticated INTEGER NOT NULL DEFAULT 0 CHECK (authenticated IN (0, 1));
ALTER TABLE exception ADD COLUMN proof TEXT;
COMMIT;
