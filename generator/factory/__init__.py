"""Datasets: from a plan to checked, labelled clips."""
