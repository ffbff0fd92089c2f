"""Stores as older versions wrote them."""


def without_frames(db):
    """Takes out what came with version 6, or 5 on a server."""
    _without_tables(db)
    for column in ("subject_told", "object_told"):
        db.execute(f"ALTER TABLE evidence DROP COLUMN {column}")


def _without_tables(db):
    for table in ("merges", "pictures", "about"):
        db.execute(f"DROP TABLE {table}")
    db.execute("ALTER TABLE records DROP COLUMN frame")


def without_evidence(db):
    """Takes out what came with version 5, or 4 on a server, and after it."""
    _without_tables(db)
    db.execute("DROP TABLE evidence")
    db.execute("ALTER TABLE records DROP COLUMN metadata")
    for column in ("times", "newest_id", "sources"):
        db.execute(f"ALTER TABLE facts DROP COLUMN {column}")
    for index in ("sightings_entity", "sightings_time", "sightings_record"):
        db.execute(f"DROP INDEX {index}")
    db.execute("ALTER TABLE sightings RENAME TO new_sightings")
    db.execute(
        "CREATE TABLE sightings (record_id BIGINT NOT NULL, entity_id BIGINT NOT NULL,"
        " stamp_ns BIGINT NOT NULL,"
        " x DOUBLE PRECISION, y DOUBLE PRECISION, z DOUBLE PRECISION, recorded_ns BIGINT NOT NULL,"
        " seq BIGINT NOT NULL DEFAULT 0, run BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (record_id, entity_id))"
    )
    columns = "record_id, entity_id, stamp_ns, x, y, z, recorded_ns, run"
    db.execute(f"INSERT INTO sightings ({columns}) SELECT {columns} FROM new_sightings")
    db.execute("DROP TABLE new_sightings")
    db.execute("CREATE INDEX sightings_entity ON sightings (entity_id, run, stamp_ns)")
    db.execute("CREATE INDEX sightings_time ON sightings (run, stamp_ns)")
