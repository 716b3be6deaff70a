"""Calls one web address and ends: python -m qqqbot.notifications.ping_child SECONDS.

stdin:  {"url": "...", "timeout": 10}
stdout: {"problem": null}, or what went wrong in words that hold nothing of the address
"""

import sys
from typing import Any

from qqqbot.runtime.child_process import answer


def call(job: dict[str, Any]) -> dict[str, Any]:
    import requests

    try:
        # Its body is not read: an endless one would be.
        with requests.get(job["url"], timeout=job["timeout"], stream=True) as found:
            status = found.status_code
    except requests.Timeout:
        return {"problem": "no answer in time"}
    except requests.exceptions.SSLError:
        return {"problem": "its certificate is not valid"}
    except requests.ConnectionError:
        return {"problem": "cannot be reached"}
    except (requests.RequestException, ValueError):
        return {"problem": "is not an address that can be called"}
    return {"problem": None if 200 <= status < 300 else f"answered with HTTP status {status}"}


if __name__ == "__main__":
    sys.exit(answer(call))
