"""Commands beside the default one, each loaded when it is called."""
