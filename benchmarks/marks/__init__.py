"""What benchmarks of watermarks are made of: hosts, our mark and its peers, what it costs, where it is, the null."""
