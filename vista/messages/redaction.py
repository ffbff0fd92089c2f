"""Keeps keys and passwords out of every message, log, page and record.

:func:`register` makes a secret known where it is read; :func:`conceal` then hides it in any text, however
it is spelled there, and hides as well what looks like a secret though nobody registered it. From the first
registered secret on, Python's log records are concealed too, since a transport logs its own headers.
"""

from __future__ import annotations

import logging
import threading
import traceback
import urllib.parse
from collections.abc import Callable
from typing import Final

from vista.messages.redaction_patterns import HIDDEN, conceal_shapes
from vista.messages.redaction_spellings import Finder, finders

# What servers that want no key are given instead of one: these words are no secrets.
PLACEHOLDERS: Final = frozenset({"", "none", "null", "empty", "ollama", HIDDEN})

_FAILED = "(text left out: it could not be searched for secrets)"
_PASSES = 4  # hiding one secret can bring two halves of another together

_lock = threading.Lock()
_known: dict[str, tuple[Finder, ...]] = {}
_finders: tuple[Finder, ...] = ()  # replaced as a whole, so readers need no lock


def register(secret: str) -> None:
    """Make ``secret`` known, so that :func:`conceal` hides it in every spelling. Thread-safe; never raises.

    A secret of less than 8 characters is hidden only where it stands as a word of its own, one of less than
    4 only in quotes or after a word such as "key"; else ordinary text would turn into stars. Placeholders
    for a key that is not wanted (:data:`PLACEHOLDERS`) are no secrets.
    """
    global _finders
    try:
        core = secret.strip()
        if core.casefold() in PLACEHOLDERS or not core.strip("*"):
            return
        with _lock:
            first = not _known
            if core not in _known:
                _known[core] = finders(core)
                # The longest first: what is left of a key after a part of it was hidden is not found again.
                longest = sorted(_known, key=len, reverse=True)
                _finders = tuple(finder for known in longest for finder in _known[known])
        if first:
            _conceal_log_records()
    except Exception:  # a secret that is no text cannot stand in a text
        return


def register_address(address: str) -> None:
    """Register the password that ``address`` ("http://user:password@host/") holds, if it holds one."""
    try:
        password = urllib.parse.urlsplit(address).password
    except (ValueError, AttributeError, TypeError):
        return  # no address; :func:`conceal` hides by its shape what looks like one
    if password:
        register(password)
        register(urllib.parse.unquote(password))


def conceal(text: str) -> str:
    """``text`` with ``***`` in place of secrets.

    Hidden are registered secrets (raw, escaped, quoted, percent-encoded, in HTML or XML, hexadecimal, in
    base64 also as a part of "user:password") and what looks like one: user and password of an address,
    values of ``api_key=`` and the like, bearer tokens, headers and fields that hold credentials, keys with a
    well-known beginning. Concealing twice changes nothing. Never raises.
    """
    try:
        for _ in range(_PASSES):
            before = text
            for finder in _finders:
                text = finder(text)
            text = conceal_shapes(text)
            if text == before:
                break
        return text
    except Exception:
        return _FAILED


def _conceal_log_records() -> None:
    """From now on, hide secrets in log records of every logger, those of transports included."""
    make: Callable[..., logging.LogRecord] = logging.getLogRecordFactory()

    def concealed(*args: object, **kwargs: object) -> logging.LogRecord:
        return _concealed_record(make(*args, **kwargs))

    logging.setLogRecordFactory(concealed)


def _concealed_record(record: logging.LogRecord) -> logging.LogRecord:
    try:
        said = record.getMessage()
    except Exception:
        return record  # logging itself reports a message that does not fit its arguments
    shown = conceal(said)
    if shown != said:
        record.msg, record.args = shown, ()
    if record.exc_info and record.exc_info[0] is not None:
        trace = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        shown = conceal(trace)
        if shown != trace:
            record.exc_info, record.exc_text = None, shown
    if record.stack_info:
        record.stack_info = conceal(record.stack_info)
    return record
