"""Questions in words, answered from the graph."""
