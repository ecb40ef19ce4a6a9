"""What a video shows of its person beyond pose and expression, read for the portrait of the same person."""
