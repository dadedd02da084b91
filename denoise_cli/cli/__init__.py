"""The only place with Typer, tqdm and standard output: what can be typed, and what is told."""
