"""One picture from file to file: read, plan, denoise, write."""
