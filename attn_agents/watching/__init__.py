"""Shows an agent playing live in a web page of this machine, with attention."""
