"""Pages for the browser, each one file that needs nothing else: the report on a run, and the path along λ."""
