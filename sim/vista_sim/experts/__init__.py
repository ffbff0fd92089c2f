"""Scripted experts and true goal states; they read the simulator's truth."""
