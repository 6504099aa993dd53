"""A folder of files behind Litestar and uvicorn, as the router is: `python -m bench.static FOLDER PORT`."""

import sys
from pathlib import Path

import uvicorn
from litestar import Litestar
from litestar.static_files import create_static_files_router

if __name__ == "__main__":
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    app = Litestar([create_static_files_router("/", directories=[folder])], openapi_config=None)
    uvicorn.run(app, port=port, log_level="warning", access_log=False, loop="uvloop", http="httptools")
