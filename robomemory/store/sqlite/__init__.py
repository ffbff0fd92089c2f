"""A memory in one file of SQLite."""
