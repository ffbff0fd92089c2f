"""Words for things: shapes, colours, places and what people call them instead. Data only."""

from __future__ import annotations

from vista.planner.instruction.words.word_sets import word_set

SHAPES: dict[str, str] = {
    "cube": "block blocks dice die cuboid brick square",
    "mug": "cup teacup tankard",
    "can": "tin",
    "ball": "sphere orb globe",
    "box": "carton package parcel crate",
    "cylinder": "tube pipe rod",
    "capsule": "pill lozenge",
    "hexprism": "hexagon hex",
    "triprism": "triangle wedge",
    "tray": "platter salver",
    "drawer": "",
    "table": "tabletop desk worktop workbench bench counter",
}
"""{name of a shape or place: what it is also called}. A name stands for nothing else."""

PHRASES: dict[str, str] = {
    "hexagonal prism": "hexprism", "hex prism": "hexprism", "six sided prism": "hexprism",
    "triangular prism": "triprism", "tri prism": "triprism", "triangle prism": "triprism",
    "table top": "table", "work surface": "table", "work top": "table", "serving tray": "tray",
}  # fmt: skip
"""Names of two words and more."""

PLURALS: dict[str, str] = {"boxes": "box", "dice": "die", "dishes": "dish", "knives": "knife"}

COLOURS: dict[str, str] = {
    "red": "crimson scarlet ruby reddish",
    "green": "lime emerald olive greenish",
    "blue": "navy azure cobalt bluish",
    "yellow": "golden gold lemon yellowish",
    "purple": "violet lilac lavender",
    "orange": "tangerine",
    "cyan": "turquoise teal aqua aquamarine",
    "white": "ivory",
    "black": "ebony",
    "pink": "rose fuchsia",
}
"""{colour that a detector names: what it is also called}."""

OTHER_COLOURS = word_set("brown grey gray magenta beige silver maroon bronze transparent tan indigo")
"""Colours that are never taken for another."""

SHAPED: dict[str, str] = {
    "cubic": "cube", "cubical": "cube", "cylindrical": "cylinder", "hexagonal": "hexprism",
    "triangular": "triprism", "spherical": "ball",
}  # fmt: skip
"""An adjective that says a shape, before "thing", "one", "object"."""

PLAIN = word_set(
    "coffee tea soda coke cola beer tuna soup drink drinking ceramic cardboard wooden wood plastic "
    "metal toy little small tiny big large nice pretty lovely cute shiny same single individual damn "
    "darn bloody colored coloured color colour solid actual building standing following lone remaining "
    "entire whole bright dark light pale loose"
)
"""Adjectives that are no name: they choose nothing where there is one such thing."""

SIZES = word_set(
    "big bigger biggest large larger largest small smaller smallest tiny little tall taller tallest "
    "short shorter shortest heavy heavier heaviest"
)  # fmt: skip
"""Of several things they would choose one, by what nobody measures."""

GENERIC = word_set(
    "thing things object objects item items one ones stuff piece pieces toys bits belongings contents"
)
GENERIC_PLACES: dict[str, str] = {"container": "container", "receptacle": "container"}


def names_of(table: dict[str, str]) -> dict[str, str]:
    """{word: canonical word} of a table of synonyms, the names themselves included."""
    return {word: name for name, others in table.items() for word in (name, *others.split())}


SHAPE_OF, COLOUR_OF = names_of(SHAPES), names_of(COLOURS)


def singular(word: str) -> str:
    """``word`` in the singular, as far as the usual endings tell."""
    if word in PLURALS:
        return PLURALS[word]
    if len(word) > 3 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 3 and word.endswith(("xes", "shes", "ches", "sses")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us")) else word
