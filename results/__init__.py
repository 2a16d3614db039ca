"""What was measured, and what draws the tables and figures of docs/."""
