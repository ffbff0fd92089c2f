"""Where things are: poses of frames, and regions of space."""
