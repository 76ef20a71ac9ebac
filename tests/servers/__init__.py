"""Real servers on loopback, and what a test may do to their objects behind the store's back."""
