"""The list of broken agents, by name."""

FAULTS = {}


def fault(kind):
    """Puts a broken agent into the list."""
    FAULTS[kind.__name__] = kind
    return kind
