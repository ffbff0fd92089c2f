"""What runs in a process of its own for each system, some in the environment of ``./run setup peers``: the
standard library, numpy and the system alone."""
