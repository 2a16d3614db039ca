"""An agent that plays live in a web page of this machine, attention drawn."""
