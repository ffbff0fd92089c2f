"""A typed or dictated sentence in one spelling: small letters, single spaces, no contractions."""

from __future__ import annotations

import re
import unicodedata

_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "`": "'", "\u00b4": "'", "\u02bc": "'", "\u201c": " ",
                         "\u201d": " ", '"': " ", "\u2013": " , ", "\u2014": " , ", "_": " ",
                         "\u00a0": " ", "\u2026": " , ", "(": " , ", ")": " , ", "[": " ", "]": " ",
                         "*": " ", "\u00d7": " "})  # fmt: skip
_ARROW = re.compile(r"\s*(?:-+>|=+>|\u2192|\u21d2|>>+)\s*")
_CONTRACTIONS = tuple((re.compile(pattern), plain) for pattern, plain in (
    (r"\bcan'?t\b|\bcannot\b", "can not"), (r"\bwon'?t\b", "will not"),
    (r"\b(do|does|did|is|are|was|were|has|have|should|would|could|must|need)n'?t\b", r"\1 not"),
    (r"\bain'?t\b", "is not"), (r"\bdun'?t\b|\bdon ?t\b|\bdont\b", "do not"), (r"\blet'?s\b", "let us"),
    (r"\b(what|where|who|when|how|which|that|there|here|it|everything|anything|he|she|why)'s\b", r"\1 is"),
    (r"\b(wheres|whats|whos)\b", lambda m: f"{m[0][:-1]} is"), (r"\bit'd\b", "it would"),
    (r"\b(i|you|we|they|it)'(?:d)\b", r"\1 would"), (r"\b(i|you|we|they|it|that)'ll\b", r"\1 will"),
    (r"\b(you|we|they|what|where)'re\b", r"\1 are"), (r"\bi'm\b", "i am"),
    (r"\b(i|you|we|they)'ve\b", r"\1 have"),
    (r"\bid (?=like|love|prefer|appreciate)", "i would "),
    (r"\bwanna\b", "want to"), (r"\bgonna\b", "going to"), (r"\bgotta\b", "got to"), (r"\blemme\b", "let me"),
    (r"\bgimme\b", "give me"), (r"\bu\b", "you"), (r"\bur\b", "your"), (r"\br\b", "are"),
    (r"\b(?:plz+|pls+|pleas|plse|pleease|plox)\b", "please"), (r"\bthx\b|\btnx\b|\bty\b", "thanks"),
    (r"\bw/\s?", "with "), (r"\bn\b", "and"), (r"\btho\b|\bthru\b", "through"), (r"\binfront\b", "in front"),
    (r"\bcos\b|\bcuz\b|\b'cause\b", "because"), (r"\babit\b", "a bit"), (r"\balot\b", "a lot"),
    (r"\bcentre\b", "middle"), (r"\bcenter\b", "middle"), (r"\b(coloured?|colored?)\b", "colour"),
))  # fmt: skip
_NUMBER_UNIT = re.compile(r"(\d)(?=[a-z])")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)?(?=\D|$)|[^\W\d_]+(?:'[^\W\d_]+)*|[.,;:!?%\u00b0]")


def normal(sentence: str) -> str:
    """``sentence`` in small letters, contractions written out ("don't": "do not"), every token between
    single spaces. Symbols and emoji without a meaning are left out."""
    text = unicodedata.normalize("NFKC", sentence).casefold().translate(_QUOTES)
    text = _ARROW.sub(" to ", text).replace("&", " and ").replace("+", " and ").replace("\n", " . ")
    for pattern, plain in _CONTRACTIONS:
        text = pattern.sub(plain, text)
    text = re.sub(r"\b(\d+)\s*/\s*2\b", lambda m: f"{int(m[1]) / 2:g}", text)
    text = _NUMBER_UNIT.sub(r"\1 ", text)
    text = re.sub(r"(?<=\w)'s\b", " 's", text)
    return " ".join(_TOKEN.findall(text))


def strip_between(text: str, words: str) -> str:
    """``text`` without the phrases of the pattern ``words``, wherever they stand as whole words, and without
    the commas that they leave behind."""
    out = re.sub(rf"(?<![^\s])(?:{words})(?![^\s])", " ", text)
    return tidy(out)


def tidy(text: str) -> str:
    """``text`` with single spaces, and neither a comma at an end nor two marks beside each other."""
    out = re.sub(r"\s+", " ", text).strip()
    out = re.sub(r"(?:[,;:] )+(?=[.,;:!?])", "", out)
    out = re.sub(r"(?<=[.!?;]) (?:[,:] )+", " ", out)
    return re.sub(r"^(?:[.,;:!?] ?)+|(?: ?[,;:])+$", "", out).strip()
