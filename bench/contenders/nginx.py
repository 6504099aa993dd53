"""nginx: the limit. It knows no models, keys or health."""

from typing import Final

from bench.contenders.contender import Place, Recipe
from bench.contenders.installed import said, tool

# What favours nginx: one worker, kept connections in both directions, no log, large buffers that stay in memory.
# The upstream's streams ask for no buffering themselves (X-Accel-Buffering).
_CONFIG: Final = """\
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  client_body_buffer_size 1m;
  keepalive_requests 10000000;
  upstream mock {{
    server 127.0.0.1:{upstream_port};
    keepalive 1024;
    keepalive_requests 10000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffers 16 32k;
      proxy_max_temp_file_size 0;
    }}
  }}
}}
"""


def recipe(place: Place) -> Recipe:
    """Raises CouldNotStart when it is missing."""
    nginx = tool("nginx")
    config = _CONFIG.format(directory=place.directory, port=place.port, upstream_port=place.upstream_port)
    return Recipe(
        "nginx",
        (nginx, "-c", str(place.directory / "nginx.conf"), "-p", str(place.directory), "-e", "stderr"),
        files={"nginx.conf": config},
        setup=f"{said(nginx, '-v').rpartition('/')[2]}: one worker, `proxy_pass`, kept connections, no log",
    )
