"""How the weights of the generator are made."""
