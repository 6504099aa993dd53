"""Makes `fakes`, `loopback` and `running` importable from every test below this directory."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
