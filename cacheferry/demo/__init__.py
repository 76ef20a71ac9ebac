"""`cacheferry demo`: the whole story on a scratch repository, with real parts and real numbers."""
