"""Training data from seeds: robot demonstrations and action-free image pairs. Never committed, made again."""
