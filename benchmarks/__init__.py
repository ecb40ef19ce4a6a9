"""What `tellmark bench` runs."""
