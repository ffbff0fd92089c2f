"""Checks of the graph's command line, before anything starts. Each function returns the value, or raises an
error that names the option, the given value and the allowed ones."""

from __future__ import annotations

import math
import os
import re
import uuid
from pathlib import Path

from vista.errors import EmptyInstructionError, InstructionError, InvalidValueError

LAST_DOMAIN = 232  # the ports of the next one would lie beyond 65535
INT64 = (-(2**63), 2**63 - 1)  # what ROS parameters and goals hold
LONGEST_TASK_S = 3600.0  # a client waits no longer for the end of a task
LONGEST_INSTRUCTION = 2000
LONGEST_NAMESPACE = 100  # rmw allows names of 245 characters, and the longest topic needs its own
EXAMPLE = "put the blue mug in the tray"

_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NAMESPACE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*")


def shown(value: object, limit: int = 60) -> str:
    """``value`` in quotes for a message: what a terminal can't show is escaped, what is long is cut."""
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= limit else text[:limit] + "...")


def _prefix(option: str) -> str:
    """How a message about ``option`` begins; empty for a value that belongs to no option."""
    return f"{option}: " if option else ""


def whole(option: str, value: object, low: int = INT64[0], high: int = INT64[1]) -> int:
    """``value`` as a whole number from ``low`` to ``high``; InvalidValueError names ``option``, if any."""
    text = str(value)
    if isinstance(value, bool) or not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
        raise InvalidValueError(f"{_prefix(option)}{shown(value)}, expected integer from {low} to {high}")
    return int(text)


def fraction(option: str, value: object, low: float = -math.inf, high: float = math.inf) -> float:
    """``value`` as a finite number from ``low`` to ``high``; InvalidValueError names ``option``, if any."""
    text = str(value)
    number = float(text) if not isinstance(value, bool) and _DECIMAL.fullmatch(text) else math.nan
    if not math.isfinite(number) or not low <= number <= high:
        where = "" if math.isinf(low) else f" from {low:g} to {high:g}"
        raise InvalidValueError(f"{_prefix(option)}{shown(value)}, expected a finite number{where}")
    return number


def text_value(option: str, value: object) -> str:
    """``value`` as text that a command line and ROS can carry.

    Raises:
        InvalidValueError: it holds NUL, or characters that are no Unicode text (lone surrogates, which stand
            for bytes that are no UTF-8).
    """
    text = str(value)
    if "\0" in text or not _encodable(text):
        raise InvalidValueError(f"{option}: {shown(value)}, expected text in UTF-8 without the character NUL")
    return text


def ros_domain(option: str, value: object) -> int:
    """``value`` as the number of a ROS domain; InvalidValueError names ``option``."""
    return whole(option, value, 0, LAST_DOMAIN)


def domain_of_environment() -> int | None:
    """``ROS_DOMAIN_ID``, None where it is not set. InvalidValueError: it is no ROS domain."""
    given = os.environ.get("ROS_DOMAIN_ID", "").strip()
    return ros_domain("ROS_DOMAIN_ID in the environment", given) if given else None


def ros_namespace(value: object) -> str:
    """The namespace of a graph without slashes around it: "left", "cell/left", "" for none.

    Raises:
        InvalidValueError: ROS allows no such name.
    """
    given = str(value)
    inner = given.removeprefix("/").removesuffix("/")
    if inner and (not _NAMESPACE.fullmatch(inner) or len(inner) > LONGEST_NAMESPACE):
        raise InvalidValueError(
            f"--namespace: {shown(given)}, expected a ROS name such as 'left' or 'cell/left': letters a-z, "
            f"digits and '_', no part begins with a digit, at most {LONGEST_NAMESPACE} characters"
        )
    return inner


def instruction_text(given: object) -> str:
    """What the arm is told, without blanks around it.

    Raises:
        InstructionError: it is empty or too long, or holds control characters or what is no text.
    """
    text = str(given).strip()
    if not text:
        raise EmptyInstructionError
    if len(text) > LONGEST_INSTRUCTION:
        raise InstructionError(
            f"the instruction has {len(text):,} characters ({shown(text, 30)}); at most "
            f"{LONGEST_INSTRUCTION:,} are allowed"
        )
    if not _encodable(text) or any((ord(c) < 32 and c not in "\t\n\r") or ord(c) == 127 for c in text):
        raise InstructionError(
            f"the instruction {shown(text)} holds control characters or characters that are no Unicode text; "
            f"expected a sentence such as {EXAMPLE!r}"
        )
    return text


def writable_folder(option: str, value: str | Path) -> Path:
    """The folder ``value``, made where it is missing, in which files can be written.

    Raises:
        InvalidValueError: it cannot be made or written; the message names ``option`` and why.
    """
    text_value(option, value)
    folder = Path(value)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{uuid.uuid4().hex}"
        probe.touch(exist_ok=False)
        probe.unlink()
    except (OSError, ValueError) as error:
        is_file = isinstance(error, FileExistsError | NotADirectoryError)
        why = "a file stands there" if is_file else getattr(error, "strerror", None) or str(error)
        raise InvalidValueError(
            f"{option}: {shown(value)}, expected a folder that can be written: {why}"
        ) from error
    return folder


def possible_folder(option: str, value: str | Path) -> Path:
    """The folder ``value``, which is there or can be made; nothing is made yet.

    Raises:
        InvalidValueError: a file stands in its way, or nothing can be written there.
    """
    folder = there = Path(value)
    try:
        while not there.exists() and there != there.parent:
            there = there.parent
        why = "" if there.is_dir() else "a file stands there"
        why = why or ("" if os.access(there, os.W_OK | os.X_OK) else "permission denied")
    except OSError as error:
        why = error.strerror or str(error)
    if why:
        raise InvalidValueError(f"{option}: {shown(value)}, expected a folder that can be written: {why}")
    return folder


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
