"""The Git LFS standalone custom transfer agent: moves objects to and from a store."""
