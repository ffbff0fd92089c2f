"""The memory beside peers: one corpus, one driver process a system, one table."""
