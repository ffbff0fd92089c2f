"""What all training shares: data, splits, recipes, the training loop, weights."""
