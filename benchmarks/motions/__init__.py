"""What the benchmarks of motion are made of: performances, their measures, and the networks that judge them."""
