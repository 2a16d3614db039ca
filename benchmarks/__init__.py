"""Speed, always as a ratio to something that runs alternately beside it."""
