"""Population-based training: several runs whose hyperparameters evolve."""
