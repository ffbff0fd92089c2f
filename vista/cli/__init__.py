"""The command line: one file a command, which takes arguments, calls the library and prints."""
