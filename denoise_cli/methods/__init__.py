"""The ways to denoise that can be named, and the peers that they are compared with."""
