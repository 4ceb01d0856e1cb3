"""Pushes a folder with huggingface_hub's own client to the played hub, twice.

Input on stdin: {"endpoint", "token", "repository", "folder"}. Output: JSON of what the client saw.
"""

import json
import os
import sys

given = json.load(sys.stdin)
os.environ["HF_ENDPOINT"] = given["endpoint"]
os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import huggingface_hub  # noqa: E402
from huggingface_hub import HfApi  # noqa: E402

out = {"version": huggingface_hub.__version__}
api = HfApi(endpoint=given["endpoint"], token=given["token"])
api.create_repo(given["repository"], private=True, exist_ok=True)
out["commits"] = [
    api.upload_folder(repo_id=given["repository"], folder_path=given["folder"], commit_message=f"push {i}").oid
    for i in range(2)
]
json.dump(out, sys.stdout)
