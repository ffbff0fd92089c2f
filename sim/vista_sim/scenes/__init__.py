"""Scenes as data: drawn from a seed, or read from a file."""
