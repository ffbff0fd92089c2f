"""The spatial memory: a knowledge graph of things, places and times."""
