"""`local-ai-router keys new NAME`: a key for a client, shown once."""

import sys
from argparse import Namespace

from router.api.admission import new_key
from router.config import is_name


def run(arguments: Namespace) -> int:
    """Print a fresh key and the configuration entry that stands for it."""
    name = arguments.name
    if not is_name(name):
        print("A client's name has letters, digits, '.', '_' and '-' only.", file=sys.stderr)
        return 2
    key, hashed = new_key()
    role = "admin" if arguments.admin else "user"
    print(f"Key for {name}, shown this once; give it to the client as its API key:\n\n  {key}\n")
    print("Put this under `clients:` in config/providers.yaml:\n")
    print(f'  {name}:\n    key_sha256: "{hashed}"\n    role: {role}')
    return 0
