"""The parser of the command line; it is stricter than Python's own."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from vista.errors import InvalidValueError, VistaError
from vista.graph.checks import fraction, text_value, whole


class UsageError(VistaError, ValueError):
    """The words of a command do not fit it."""


class Parser(argparse.ArgumentParser):
    """Reads whole numbers that fit 64 bits, finite numbers and paths that say something, and takes options as
    they are written: no "1_000", no " 5", no "--epi" for "--episodes". What does not fit is one sentence."""

    def __init__(self, prog: str, description: str | None) -> None:
        super().__init__(
            prog=prog, description=description, allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        for kind, read in ((int, _whole), (float, _fraction), (Path, _path)):
            self.register("type", kind, read)

    def error(self, message: str) -> NoReturn:
        """Raises :class:`UsageError`."""
        raise UsageError(f"{message}; '{self.prog} --help' tells what there is")


def _whole(word: str) -> int:
    try:
        return whole("", word)
    except InvalidValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _fraction(word: str) -> float:
    try:
        return fraction("", word)
    except InvalidValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _path(word: str) -> Path:
    if not word.strip():
        raise argparse.ArgumentTypeError(f"{word!r} is empty, expected a file or folder")
    return Path(word)


def readable(argv: Sequence[str]) -> list[str]:
    """The words of ``argv`` as text.

    Python spells bytes that are no text in the locale's encoding as lone surrogates; those that are UTF-8
    are read as such, whatever the locale says.

    Raises:
        UsageError: a word is no text, or holds NUL.
    """
    words = []
    for number, word in enumerate(argv, 1):
        try:
            words.append(text_value(f"word {number}", _utf8(word)))
        except InvalidValueError as error:
            raise UsageError(str(error)) from error
    return words


def _utf8(word: str) -> str:
    try:
        return os.fsencode(word).decode("utf-8") if not word.isascii() else word
    except UnicodeError:
        return word
