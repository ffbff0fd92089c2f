"""Writes MJCF elements: numbers and sequences as attribute text."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np


def text_of(values: object) -> str:
    """Numbers as MJCF wants them: separated by spaces."""
    return " ".join(f"{float(v):.7g}" for v in np.atleast_1d(np.asarray(values, np.float64)))


def add(parent: ET.Element, tag: str, **attrs: object) -> ET.Element:
    """A child ``tag`` of ``parent``; a name with a trailing underscore stands for a Python keyword."""
    text = {k.rstrip("_"): v if isinstance(v, str) else text_of(v) for k, v in attrs.items()}
    return ET.SubElement(parent, tag, text)
