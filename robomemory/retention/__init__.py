"""Forgetting while the robot goes on, and the rules by which a memory forgets by itself."""
