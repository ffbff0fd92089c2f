"""The control loop: instructions into subtasks, each imagined, pursued and remembered."""
