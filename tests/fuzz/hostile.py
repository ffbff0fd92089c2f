"""Strategies for values that break programs: texts, numbers, names, and words of a command line."""

from __future__ import annotations

from hypothesis import strategies as st

TEXTS = (
    "", " ", "\n", "\t", "\0", "?", "--", "-", "☕", "🤖" * 40, "grüne Tasse", "синяя кружка",
    "青いマグカップ",
    "箱" * 100, "mug [/red]", "[bold]mug[/bold]", "[link=x]", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07",
    "\x9b31m", r"$\frac$", r"\frac{1}{2}", "<mug>", "</node>", "&amp;", "&", "]]>",
    "<script>alert(1)</script>", "'; DROP TABLE", '"', "'", "\\", "%s", "%(x)s", "{0}", "{mug}",
    "${HOME}", "`id`", "$(id)", "../../etc/passwd", "/", "a/b", "\ud800", "mug\udfff", "\ud83d",
    "\u202emug", "\ufeffmug", "e\u0301", "ﬁ", "İ", "ß", "ǅ", "\u2028", "\r\n", "null", "None", "nan",
    "inf", "-inf", "true", "false", "no", "yes", "~", "0", "-0", "1e308", "-5", "0x10", "1_000",
    "put the blue mug in the tray", "blue mug", "BLUE MUG", "blue  mug", "a" * 5_000, "put " * 400, "*",
    "?*", "[", "success", "stopped: ", "imagine:", "no:", "<think>", "</think>", "#", "---",
    "!!python/object:os.system", "&a *a", "file:///etc/passwd", "http://user:secret@localhost/", "-c",
    "--help", "=", "==", ":", "::", "@", "%", "%n%n",
)  # fmt: skip
INTEGERS = (
    0, 1, -1, 2, -5, 7, 255, 256, 2**15, 2**31 - 1, 2**31, -(2**31) - 1, 2**32, 2**53 + 1, 2**63 - 1,
    2**63, -(2**63), 2**64, 9223372036854775808, 10**30,
)  # fmt: skip
FLOATS = (
    0.0, -0.0, 1.0, -1.0, 0.5, 1e-9, 1e-308, 5e-324, 1e9, 1e18, 1e300, 1e308, -1e308, float("nan"),
    float("inf"), float("-inf"),
)  # fmt: skip

texts = st.one_of(
    st.sampled_from(TEXTS),
    st.text(max_size=40),
    st.text(st.characters(), max_size=20),  # with surrogates
    st.lists(st.sampled_from(TEXTS), min_size=2, max_size=3).map(" ".join),
)
integers = st.one_of(st.sampled_from(INTEGERS), st.integers(), st.integers(-10, 10))
floats = st.one_of(st.sampled_from(FLOATS), st.floats(), st.floats(-2.0, 2.0))
scalars = st.one_of(st.none(), st.booleans(), integers, floats, texts)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(texts, scalars), inner, max_size=4)
    ),
    max_leaves=8,
)
