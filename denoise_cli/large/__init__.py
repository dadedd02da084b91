"""Pictures larger than memory: read, solved and written window by window, with one certificate for the whole picture."""
