"""Noise that is found in pictures, and noise that is put into them. Arrays in, numbers and arrays out."""
