"""Comparing, drawing, making noise: arrays in, arrays and figures out. Knows no path and no command line."""
