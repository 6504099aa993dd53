"""Closed-loop load by Debian's wrk: as many requests as `connections` can carry, one after another on each."""

import json
import math
import os
import signal
import subprocess
from collections.abc import Sequence
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
    """What wrk saw; `cpu_s` is its own, `lasted_s` by its own clock."""

    requests_per_s: float
    p50_us: float
    p99_us: float
    cpu_s: float
    lasted_s: float


def warm_up(case: Case, contender: Contender, key: str, duration_s: float, directory: Path) -> None:
    """Load of which nothing is asked, not even that somebody answers within its time. Raises SampleFailed."""
    _run(case, contender, key, duration_s, directory)


def load(case: Case, contender: Contender, key: str, duration_s: float, directory: Path) -> Load:
    """Load `contender` for `duration_s` seconds, on the cores of the caller. Raises SampleFailed."""
    before = os.times()
    output = _run(case, contender, key, duration_s, directory)
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return said(output, cpu_s)


def _run(case: Case, contender: Contender, key: str, duration_s: float, directory: Path) -> str:
    script = directory / f"{case.name}.lua"
    headers = request_headers(key, contender.extra_headers).items()
    lines = "\n".join(f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers)
    script.write_text(_SCRIPT % (json.dumps(case.body.decode()), lines))
    url = f"http://127.0.0.1:{contender.port}{case.path}"
    command = [
        "wrk",
        "-t1",
        f"-c{case.connections}",
        f"-d{math.ceil(duration_s) + 1}s",
        "--timeout",
        "10s",
        "-s",
        str(script),
        url,
    ]
    return _output(command, duration_s)


def _output(command: Sequence[str], duration_s: float) -> str:
    """wrk knows whole seconds alone, but at an interrupt it ends in order, and tells how long it ran."""
    with subprocess.Popen(  # noqa: S603  ours
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            process.wait(duration_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        try:
            output, errors = process.communicate(timeout=_GRACE_S)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise SampleFailed(f"wrk did not end within {duration_s + _GRACE_S:.0f} s") from error
    if process.returncode != 0:
        raise SampleFailed(f"wrk failed: {output} {errors}")
    return output


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
    lasted_s = seen["duration_us"] / 1e6
    return Load(seen["requests"] / lasted_s, seen["p50_us"], seen["p99_us"], cpu_s, lasted_s)
