"""Tasks that hide something, tried again with the memory kept: what the bench cell ``lifelong`` measures."""
