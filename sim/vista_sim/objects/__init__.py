"""Movable objects: the built-in shapes and a user's own."""
