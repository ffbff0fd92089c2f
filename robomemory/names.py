"""Names and relations in one spelling, by rule."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from robomemory.belief.relations import METRIC as METRIC
from robomemory.belief.relations import PLACE as PLACE
from robomemory.belief.relations import RELATIONS
from robomemory.belief.relations import SAME as SAME
from robomemory.belief.relations import STATE as STATE
from robomemory.belief.relations import opposite as opposite

_ARTICLES = frozenset({"a", "an", "the", "my", "your", "this", "that", "some"})
_OWNERS = frozenset({"my", "your"})
_FILLERS = _ARTICLES | {"is", "are", "was", "were", "be", "of"}

_SPELLINGS = {
    "gray": "grey", "colored": "coloured", "color": "colour", "aluminum": "aluminium", "donut": "doughnut",
    "yoghurt": "yogurt", "yogurt": "yogurt", "center": "centre", "fiber": "fibre", "mold": "mould",
    "disk": "disc", "mom": "mum", "chili": "chilli", "jewelry": "jewellery", "tire": "tyre",
}  # fmt: skip
_IRREGULAR = {
    "knives": "knife", "shelves": "shelf", "loaves": "loaf", "leaves": "leaf", "halves": "half",
    "mice": "mouse", "people": "person", "children": "child", "men": "man", "women": "woman", "feet": "foot",
    "teeth": "tooth", "potatoes": "potato", "tomatoes": "tomato", "boxes": "box", "buses": "bus",
    "glasses": "glasses", "scissors": "scissors", "lenses": "lens", "vases": "vase", "cases": "case",
    "keys": "key", "dice": "dice", "batteries": "battery", "cookies": "cookie", "movies": "movie",
    "brownies": "brownie", "smoothies": "smoothie", "zombies": "zombie",
}  # fmt: skip
_SINGULAR_IN_S = frozenset(
    [
        "always",
        "lens",
        "pants",
        "jeans",
        "shorts",
        "pliers",
        "tongs",
        "tweezers",
        "news",
        "series",
        "species",
        "stairs",
        "headphones",
        "mens",
        "clothes",
        "trousers",
        "goggles",
        "binoculars",
        "hers",
        "theirs",
        "yours",
    ]
)


def kin(one: str, other: str) -> bool:
    """Whether one name may be the other said less closely: the same noun at the end, and all words of the
    shorter in the longer ("mug" and "blue mug", but not "red mug" and "blue mug", nor "mug" and "mug rack").
    """
    a, b = content(name_key(one)), content(name_key(other))
    if (mine := owner(one)) and (theirs := owner(other)) and mine != theirs:
        return False
    return bool(a and b) and a[-1] == b[-1] and (set(a) <= set(b) or set(b) <= set(a))


def owner(name: str) -> str:
    """Whose a thing is, if its name says so."""
    found = re.match(r"(my|your|his|her|our|their|\S+'s)\b", name_key(name))
    return "" if found is None else found[1]


def normal_name(name: str) -> str:
    """``name`` in lower case without leading articles, owners, underscores and doubled spaces."""
    return _bare(name, _ARTICLES)


def thing_name(name: str) -> str:
    """As :func:`normal_name`, but whose it is stays: "my mug" is not "your mug"."""
    return _bare(name, _ARTICLES - _OWNERS)


def _bare(name: str, dropped: frozenset[str]) -> str:
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    parts = re.sub(r"[\s_]+", " ", folded).strip(" .,;:!?").split()
    while len(parts) > 1 and parts[0] in dropped:
        parts = parts[1:]
    return " ".join(parts) or name.strip()


@lru_cache(maxsize=100_000)
def name_key(name: str) -> str:
    """What names that differ only in number, spelling or Unicode have in common ("red cubes", "red cube");
    ``name`` comes from :func:`thing_name`."""
    parts = [_SPELLINGS.get(part, part) for part in _plain(name).split()]
    label = len(parts) > 1 and re.fullmatch(r"#\d+", parts[-1])
    last = len(parts) - (2 if label else 1)
    if last >= 0:
        parts[last] = singular(parts[last])
    return " ".join(parts) or name


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().replace("\u2019", "'")


def singular(word: str) -> str:
    """The singular of an English noun in lower case, by rule; a word that no rule is sure of stays."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if not word.isascii() or not word.isalpha() or len(word) < 4 or word in _SINGULAR_IN_S:
        return word
    if word.endswith(("ss", "us", "is", "as", "ics")) or not word.endswith("s"):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y" if len(word) > 4 else word[:-1]
    if word.endswith(("ches", "shes", "xes", "sses", "zzes")):
        return word[:-2]
    return word[:-1]


def normal_triple(subject: str, relation: str, obj: str) -> tuple[str, str, str]:
    """The triple with names in one spelling and the relation in its usual word and direction. Whether it is
    denied is told by :func:`said_of`."""
    return _said(subject, relation, obj, normal_name)[:3]


def said_of(subject: str, relation: str, obj: str) -> tuple[str, str, str, bool]:
    """(subject, relation, object, denied): as :func:`normal_triple` with the names of :func:`thing_name`, and
    whether it is said not to hold."""
    return _said(subject, relation, obj, thing_name)


def _said(subject: str, relation: str, obj: str, named: Callable[[str], str]) -> tuple[str, str, str, bool]:
    meaning = RELATIONS.meaning(relation)
    subject, obj, denied = named(subject), named(obj), meaning.denied
    if meaning.relation in STATE and (found := re.match(r"(?:not|no longer|never) (.+)", obj)):
        obj, denied = named(found[1]), not denied
    if meaning.turned:
        subject, obj = obj, subject
    return subject, meaning.relation, obj, denied


def exclusive(relation: str) -> frozenset[str]:
    """The relations of which a subject has one at a time together with ``relation``; empty if none."""
    return next((group for group in (PLACE, STATE) if relation in group), frozenset())


def words(text: str) -> list[str]:
    """The words of ``text`` in lower case: letters, digits, "_", and the marks that belong to letters,
    without which "दान" and "दिन" would be one word."""
    folded = text.casefold()
    if not folded.isascii():
        composed = unicodedata.normalize("NFC", folded)
        folded = "".join(c if _in_word(c) else " " for c in composed)
        return [word for word in folded.split() if any(c.isalnum() or c == "_" for c in word)]
    return re.findall(r"\w+", folded)


def _in_word(character: str) -> bool:
    if character.isalnum() or character == "_":
        return True
    marks = unicodedata.category(character) in ("Mn", "Mc")
    return marks and not "\ufe00" <= character <= "\ufe0f"  # these only choose how an emoji is drawn


def content(text: str) -> tuple[str, ...]:
    """The words of ``text`` that carry its meaning, in order."""
    return tuple(word for word in words(text) if word not in _FILLERS)


def mentions(text: str, name: str) -> bool:
    """Whether ``text`` holds the words of ``name`` one after the other."""
    wanted = content(name)
    return bool(wanted) and f" {' '.join(wanted)} " in f" {' '.join(content(text))} "
