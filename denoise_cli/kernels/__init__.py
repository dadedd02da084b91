"""The compiled passes, and how Python gets them."""
