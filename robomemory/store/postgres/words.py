"""Records by their words, with PostgreSQL's full-text search (words are stemmed as English)."""

from __future__ import annotations

import math
from collections import defaultdict

from robomemory.records import MemoryKind
from robomemory.store.postgres.link import Connection
from robomemory.store.queries import COMMON, FILLERS, HOLDERS, held, others, tokens

_STANDS = "kind = %s AND replaced_by = 0 AND words @@ plainto_tsquery('english', w.word)"


def by_words(db: Connection, kind: MemoryKind, text: str, limit: int) -> list[int]:
    """Keys of standing records of ``kind`` that hold rare words of ``text``, best first: the sum over the
    words of how rare each is (its inverse document frequency); of equals the shorter text, then the newer."""
    words = list(dict.fromkeys(tokens(text)))
    statement = (
        "SELECT w.place, r.id, r.size FROM unnest(%s::text[]) WITH ORDINALITY AS w (word, place)"
        f" CROSS JOIN LATERAL (SELECT id, length(words) AS size FROM records WHERE {_STANDS} LIMIT %s) r"
    )
    rows = db.execute(statement.encode(), (words, str(kind), COMMON + 1)).fetchall()
    holders: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for place, key, size in rows:
        holders[int(str(place))].append((int(str(key)), int(str(size))))
    score: dict[int, float] = defaultdict(float)
    length: dict[int, int] = {}
    rare: list[str] = []
    for place, found in holders.items():
        if len(found) <= COMMON:
            rare.append(words[place - 1])
            for key, size in found:
                score[key] += 1.0 + math.log(COMMON / len(found))
                length[key] = size
    best = sorted(score, key=lambda key: (-score[key], length[key], -key))[: max(limit, HOLDERS)]
    common = others(words, rare)
    if len(best) <= limit or not common:
        return best[:limit]
    told = db.execute("SELECT id, text FROM records WHERE id = ANY(%s::bigint[])", (best,)).fetchall()
    texts = {int(str(key)): str(text) for key, text in told}
    return sorted(best, key=lambda key: (-score[key] - held(texts[key], common), length[key], -key))[:limit]


def newest_with(db: Connection, kind: MemoryKind, text: str, limit: int) -> list[int]:
    """Keys of the newest standing records of ``kind`` that hold every word of ``text`` that is known here,
    fillers aside; none if fewer than two words are known."""
    words = [w for w in dict.fromkeys(tokens(text)) if w not in FILLERS]
    holder = f"SELECT 1 FROM records WHERE {_STANDS}"
    statement = f"SELECT w.word FROM unnest(%s::text[]) AS w (word) WHERE EXISTS ({holder})"
    known = [str(word) for (word,) in db.execute(statement.encode(), (words, str(kind))).fetchall()]
    if len(known) < 2:
        return []
    rows = db.execute(
        "SELECT id FROM records WHERE kind = %s AND replaced_by = 0"
        " AND words @@ plainto_tsquery('english', %s) ORDER BY id DESC LIMIT %s",
        (str(kind), " ".join(known), limit),
    ).fetchall()
    return [int(str(key)) for (key,) in rows]
