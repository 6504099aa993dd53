"""Client keys: `keys new` makes one that opens the door, and every route but the open ones asks for one."""

import hashlib
import re
from pathlib import Path

from processes import DEMO, http, run_command, start_router

pytest_plugins = ["process_logs"]


def test_new_key_opens_the_door(tmp_path: Path) -> None:
    """`keys new` prints a key once and the entry that stands for it; with that entry the key works."""
    done = run_command("keys", "new", "kitchen")
    assert done.returncode == 0
    (key,) = re.findall(r"^\s+(lar-\S+)$", done.stdout, re.MULTILINE)
    entry = done.stdout.split("\n\n")[-1]
    assert hashlib.sha256(key.encode()).hexdigest() in entry
    assert len(key) >= 4 + 22, "128 bits in base64 are 22 characters"
    assert run_command("keys", "new", "kitchen").stdout != done.stdout
    with start_router(f"{DEMO}clients:\n{entry}", tmp_path) as router:
        url = f"{router.base_url}/v1/models"
        assert http.get(url).status_code == 401
        opened = http.get(url, headers={"Authorization": f"Bearer {key}"})
        assert opened.status_code == 200


def test_bad_client_name_is_refused() -> None:
    """A name that could not stand in the configuration makes no key."""
    done = run_command("keys", "new", "a b: c")
    assert (done.returncode, done.stdout) == (2, "")


def test_every_route_but_the_open_ones_needs_a_key(tmp_path: Path) -> None:
    """401 for whoever has none, 403 under /admin for whoever is no admin."""
    keys = {"user": "user-key-of-this-test", "admin": "admin-key-of-this-test"}
    clients = "".join(
        f"  {role}: {{key_sha256: {hashlib.sha256(key.encode()).hexdigest()}, role: {role}}}\n"
        for role, key in keys.items()
    )
    with start_router(f"{DEMO}clients:\n{clients}", tmp_path) as router:
        routes = http.get(
            f"{router.base_url}/schema/openapi.json",
            headers={"Authorization": f"Bearer {keys['user']}"},
        ).json()["paths"]
        asked = {
            (method, path.replace("{", "").replace("}", "")) for path, ops in routes.items() for method in ops
        }
        asked |= {("get", "/"), ("get", "/schema"), ("get", "/no/such/page"), ("post", "/admin/anything")}
        assert len(asked) > 15
        # The page holds no data; what it asks for needs a key.
        is_open = {("get", "/health"), ("get", "/ready"), ("get", "/metrics"), ("get", "/")}
        statuses = {
            (method, path): http.request(method, router.base_url + path).status_code for method, path in asked
        }
        # What players fetch without a header: an id that nobody can guess is the key. This one is nobody's.
        by_id = {route for route in asked if route[1].startswith("/v1/audio/speech/hls/")}
        assert {statuses[route] for route in by_id} == {404}
        closed = asked - is_open - by_id
        assert {route: statuses[route] for route in closed} == dict.fromkeys(closed, 401)
        assert {route: statuses[route] for route in is_open} == dict.fromkeys(is_open, 200)
        by_role = {
            role: http.get(f"{router.base_url}/admin/providers", headers={"x-api-key": key}).status_code
            for role, key in keys.items()
        }
    assert by_role == {"user": 403, "admin": 200}
