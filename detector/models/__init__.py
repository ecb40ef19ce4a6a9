"""The kinds of models and their parts: trees, a discriminant, networks, a fusion; calibration and quality."""
