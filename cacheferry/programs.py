"""Where the three programs and the example lie: in a wheel inside the package, else beside it.

docs/adr/0001-import-names.md says why the programs are private modules of an installed package.
"""

import sys
from pathlib import Path

# Not resolved: an installer may link our files to its cache, where nothing of ours lies beside.
_PACKAGE = Path(__file__).absolute().parent


def folder() -> Path:
    """The folder that holds `lfs_agent`, `daemon` and `hooks`."""
    installed = _PACKAGE / "_programs"
    return installed if installed.is_dir() else _PACKAGE.parent


def put_first() -> None:
    """Makes `import daemon` find ours, whatever else has that name. For entry points only."""
    first = str(folder())
    if sys.path[:1] != [first]:
        sys.path.insert(0, first)


def program_file(name: str) -> Path:
    """The file that starts the program `name`: what git and git-lfs are told to run."""
    return folder() / name / "__main__.py"


def example_folder() -> Path:
    """The example project that `cacheferry demo` plays with; a copy of it, never the folder."""
    installed = _PACKAGE / "_example" / "traffic"
    return installed if installed.is_dir() else _PACKAGE.parent / "examples" / "traffic"
