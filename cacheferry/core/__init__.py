"""The floor: what the three programs and the commands share. Imports nothing above it."""
