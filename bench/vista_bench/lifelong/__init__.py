"""Tasks that hide something, tried again with the memory kept; for the bench cell ``lifelong``."""
