"""`explain` as a person runs it: each candidate with its reason, and an exit status for scripts."""

from pathlib import Path

from processes import DEMO, free_port, run_command, start_upstream, written

pytest_plugins = ["process_logs"]


def test_explain_gives_each_candidate_its_reason(tmp_path: Path) -> None:
    """The order in which providers would be tried, and why those that would not."""
    with start_upstream(tmp_path, "m") as upstream:
        config = written(
            f"""\
providers:
  gone: {{kind: openai, url: "http://127.0.0.1:{free_port()}"}}
  here: {{kind: openai, url: "{upstream.base_url}", tier: 2}}
models:
  m: {{routes: [{{provider: gone}}, {{provider: here}}]}}
""",
            tmp_path,
        )
        done = run_command("explain", "--config", config, "--model", "m")
        unknown = run_command("explain", "--config", config, "--model", "n")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.split()[:2] == ["1.", "here"]
    assert second.split()[:2] == ["-", "gone"]
    assert "nothing listens" in second
    assert unknown.returncode == 1
    assert "No model is called 'n'" in unknown.stderr


def test_explain_says_when_nothing_can_serve(tmp_path: Path) -> None:
    """With only yielded, draining or no providers `explain` exits 1, for scripts."""
    config = written(DEMO, tmp_path)
    done = run_command("explain", "--config", config)
    assert done.returncode == 1
    assert "Nothing can serve this now" in done.stdout + done.stderr
