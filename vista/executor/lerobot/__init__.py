"""Policies of LeRobot, in a process and an environment of their own (docs/large-models.md).

``client`` is the ``Policy``; ``process`` starts a server for it; ``server`` and ``checkpoint`` run in
LeRobot's environment and import nothing but numpy, LeRobot and ``wire``.
"""
