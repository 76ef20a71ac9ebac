"""What `cacheferry init` sets up, a part a file."""
