"""The dry run on real processes: what a person reads about a substitute."""

from pathlib import Path
from typing import Final

from processes import free_port, http, run_command, start_node, start_router, written

pytest_plugins = ["process_logs"]

WORDS: Final = "another engine with its own default voice"


def test_a_substitute_is_told_in_words_and_by_its_configured_tier(tmp_path: Path) -> None:
    """By the command and by /admin/explain alike: never the number that puts it behind the others inside."""
    with start_node(tmp_path) as node:
        text = f"""\
providers:
  near: {{kind: tts-node, url: "{node.base_url}"}}
  far: {{kind: tts-node, url: "{node.base_url}", tier: 2}}
voices:
  narrator: {{use: {{near: alloy}}}}
"""
        config = written(text, tmp_path, "explained")
        done = run_command("explain", "--config", config, "--model", "near/espeak", "--voice", "narrator")
        with start_router(text, tmp_path, port=free_port()) as router:
            query = {"model": "near/espeak", "voice": "narrator"}
            told = http.get(f"{router.base_url}/admin/explain", params=query).json()["candidates"]
    assert done.returncode == 0, done.stderr
    near, far = done.stdout.splitlines()
    assert near.startswith("1.  near ")
    assert "tier 1, " in near
    assert "substitute" not in near
    assert far.startswith("2.  far ")
    assert "tier 2, " in far
    assert far.endswith(f" (a substitute: {WORDS})")
    assert "000" not in done.stdout
    assert [(entry["provider"], entry["tier"], entry["substitution"]) for entry in told] == [
        ("near", 1, None),
        ("far", 2, WORDS),
    ]
    assert all(entry["reason"].startswith(f"tier {entry['tier']}, ") for entry in told)
