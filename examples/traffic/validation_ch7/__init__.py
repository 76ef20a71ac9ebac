"""Validation of chapter 7: the runs, their caches and the comparison."""
