"""The whole loop without ROS: simulated time waits for the models; the same seed, the same episode."""

from vista import load_parts, run_task
from vista_sim import simulate

with simulate("pick_place", seed=2, target="blue mug") as sim, load_parts(sim.robot) as parts:
    result = run_task(parts, sim.instruction)
    print(f"{result.instruction}: {result.outcome} ({result.cause}); in truth: {sim.success()}")
