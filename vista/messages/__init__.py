"""Text fit for people, logs and files: printable, on one line, without secrets."""
