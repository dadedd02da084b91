"""Many pictures: which ones, where their results go, and who works on them."""
