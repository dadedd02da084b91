"""Files that appear whole or not at all, and the list of what is finished."""
