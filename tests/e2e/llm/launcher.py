"""`transformers serve` for one tiny model, ended by the end of its standard input. Runs in .venv-llm.

Arguments: the HF_HUB_CACHE to put the model in, the model's id. The port is the system's choice; uvicorn logs it.
"""

import os
import sys
import threading
from pathlib import Path

from make_model import make_model  # type: ignore[import-not-found]  # beside this script, not in a package
from transformers.cli.transformers import main  # type: ignore[import-not-found]  # belongs to .venv-llm


def exit_with_parent() -> None:
    """The pipe closes however the parent ends, by SIGKILL too. There is nothing to save, so no farewell."""
    while os.read(0, 1):
        pass
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=exit_with_parent, daemon=True).start()
    cache, model_id = sys.argv[1:]
    make_model(Path(cache), model_id)
    # Named on the command line, the model is loaded before the port opens: no test meets a cold model.
    sys.argv[1:] = ["serve", model_id, "--device", "cpu", "--host", "127.0.0.1", "--port", "0"]
    main()
