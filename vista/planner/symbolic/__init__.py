"""Plans over the facts of a memory: the one bridge to robomemory.planning."""
