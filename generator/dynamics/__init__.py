"""How a face moves: the parts of the two motion models."""
