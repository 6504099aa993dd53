"""Closed-loop load by Debian's wrk: as many requests as `connections` can carry, one after another on each."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.cases import Case, request_headers
from bench.contenders import Contender
from bench.samples import SampleFailed

_GRACE_S: Final = 20.0

_SCRIPT: Final = """\
wrk.method = "POST"
wrk.body = %s
%s
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"requests":%%d,"duration_us":%%d,"bytes":%%d,"errors":%%d,"p50_us":%%d,"p99_us":%%d}\\n',
    summary.requests, summary.duration, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw; `cpu_s` is its own."""

    requests_per_s: float
    p50_us: float
    p99_us: float
    cpu_s: float


def warm_up(case: Case, contender: Contender, key: str, duration_s: int, directory: Path) -> None:
    """Load of which nothing is asked, not even that somebody answers within its time. Raises SampleFailed."""
    _run(case, contender, key, duration_s, directory)


def load(case: Case, contender: Contender, key: str, duration_s: int, directory: Path) -> Load:
    """Load `contender` for `duration_s` seconds, on the cores of the caller. Raises SampleFailed."""
    before = os.times()
    output = _run(case, contender, key, duration_s, directory)
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return said(output, cpu_s)


def _run(case: Case, contender: Contender, key: str, duration_s: int, directory: Path) -> str:
    script = directory / f"{case.name}.lua"
    headers = request_headers(key, contender.extra_headers).items()
    lines = "\n".join(f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers)
    script.write_text(_SCRIPT % (json.dumps(case.body.decode()), lines))
    url = f"http://127.0.0.1:{contender.port}{case.path}"
    command = [
        "wrk",
        "-t1",
        f"-c{case.connections}",
        f"-d{duration_s}s",
        "--timeout",
        "10s",
        "-s",
        str(script),
        url,
    ]
    try:
        answer = subprocess.run(  # noqa: S603  ours
            command, capture_output=True, text=True, timeout=duration_s + _GRACE_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SampleFailed(f"wrk did not end within {duration_s + _GRACE_S:.0f} s") from error
    if answer.returncode != 0:
        raise SampleFailed(f"wrk failed: {answer.stdout} {answer.stderr}")
    return answer.stdout


def said(output: str, cpu_s: float) -> Load:
    """What wrk printed, the script's line last. Raises SampleFailed when a request was not answered well."""
    try:
        seen = json.loads(output.splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise SampleFailed(f"wrk said nothing that can be read: {output}") from error
    if seen["errors"]:
        raise SampleFailed(f"{seen['errors']} of {seen['requests']} requests ended badly", seen["errors"])
    if not seen["requests"]:
        raise SampleFailed("no request was answered")
    return Load(seen["requests"] / seen["duration_us"] * 1e6, seen["p50_us"], seen["p99_us"], cpu_s)
