"""What `cacheferry doctor` looks at: each thing that must hold is a small function."""
