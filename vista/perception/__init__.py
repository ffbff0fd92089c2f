"""Perception: what is where, from images."""
