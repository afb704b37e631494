"""Studies with a planted truth, as the tests of the paper's claims have them."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "paper"))
