"""What the benchmark of re-enactment is made of: clips, measures, sheets."""
