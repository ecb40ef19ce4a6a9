"""The command line: the commands of ``tellmark.commands`` in one group, their errors turned into exit codes.

Exit codes: 0 done, 1 done and the answer is no, 2 usage, 3 input unreadable or unusable, 4 internal; 128 and a signal's
number where one ended it.
"""

from __future__ import annotations

import errno
import signal
import sys
import traceback
from types import FrameType
from typing import NoReturn

import click

from tellmark import __version__, threads
from tellmark.commands import audit, clips, dataset, learning, render, report, tools
from tellmark.console import plain
from tellmark.errors import TellmarkError

_COMMANDS = (
    render.render, clips.mark, clips.verify, clips.serve, clips.keys,
    dataset.dataset, learning.track, learning.train, learning.evaluate, learning.detect, audit.audit, report.report,
    tools.demo, tools.bench, tools.doctor,
)  # fmt: skip


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def cli() -> None:
    """Labelled synthetic talking faces, provenance for any video, and a detector that measures the gap."""


for _command in _COMMANDS:
    cli.add_command(_command)


_ENDS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has no hang-up
_VERBOSE = {"-v", "--verbose"}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG}


class _Told(SystemExit):
    """A signal asked to end; temporary files are removed on the way out, as after Ctrl-C."""


def main() -> None:
    """Entry point."""
    threads.default_to_one()
    if not _VERBOSE & set(sys.argv):
        sys.unraisablehook = lambda _: None  # what half-made objects meet while an error takes them down
    for number in _ENDS:
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup has it ignored
            signal.signal(number, _end)
    sys.exit(run(sys.argv[1:]))


def _end(number: int, _: FrameType | None) -> NoReturn:
    raise _Told(128 + number)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; every error becomes one sentence on stderr."""
    try:
        code = cli.main(arguments, prog_name="tellmark", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except _Told as told:
        click.echo("stopped", err=True)
        return int(told.code or 0)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except TellmarkError as error:
        click.echo(f"error: {plain(str(error))}", err=True)
        return error.exit_code
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            what = f" ({plain(str(error.filename))})" if error.filename else ""
            click.echo(f"error: the disk is full{what}; free some space, or write elsewhere", err=True)
            return 4
        if isinstance(error, OSError) and error.errno in _DENIED:
            what = f"{plain(str(error.filename))}: " if error.filename else ""
            click.echo(f"error: {what}{error.strerror}; give another place, or mend its permissions", err=True)
            return 2
        if _VERBOSE & set(arguments):
            traceback.print_exc()
        click.echo(f"internal error: {type(error).__name__}: {error} (run again with -v and report it)", err=True)
        return 4
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
