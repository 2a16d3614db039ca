"""Playing: actors that turn parameters into trajectories."""
