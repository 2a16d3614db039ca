"""Convolutions and max-poolings in forms that XLA runs fast on CPU."""
