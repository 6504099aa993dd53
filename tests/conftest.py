"""For every test: `vendors` (the fakes) and `claims` (what docs/compatibility.md is made of) can be imported."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

pytest_plugins = ["claims.plugin"]
