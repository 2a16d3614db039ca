"""Hard attention."""
