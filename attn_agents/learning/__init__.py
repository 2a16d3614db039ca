"""Learning: optimisers and the update of parameters."""
