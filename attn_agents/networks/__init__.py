"""Neural networks in Flax: NetworkInput [T, B] to NetworkOutput [T, B]."""
