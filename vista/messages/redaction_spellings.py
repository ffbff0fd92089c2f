"""Finds one known secret in a text, in every spelling that programs write it in."""

from __future__ import annotations

import base64
import html.entities
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from vista.messages.redaction_patterns import HIDDEN

Finder = Callable[[str], str]

ANYWHERE: Final = 8  # a secret of so many characters is hidden wherever it stands
WORD: Final = 4  # and one of so many where it stands alone
_CHUNK: Final = 256  # a longer secret is searched for in parts: an expression must stay small

_NAMED_ESCAPES = {
    "\n": "n", "\t": "t", "\r": "r", "\0": "0", "\a": "a", "\b": "b", "\f": "f", "\v": "v", "\x1b": "e",
    "\\": "\\",
}  # fmt: skip
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
_ALONE_BEFORE = r"(?:(?<![^\W_])|(?<=\\[nrt0])|(?<=%[0-9a-f]{2}))"
_ALONE_AFTER = r"(?![^\W_])"
# A long line may have been broken anywhere, and the break been escaped, encoded or folded to a blank since.
_BROKEN = r"(?:=?\s{1,8}|\\{1,8}[nr]|%(?:25){0,4}0[ad])?"
_CREDENTIAL = (
    r"\b(?:key|token|password|passwd|secret|bearer|basic|authorization)\b[^\w\n]{1,6}"
    r"(?:provided\W{1,3}|is\W{1,3})?"
)


def finders(secret: str) -> tuple[Finder, ...]:
    """What hides ``secret`` (stripped, not empty) in a text."""
    parts = [secret]
    lines = [line.strip() for line in secret.splitlines()]
    parts += [line for line in lines if line != secret and len(line) >= WORD]
    parts += [word for word in secret.split() if word not in parts and len(word) >= ANYWHERE]
    made: list[Finder] = []
    for part in sorted(set(parts), key=len, reverse=True):
        for begin in range(0, len(part), _CHUNK):
            chunk = part[begin : begin + _CHUNK]
            if begin == 0 or len(chunk) >= ANYWHERE:
                made.append(_spelled(chunk))
        made += _encoded(part[: 16 * _CHUNK])
    return tuple(made)


def _spelled(secret: str) -> Finder:
    characters = [_character(c) for c in secret]
    spelled = "".join(characters)
    if len(secret) >= ANYWHERE:
        found = re.compile(_BROKEN.join(characters), re.IGNORECASE)
        return lambda text: found.sub(HIDDEN, text)
    if len(secret) >= WORD:
        found = re.compile(_ALONE_BEFORE + spelled + _ALONE_AFTER, re.IGNORECASE)
        return lambda text: found.sub(HIDDEN, text)
    quoted = rf"(?P<open>['\"`])\s*{spelled}\s*(?P<close>(?P=open))"
    named = rf"(?P<name>{_CREDENTIAL}){spelled}{_ALONE_AFTER}"
    found = re.compile(f"{quoted}|{named}", re.IGNORECASE)

    def hide(match: re.Match[str]) -> str:
        return f"{match['open'] or ''}{match['name'] or ''}{HIDDEN}{match['close'] or ''}"

    return lambda text: found.sub(hide, text)


