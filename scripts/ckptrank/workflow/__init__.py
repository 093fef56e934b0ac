"""What the Snakefile needs while it is parsed: checks of the config and digests of the code. No torch."""
