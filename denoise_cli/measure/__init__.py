"""What is measured on pictures: errors, similarity, whiteness. Arrays in, numbers out."""
