"""Parts that the agents' networks share."""
