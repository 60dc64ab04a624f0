"""The front end of the channels' tests opens the page here too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "channels"))
