"""How a bucket is opened: its address, and the credentials as the service's own tools find them."""
