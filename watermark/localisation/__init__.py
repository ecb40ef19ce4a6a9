"""Where in a picture, and when, a mark that was read is missing."""
