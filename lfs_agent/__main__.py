"""`<python> -I -S <path>/lfs_agent/__main__.py`: how git-lfs starts the agent.

Without site-packages and the environment, so that the start costs little and nobody's PYTHONPATH
can shadow a module of ours; hence the two folders are named here.
"""

import os
import sys

_programs = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# In a checkout `cacheferry` lies beside `lfs_agent`; in a wheel this is cacheferry/_programs.
_root = os.path.dirname(os.path.dirname(_programs))
if os.path.isfile(os.path.join(_programs, "cacheferry", "__init__.py")):
    _root = _programs
sys.path.insert(0, _programs)
if _root != _programs:
    # Last: site-packages must not come before the standard library.
    sys.path.append(_root)

from lfs_agent import usual  # noqa: E402

usual.begin()

from lfs_agent.agent import main  # noqa: E402

sys.exit(main())
