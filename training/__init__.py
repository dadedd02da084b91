"""How the networks of `--method learned` are made: photographs, noise, model, training, evaluation, export (see README.md here)."""
