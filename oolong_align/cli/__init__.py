"""The command line: arguments, progress, tables, exit codes. Nothing here computes."""
