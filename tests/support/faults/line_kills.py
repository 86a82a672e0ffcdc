"""A desk that is killed at the nth line that it runs once it has begun to answer.

The kill is a SIGKILL by the process to itself, just before the line: no handler and no `finally`
runs, as when the kernel ends it. Only lines of `desk/` count, also those of whatever else it does
meanwhile. The last line of its log says where it died.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

VARIABLE = "POSTKAMER_TEST_DIES_AT_LINE"
OWN = str(Path(__file__).parents[3] / "desk") + os.sep
BEGINS, ENDS = "_answer", "_show"
"""Functions with which answering begins and is over: that of the form, and that of the page that
follows."""
LAST_WORDS = "dies at "


def die_at(line: int) -> None:
    """Have this process die at a line of answering."""
    ran, has_begun = 0, False

    def enter(frame: FrameType, _event: str, _argument: Any) -> Any:
        nonlocal has_begun
        code = frame.f_code
        if not code.co_filename.startswith(OWN):
            return None
        if code.co_name == ENDS and has_begun:
            sys.settrace(None)
            return None
        has_begun = has_begun or code.co_name == BEGINS
        return count if has_begun else None

    def count(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal ran
        if event == "line":
            ran += 1
            if ran == line:
                place = f"{frame.f_code.co_filename.removeprefix(OWN)}:{frame.f_lineno}"
                os.write(sys.stderr.fileno(), f"{LAST_WORDS}{place}\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)
        return count

    sys.settrace(enter)
