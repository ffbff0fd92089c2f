"""Records by their words, with SQLite's full-text search (words are stemmed as English)."""

from __future__ import annotations

import sqlite3

from robomemory.records import MemoryKind
from robomemory.store.queries import COMMON, FILLERS, HOLDERS, held, others, tokens
from robomemory.store.sqlite.schema import WORDS


class WordSearch:
    """Searches the index of words. It keeps which words are known not to be rare; :meth:`forget_common` after
    records were deleted."""

    def __init__(self) -> None:
        self._common = {table: set[str]() for table in WORDS.values()}

    def by_words(self, db: sqlite3.Connection, kind: MemoryKind, text: str, limit: int) -> list[int]:
        """Keys of standing records of ``kind`` that hold rare words of ``text``, best first (BM25); the other
        words decide where many hold the same rare ones."""
        table = WORDS[kind]
        asked = list(dict.fromkeys(tokens(text)))
        rare = [w for w in asked if self._rare(db, table, w)]
        if not rare:
            return []
        said = " OR ".join(map(_quoted, rare))
        sql = f"SELECT rowid, rank FROM {table} WHERE {table} MATCH ? ORDER BY rank LIMIT ?"
        found = {int(key): -float(rank) for key, rank in db.execute(sql, (said, max(limit, HOLDERS)))}
        common = others(asked, rare)
        if len(found) <= limit or not common:
            return list(found)[:limit]
        marks = ",".join("?" * len(found))
        texts = dict(db.execute(f"SELECT id, text FROM records WHERE id IN ({marks})", list(found)))
        return sorted(found, key=lambda key: -found[key] - held(texts.get(key, ""), common))[:limit]

    def _rare(self, db: sqlite3.Connection, table: str, word: str) -> bool:
        common = self._common[table]
        if word in common:
            return False
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {table} MATCH ? LIMIT ?)"
        (found,) = db.execute(sql, (_quoted(word), COMMON + 1)).fetchone()
        if found > COMMON and len(common) < 10_000:
            common.add(word)  # words do not get rarer, but for forgetting
        return 0 < found <= COMMON

    def forget_common(self) -> None:
        """After records were deleted any word may be rare."""
        for words in self._common.values():
            words.clear()


def newest_with(db: sqlite3.Connection, kind: MemoryKind, text: str, limit: int) -> list[int]:
    """Keys of the newest standing records of ``kind`` that hold every word of ``text`` that is known here,
    fillers aside; none if fewer than two words are known."""
    table = WORDS[kind]
    found = f"SELECT 1 FROM {table} WHERE {table} MATCH ? LIMIT 1"
    asked = [w for w in dict.fromkeys(tokens(text)) if w not in FILLERS]
    known = [q for q in map(_quoted, asked) if db.execute(found, (q,)).fetchone()]
    if len(known) < 2:
        return []
    sql = f"SELECT rowid FROM {table} WHERE {table} MATCH ? ORDER BY rowid DESC LIMIT ?"
    return [int(key) for (key,) in db.execute(sql, (" AND ".join(known), limit))]


def _quoted(word: str) -> str:
    return f'"{word}"'  # a word of letters and digits: nothing in it can end the string
