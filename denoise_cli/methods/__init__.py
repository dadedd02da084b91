"""The methods that denoise, each behind the same call."""
