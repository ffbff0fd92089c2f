"""Algorithm 2 of the paper (arXiv 2508.01415): a local graph goes to a resolver, its edits come back."""
