"""Files of a user and of this package: names, YAML, settings, what ships."""
