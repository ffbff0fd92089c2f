"""Put an object at a point of the table that is said by other things: "to the left of the blue mug"."""

from __future__ import annotations

import numpy as np

from vista.errors import InvalidValueError
from vista.robot.spots import Surroundings, spot_at, spot_moved, spot_of_table, surroundings
from vista.skill import Relation, Skill, Verb
from vista.types import F64
from vista.types.spatial import Direction, Spatial
from vista_sim.scenes.scene import TRAY_HALF, Scene, sample_tabletop
from vista_sim.scenes.table import Table
from vista_sim.skills import TABLE
from vista_sim.task import Choice, Task, TaskSetup, choose, named, standing

RELATIONS = (
    Spatial.LEFT_OF, Spatial.RIGHT_OF, Spatial.IN_FRONT_OF, Spatial.BEHIND, Spatial.NEXT_TO, Spatial.BETWEEN,
)  # fmt: skip
PARTS = ("front left", "front right", "back left", "back right")
DISTANCES_CM = (8, 10, 12, 15)
TRIES = 30
WORDS = {Direction.LEFT: "to the left", Direction.RIGHT: "to the right",
         Direction.FORWARD: "forward", Direction.BACKWARD: "back"}  # fmt: skip


class Arrange(Task):
    """ "put the <object> to the left of the <other>", "between ...", "in the front left corner", "move the
    <object> 10 cm to the left"; the seed draws which, or ``target`` names the object."""

    def set_up(self, seed: int, choice: Choice, target: str | None, rng: np.random.Generator) -> TaskSetup:
        scene = choice.fixed or sample_tabletop(
            seed, choice.labels, choice.patterns, count=max(3, choice.distractors + 1),
            library=choice.library, table=choice.table, required=[target] if target else [],
        )  # fmt: skip
        labels = [placed.spec.label for placed in standing(scene)]
        wanted = named(choice.fixed, target, labels)
        for _ in range(TRIES):
            thing = choose(rng, labels, wanted, "object")
            said, spot = _draw(scene, thing, rng, choice.table)
            if spot is not None:
                at = (round(float(spot[0]), 3), round(float(spot[1]), 3))
                skills = Skill(Verb.GRASP, thing), Skill(Verb.PLACE, thing, Relation.ON, TABLE, at)
                return TaskSetup(scene, said, skills)
        raise InvalidValueError(f"arrange: scene {seed} leaves no room on its table")


def _draw(scene: Scene, thing: str, rng: np.random.Generator, whole: Table) -> tuple[str, F64 | None]:
    """A sentence about ``thing``, and the point (2,) that it means, None where that is not free."""
    where = {p.spec.label: np.array([p.x, p.y]) for p in standing(scene)}
    others = [label for label in where if label != thing]
    table = table_without(scene, thing, whole)
    kind = rng.random()
    if kind < 0.2:
        direction, far = rng.choice(list(Direction)), int(rng.choice(DISTANCES_CM))
        spot = spot_moved(where[thing], Direction(direction), far / 100, table)
        return f"move the {thing} {far} cm {WORDS[Direction(direction)]}", spot
    if kind < 0.35 or not others:
        part = str(rng.choice(PARTS))
        return f"put the {thing} in the {part} corner of the table", spot_of_table(part, table)
    relation = Spatial(str(rng.choice([r.value for r in RELATIONS])))
    count = 2 if relation is Spatial.BETWEEN else 1
    if len(others) < count:
        return "", None
    chosen = [str(label) for label in rng.permutation(others)[:count]]
    places = " and ".join(f"the {label}" for label in chosen)
    return (
        f"put the {thing} {relation.words} {places}",
        spot_at(relation, np.stack([where[label] for label in chosen]), table),
    )


def table_without(scene: Scene, thing: str, table: Table) -> Surroundings:
    """The ``table`` of ``scene`` as it is without ``thing``."""
    things = [(p.x, p.y) for p in standing(scene) if p.spec.label != thing]
    trays = [] if scene.tray is None else [scene.tray]
    low, high = (table.x[0], table.y[0]), (table.x[1], table.y[1])
    return surroundings(low, high, np.array(things), np.array(trays), TRAY_HALF)
