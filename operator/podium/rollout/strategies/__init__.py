"""How traffic moves from one revision to the next."""