@lru_cache(maxsize=512)
def _character(c: str) -> str:
    """An expression for every spelling of one character; spellings may be mixed within a secret."""
    code, octets = ord(c), c.encode("utf-8", "surrogatepass")
    ways = [re.escape(c)]
    if not c.isalnum():
        ways.append(r"\\{1,8}" + re.escape(c))
    if c.isspace():
        ways += [r"\s{1,8}", r"\+"]
    if c == "'":  # as the shell quotes it
        ways = [r"'\"'\"'", r"'\\{1,8}''", *ways]
    if c in _NAMED_ESCAPES:
        ways.append(r"\\{1,8}" + re.escape(_NAMED_ESCAPES[c]))
    if code < 0x100:
        ways.append(rf"\\{{1,8}}(?:x{code:02x}|{code:03o})")
    ways.append(rf"\\{{1,8}}(?:u{code:04x}|u\{{0{{0,6}}{code:x}\}}|U{code:08x})")
    if code > 0xFFFF:
        high, low = 0xD800 + ((code - 0x10000) >> 10), 0xDC00 + ((code - 0x10000) & 0x3FF)
        ways.append(rf"\\{{1,8}}u{high:04x}\\{{1,8}}u{low:04x}")
    if code >= 0x80:
        ways.append("".join(rf"\\{{1,8}}x{octet:02x}" for octet in octets))
        decomposed = unicodedata.normalize("NFD", c)
        ways += [re.escape(decomposed)] if decomposed != c else []
        ways.append(re.escape(octets.decode("latin-1")))  # UTF-8 that was read as Latin-1
    ways.append("".join(rf"[%=](?:25){{0,4}}{octet:02x}" for octet in octets))
    names = "".join(f"|{re.escape(name)}" for name in _entities().get(c, ()))
    ways.append(rf"&(?:amp;){{0,4}}(?:#0{{0,6}}{code};?|#x0{{0,6}}{code:x};?{names})")
    either = "|".join(dict.fromkeys(ways))
    # A key that was read with white space in it may be shown without.
    return f"(?:{either})?" if c.isspace() else f"(?:{either})"


@lru_cache(maxsize=1)
def _entities() -> dict[str, tuple[str, ...]]:
    """Names of characters in HTML ("quot;")."""
    named: dict[str, tuple[str, ...]] = {}
    for name, character in html.entities.html5.items():
        if name.endswith(";"):
            named[character] = (*named.get(character, ()), name)
    return named


def _encoded(secret: str) -> list[Finder]:
    octets = secret.encode("utf-8", "surrogatepass")
    made: list[Finder] = []
    if len(octets) >= WORD:
        pairs = r"[\s:\-]?".join(f"{octet:02x}" for octet in octets)
        hexadecimal = re.compile(rf"(?:0x)?{pairs}", re.IGNORECASE)
        made.append(lambda text: hexadecimal.sub(HIDDEN, text))
    whole = base64.b64encode(octets).decode("ascii").rstrip("=")
    alone = re.compile(rf"(?<![A-Za-z0-9+/_\-]){_base64(whole)}(?:=|%3D){{0,2}}(?![A-Za-z0-9+/_\-=])")
    made.append(lambda text: alone.sub(HIDDEN, text))
    cores = [core for core in map(lambda shift: _core(octets, shift), range(3)) if len(core) >= ANYWHERE]
    if cores:
        within = re.compile("|".join(map(_base64, cores)))
        made.append(lambda text: _hide_runs(within, text))
    return made


def _core(octets: bytes, shift: int) -> str:
    """The characters of base64 that stand for ``octets`` whatever precedes (``shift`` octets) and follows."""
    coded = base64.b64encode(b"\0" * shift + octets).decode("ascii").rstrip("=")
    begin = -(-shift * 8 // 6)
    end = (shift + len(octets)) * 8 // 6
    return coded[begin:end]


def _base64(core: str) -> str:
    """An expression for ``core`` in both alphabets, percent-encoded or not, broken into lines or not."""
    spelled = {"+": r"(?:[+\-]|%2B)", "/": "(?:[/_]|%2F)"}
    return r"(?:\s|\\{1,8}[nr]|%0[adAD]){0,4}".join(spelled.get(c, c) for c in core)


def _hide_runs(within: re.Pattern[str], text: str) -> str:
    """Hide what ``within`` finds, and the characters of base64 around it: they hold the user's name."""
    shown, done = [], 0
    for match in within.finditer(text):
        begin, end = match.span()
        while begin > done and text[begin - 1] in _BASE64:
            begin -= 1
        while end < len(text) and text[end] in _BASE64:
            end += 1
        if end <= done:
            continue
        shown += [text[done : max(begin, done)], HIDDEN]
        done = end
    return "".join([*shown, text[done:]])
