"""Pictures that the tests of RoboMemory draw, and notes that bring them."""

import io

import numpy as np
from PIL import Image

from robomemory import Note

RED, GREEN, BLUE = (200, 30, 30), (30, 180, 40), (30, 40, 200)


def drawn(colour=RED, seed=0):
    """A square of ``colour`` on grey: u8 (52, 52, 3), every seed another picture."""
    rng = np.random.default_rng(seed)
    image = np.full((52, 52, 3), 128, np.int64)
    image[12:40, 12:40] = colour
    return np.clip(image + rng.integers(-12, 13, image.shape), 0, 255).astype(np.uint8)


def png(colour=RED, seed=0):
    out = io.BytesIO()
    Image.fromarray(drawn(colour, seed)).save(out, "PNG")
    return out.getvalue()


def shown(kind, text, picture, t_s=1, *names, **more):
    return Note(kind, text, t_s * 10**9, names, picture=picture, **more)
