"""Where a memory is kept: SQLite or PostgreSQL, one durable transaction an update."""
