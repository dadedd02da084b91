"""Sheets and plots: arrays and tables in, pictures out."""
