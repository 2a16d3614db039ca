"""What trained agents look at: recordings, and pure functions of them."""
