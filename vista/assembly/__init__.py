"""Builds the parts of a stack from references and settings. Importing this needs no torch."""

from vista.assembly.parts import LoadedParts, Refs, load_parts

__all__ = ["LoadedParts", "Refs", "load_parts"]
