"""Perception: what is where, from images. Importing this needs no torch."""

from vista.perception.base import DetectorBase

__all__ = ["DetectorBase"]
