"""Real clients, in an environment of their own (.venv-clients, requirements-clients.txt), at a router that runs
from the router's environment as a process.

    .venv-clients/bin/python -m pytest tests/clients/test_x.py

Fakes are in tests/vendors (`from vendors.server import …`). Routers and nodes are started by
tests/e2e/processes.py (`from processes import start_router, start_node`), whose commands take the router's
environment whoever runs them; `audio.py` beside it needs PyAV. Importing `router` works only as far as the
standard library and httpx carry it.

Each test says what it shows, in words that docs/compatibility.md repeats (tests/claims):

    @pytest.mark.shows(client="elevenlabs", route="POST /v1/text-to-speech", what="mp3, as long as the text")
    @pytest.mark.checks(fake="elevenlabs", client="elevenlabs", what="errors are the SDK's own")

`client` is the distribution's name; its version is read. What needs more than a few MB more is started by
tests/soak."""

pytest_plugins = ["process_logs"]
