"""Each analysis from a recording to the report: computed, saved and drawn."""
