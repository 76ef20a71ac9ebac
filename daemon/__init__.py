"""The daemon: sees finished caches; tracks, uploads, commits and publishes them."""
