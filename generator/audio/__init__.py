"""What is heard: speech analysis, the speech encoder, and speech made from text."""
