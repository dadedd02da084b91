"""How strongly to denoise: the fidelity and the λ that suit a picture. Arrays in, numbers out."""
