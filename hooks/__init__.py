"""Git hooks: on commit and on pull, do caches match the configs, are they whole, are they safe."""
