"""Builds the parts of a stack from references and settings."""
