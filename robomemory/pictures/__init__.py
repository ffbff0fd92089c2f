"""The pictures of records: how they are read, and how they are compared."""
