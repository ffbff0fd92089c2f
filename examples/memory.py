"""The memory by itself: tell it things, take one back, ask in words."""

from robomemory import Memory

with Memory("kitchen.sqlite3") as memory:
    memory.add("a mug on the shelf", about=["mug"], position=(0.5, -0.2, 0.8), source="camera")
    memory.relate("mug", "in", "left drawer", source="me")
    wrong = memory.relate("mug", "in", "right drawer")
    memory.retract(wrong)  # it was never true
    print(memory.ask("where is the mug, since when, who saw it?").text)
