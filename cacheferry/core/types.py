"""Names for annotations; importing this at run time is never needed."""

import os

StrPath = str | os.PathLike[str]
"""A path as the system calls take it."""
