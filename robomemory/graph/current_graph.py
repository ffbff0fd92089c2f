"""The graph as it stands now, kept in memory: a cache of what the store holds and believes."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import networkx as nx  # type: ignore[import-untyped, unused-ignore]

from robomemory.belief.evidence import Evidence
from robomemory.belief.folds import Folds
from robomemory.belief.identity import Pair, WhoIsWho, pair, who_is_who
from robomemory.graph.scene import Entity, Fact, Sighting
from robomemory.names import PLACE, content, name_key
from robomemory.records import Position
from robomemory.timestamps import FOREVER, Moment

FAN_OUT = 32
"""Most facts followed from one vertex, the newest first: a table with a thousand things on it would else
drown what was asked for."""

_NONE: dict[int, None] = {}
CELL_M = 0.05  # of the grid that finds things by their place
ROOM_M = 1.0  # of the coarse grid, for balls


class SceneState:
    """``graph`` has a node per thing that has a position or a fact that holds, and an edge per such fact;
    a vertex that has lost both is taken out (paper, Algorithm 2, step 8) and comes back when it is
    mentioned again. What ended is in the store alone."""

    def __init__(self) -> None:
        self.graph = nx.MultiDiGraph()
        self.entities: dict[int, Entity] = {}
        self.facts: dict[int, Fact] = {}
        self.unknown: set[int] = set()  # things that nothing tells of, which the store keeps for the past
        self.last: dict[int, Sighting] = {}  # where each thing was seen last
        self.mentions: dict[int, Sighting] = {}  # what was said of it last without a place
        self._cells: dict[tuple[int, int, int], set[int]] = defaultdict(set)
        self._rooms: dict[tuple[int, int, int], set[int]] = defaultdict(set)
        self.held: dict[int, int] = defaultdict(
            int
        )  # {thing: facts that hold and say what it is in, on, ...}
        self.stirred: set[int] = set()  # whose place may have changed by what holds them
        self.away: dict[int, Position] = {}  # where things are that are not where they were seen
        self.by_name: dict[str, list[int]] = defaultdict(list)
        self._names: dict[tuple[str, ...], set[str]] = defaultdict(set)
        self._by_word: dict[str, set[str]] = defaultdict(set)
        self._longest = 1
        self._out: dict[int, dict[int, None]] = defaultdict(dict)  # facts of a subject, as they came
        self._into: dict[int, dict[int, None]] = defaultdict(dict)  # facts of an object
        self._ages: list[tuple[Moment, int]] = []  # heap of (last said, fact)
        self.folds = Folds()  # of what was touched since
        self.newest: dict[int, int] = {}  # {run: the newest stamp known of it}
        self.merged: dict[int, Entity] = {}  # things that another one stands for, as each was told of itself
        self.claims: list[Evidence] = []  # what was said of who is who
        self.links: list[Pair] = []  # merges that no claim tells
        self.who = WhoIsWho()
        self._numbers: dict[str, dict[int, int]] = defaultdict(dict)  # {name: {thing: its ordinal}}

    def put_entity(self, entity: Entity) -> None:
        known = self.entities.get(entity.id)
        self._count(entity, known)
        run, ns = entity.last_seen
        self.newest[run] = max(self.newest.get(run, 0), ns)
        if known is not None and known.name != entity.name:
            self._unname(known.name, entity.id)
        if known is None or known.name != entity.name:
            self.put_alias(entity.name, entity.id)
        self.entities[entity.id] = entity
        (self.unknown.add if entity.first_seen == FOREVER else self.unknown.discard)(entity.id)
        if known is None or known.position != entity.position:
            self.stirred.add(entity.id)
        if known is not None and known.position is not None:
            self._cells[_cell(known.position)].discard(entity.id)
            self._rooms[_cell(known.position, ROOM_M)].discard(entity.id)
        if entity.position is not None:
            self._cells[_cell(entity.position)].add(entity.id)
            self._rooms[_cell(entity.position, ROOM_M)].add(entity.id)
            self.graph.add_node(entity.id)

    def put_merged(self, entity: Entity) -> None:
        """``entity`` is one with another thing, which stands for it."""
        self._count(entity, self.merged.get(entity.id))
        self.merged[entity.id] = entity

    def _count(self, entity: Entity, known: Entity | None) -> None:
        if known is not None:
            self._numbers[name_key(known.name)].pop(entity.id, None)
        self._numbers[name_key(entity.name)][entity.id] = entity.ordinal

    def put_claims(self, claims: Iterable[Evidence], links: Iterable[Pair]) -> None:
        """What was said of who is who; every thing is there already."""
        self.claims, self.links = list(claims), list(links)
        kept = {gone: self._end(gone) for gone in self.merged}
        kept |= {end: end for end in kept.values()}
        apart = who_is_who(self.claims, (), lambda key: (Moment(0, 0), self.thing(key).label)).apart
        self.who = WhoIsWho(kept, apart)
        for gone, entity in self.merged.items():
            if (end := kept[gone]) in self.entities:
                self.put_alias(entity.name, end)
                self.put_alias(entity.label, end)

    def _end(self, key: int) -> int:
        seen = set[int]()
        while key in self.merged and key not in seen:
            seen.add(key)
            key = self.merged[key].merged_into or key
        return key

    def thing(self, key: int) -> Entity:
        """The thing ``key`` as it is known itself, whatever stands for it."""
        return self.entities[key] if key in self.entities else self.merged[key]

    def __contains__(self, key: int) -> bool:
        return key in self.entities or key in self.merged

    def without_number(self, name: str) -> list[int]:
        """The things without a number whose names are spelled like ``name``."""
        return [key for key, number in self._numbers.get(name_key(name), {}).items() if number == 1]

    @property
    def spelled_alike(self) -> set[Pair]:
        """The pairs of things without a number whose names differ in spelling alone: they are one unless
        somebody keeps them apart."""
        firsts = ([k for k, number in each.items() if number == 1] for each in self._numbers.values())
        return {pair(a, b) for keys in firsts if len(keys) > 1 for a in keys for b in keys if a < b}

    def last_ordinal(self, said: str) -> int:
        """The highest number of the things whose names are spelled like ``said``; 0: there are none."""
        return max(self._numbers.get(said, {}).values(), default=0)

    def called(self, name: str) -> list[int]:
        """The things called ``name``. Where things are kept apart that are spelled alike, those with that
        very name."""
        keys = self.by_name.get(name_key(name), [])
        return exactly(keys, name, self.who, self.thing)

    def told_of(self, name: str, key: int) -> Entity:
        """Of the things that ``key`` stands for, the one that ``name`` means."""
        return told_of(name, [self.thing(each) for each in self.who.members(key)], self.thing(key))

    def near(self, spot: Position, radius_m: float) -> list[int]:
        """The things last seen within ``radius_m`` [m] of ``spot``; at most a cell of the grid, 5 cm."""
        x, y, z = _cell(spot)
        beside = itertools.product((x - 1, x, x + 1), (y - 1, y, y + 1), (z - 1, z, z + 1))
        keys = (key for cell in beside for key in self._cells.get(cell, ()))
        spots = ((key, self.entities[key].position) for key in keys)
        return sorted(k for k, p in spots if p is not None and math.dist(p, spot) <= radius_m)

    def may_be_within(self, spot: Position, radius_m: float) -> set[int]:
        """The things that may be within ``radius_m`` [m] of ``spot``: those last seen near it, and those that
        others have carried there, once nothing is ``stirred``."""
        low = _cell((spot[0] - radius_m, spot[1] - radius_m, spot[2] - radius_m), ROOM_M)
        high = _cell((spot[0] + radius_m, spot[1] + radius_m, spot[2] + radius_m), ROOM_M)
        found = {key for key, place in self.away.items() if math.dist(place, spot) <= radius_m}
        if math.prod(b - a + 1 for a, b in zip(low, high, strict=True)) > len(self._rooms):
            return found.union(*self._rooms.values())
        spans = (range(a, b + 1) for a, b in zip(low, high, strict=True))
        return found.union(*(self._rooms[room] for room in itertools.product(*spans) if room in self._rooms))

    def put_alias(self, name: str, key: int) -> None:
        """``name`` means the thing ``key``, perhaps besides others."""
        said = name_key(name)
        if key not in self.by_name[said]:
            self.by_name[said].append(key)
        words = content(name)
        self._names[words].add(name)
        self._longest = max(self._longest, len(words))
        for word in words:
            self._by_word[word].add(name)

    def _unname(self, name: str, key: int) -> None:
        said = name_key(name)
        self.by_name[said].remove(key)
        if not self.by_name[said]:
            del self.by_name[said]
            words = content(name)
            self._names[words].discard(name)
            for word in words:
                self._by_word[word].discard(name)

    def put_fact(self, fact: Fact) -> None:
        if fact.open:
            if (known := self.facts.get(fact.id)) is not None:
                self._unlink(known)
            self._link(fact)
            heapq.heappush(self._ages, (fact.seen, fact.id))
            return
        known = self.facts.get(fact.id)
        if known is not None:
            self._unlink(known)
            for end in {known.subject, known.object}:
                self._drop_if_isolated(end)

    def _stir(self, key: int) -> None:
        """The place of ``key``, and of what it holds, may be another one."""
        todo, seen = [key], {key}
        while todo:
            held = (self.facts[f] for f in self._into.get(todo.pop(), _NONE))
            inner = {f.subject for f in held if f.relation in PLACE} - seen
            seen |= inner
            todo += inner
        self.stirred |= seen

    def _link(self, fact: Fact) -> None:
        self.facts[fact.id] = fact
        if fact.relation in PLACE:
            self.held[fact.subject] += 1
            self._stir(fact.subject)
        self.graph.add_edge(fact.subject, fact.object, key=fact.id)
        self._out[fact.subject][fact.id] = self._into[fact.object][fact.id] = None

    def _unlink(self, fact: Fact) -> None:
        if fact.relation in PLACE:
            self.held[fact.subject] -= 1
            self._stir(fact.subject)
        del self.facts[fact.id], self._out[fact.subject][fact.id], self._into[fact.object][fact.id]
        self.graph.remove_edge(fact.subject, fact.object, key=fact.id)

    def put_sighting(self, sighting: Sighting) -> None:
        kept = self.mentions if sighting.position is None else self.last
        key = sighting.entity_id
        before = kept.get(key)
        if sighting.position is not None and (before is None or before.id != sighting.id or sighting.until):
            self._stir(key)
        if sighting.expired_ns is not None or sighting.until is not None:
            if before is not None and before.id == sighting.id:
                del kept[key]
                self._drop_if_isolated(key)
        elif before is None or before.at <= sighting.at:
            kept[key] = sighting
            self.graph.add_node(key)

    def put_mention(self, key: int, mention: Sighting | None) -> None:
        """``mention`` names the thing ``key`` last without a place; None: nothing does."""
        if mention is not None:
            self.mentions[key] = mention
        elif self.mentions.pop(key, None) is not None:
            self._drop_if_isolated(key)

    def remove(self, key: int) -> None:
        """Nothing is known of the thing ``key`` any more."""
        entity = self.entities.pop(key)
        self._numbers[name_key(entity.name)].pop(key, None)
        for fact in self.out_of(key):
            self._unlink(fact)
        for name in [name for name, keys in self.by_name.items() if key in keys]:
            self.by_name[name].remove(key)
            if not self.by_name[name]:
                del self.by_name[name]
        words = content(entity.name)
        if not self.by_name.get(name_key(entity.name)):
            self._names[words].discard(entity.name)
            for word in words:
                self._by_word[word].discard(entity.name)
        if entity.position is not None:
            self._cells[_cell(entity.position)].discard(key)
            self._rooms[_cell(entity.position, ROOM_M)].discard(key)
        self.unknown.discard(key)
        self.last.pop(key, None)
        self.away.pop(key, None)
        self.stirred.discard(key)
        self.mentions.pop(key, None)
        self.folds.tracks.pop(key, None)
        for slot in [slot for slot in self.folds.slots if key in slot[1:]]:
            del self.folds.slots[slot]
        if key in self.graph:
            self.graph.remove_node(key)

    def _drop_if_isolated(self, key: int) -> None:
        if key in self.graph and self.graph.degree(key) == 0 and not self.placed(key):
            self.graph.remove_node(key)

    def placed(self, key: int) -> bool:
        """Whether something is known of ``key`` besides facts: where it was seen, or that it was named."""
        return key in self.last or key in self.mentions or self.entities[key].position is not None

    def facts_at(self, key: int, most: int = FAN_OUT) -> list[Fact]:
        """The facts that hold and that ``key`` is an end of, the newest first, at most ``most`` a side."""
        keys = [*islice(reversed(self._out.get(key, _NONE)), most)]
        keys += islice(reversed(self._into.get(key, _NONE)), most)
        return [self.facts[k] for k in keys]

    def out_of(self, key: int) -> list[Fact]:
        """The facts that hold and say something of ``key``."""
        return [self.facts[k] for k in self._out.get(key, _NONE)]

    def mentioned(self, text: str) -> Iterator[tuple[str, list[int]]]:
        """(name, things) of the known names whose words stand one after the other in ``text``."""
        words = content(text)
        for size in range(1, min(self._longest, len(words)) + 1):
            for start in range(len(words) - size + 1):
                for name in self._names.get(words[start : start + size], ()):
                    yield name, self.by_name.get(name_key(name), [])

    def names_holding(self, words: Iterable[str]) -> set[str]:
        """The names that hold all of ``words``."""
        sets = [self._by_word.get(word, set()) for word in words]
        return set.intersection(*sets) if sets else set()

    def older_than(self, moment: Moment) -> list[Fact]:
        """The facts that hold and were last said before ``moment``, from the whole graph."""
        found, todo = dict[int, Fact](), [0]
        while todo:  # down the heap as far as it is old
            i = todo.pop()
            if i < len(self._ages) and self._ages[i][0] < moment:
                seen, key = self._ages[i]
                fact = self.facts.get(key)
                if fact is not None and fact.seen == seen:
                    found[key] = fact  # a fact that was said again at that time is in the heap twice
                todo += (2 * i + 1, 2 * i + 2)
        return list(found.values())

    def forget_ages(self, moment: Moment) -> None:
        """Drops what :meth:`older_than` need not look at again."""
        while self._ages and self._ages[0][0] < moment:
            seen, key = self._ages[0]
            fact = self.facts.get(key)
            if fact is not None and fact.seen == seen:
                return
            heapq.heappop(self._ages)


def exactly(keys: Sequence[int], name: str, who: WhoIsWho, thing: Callable[[int], Entity]) -> list[int]:
    """Of ``keys``, which ``name`` may mean, those that it does: where two of them are kept apart, the ones
    that are called just so."""
    kept = list(keys)
    if len(kept) < 2 or not who.apart:
        return kept
    members = [(key, each) for key in kept for each in who.members(key)]
    if not any(pair(a, b) in who.apart for _, a in members for _, b in members):
        return kept
    same = [key for key in kept if any(thing(each).name == name for k, each in members if k == key)]
    return same or kept


def told_of(name: str, members: Sequence[Entity], otherwise: Entity) -> Entity:
    """The one of ``members`` that ``name`` means; ``otherwise``, if none does."""
    if len(members) < 2:
        return otherwise
    said = name_key(name)
    alike = [e for e in members if said in (name_key(e.name), name_key(e.label))]
    alike.sort(key=lambda e: (e.label != name, e.name != name, name_key(e.label) != said, e.ordinal, e.label))
    return alike[0] if alike else otherwise


def _cell(spot: Position, size_m: float = CELL_M) -> tuple[int, int, int]:
    x, y, z = (math.floor(v / size_m) for v in spot)
    return x, y, z
