"""`python broken/agent.py [FAULT]`: the model agent, or the one with that fault."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from faults import FAULTS
from model import Model

fault = sys.argv[1] if len(sys.argv) > 1 else None
sys.exit((FAULTS[fault] if fault else Model)().main())
