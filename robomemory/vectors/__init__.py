"""Nearest vectors: exact, or by inverted lists, kept on the disk."""
