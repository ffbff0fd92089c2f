"""The entrance of the library."""
