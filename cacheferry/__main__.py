"""`python -m cacheferry` and `python -I PATH/cacheferry/__main__.py`."""

import os
import sys

if __name__ == "__main__":
    # Python has put the working folder (-m) or this file's folder first, unless told not to. The
    # one belongs to whoever wrote the repository we stand in, the other would make every module
    # of the package a top-level name.
    if not sys.flags.safe_path:
        del sys.path[0]
    # Beside the package lie its dependencies, also where -I leaves them out: the user's
    # site-packages, a folder filled by `pip install --target`.
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if home not in sys.path:
        sys.path.insert(0, home)

    from cacheferry.entry import main

    sys.exit(main())
