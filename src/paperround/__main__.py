"""The program's entry point: `paperround` and `python -m paperround`."""

import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command line. Ctrl-C ends it quietly, even during the second in which it is imported.

    SIGTERM and a terminal that is closed do the same, so that whatever was started is stopped in every case.
    """
    for name in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(name) is signal.SIG_DFL:  # `nohup` ignores SIGHUP
            signal.signal(name, _interrupt)
    try:
        from paperround.cli.app import main as run
    except ImportError as error:
        sys.exit(f"paperround: This installation is incomplete ({error}). Install Paperround again.")
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    try:
        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Do what Ctrl-C does, also in a process that ignores Ctrl-C because a script started it with `&`."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    main()
