"""What where."""
