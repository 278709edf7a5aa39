"""The command line: every command parses its arguments, calls `stellate.api` and shows what came of it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from ..errors import StellateError
from .config_file import config_file
from .console import show_warnings, tolerant_streams, warn
from .convert import convert
from .data import data
from .demo import demo
from .describe import info, models
from .evaluate import evaluate
from .predict import predict
from .train import train

__all__ = ["app", "main"]

DONE, PARTLY, WRONG_INPUT, FAULT, INTERRUPTED = 0, 1, 2, 3, 130


def _version() -> str:
    from importlib.metadata import version

    return version("stellate")


def _flag(field: str) -> str:
    """Name of the flag of a field; ``from`` is a word of Python's, so the field cannot be called so."""
    return {"from_model": "from"}.get(field, field.replace("_", "-"))


app = App(
    name="stellate",
    help="Find, outline and measure cells in images.",
    version=_version,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
    default_parameter=Parameter(negative_iterable=(), negative_none=(), name_transform=_flag),
)
# in the order of work, not of the alphabet
_COMMANDS: tuple[Callable[..., int], ...] = (demo, predict, train, evaluate, info, models, convert)
# how many numbers --patch takes depends on the data
_OPTIONS = {train: Parameter(consume_multiple=True)}
for _place, _command in enumerate(_COMMANDS):
    app.command(_command, sort_key=_place, default_parameter=_OPTIONS.get(_command))
app.command(data)
app.meta.suppress_keyboard_interrupt = False


@app.meta.default
def _with_global_options(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    config: Annotated[Path | None, Parameter(help="TOML file with options of the command.")] = None,
    debug: Annotated[bool, Parameter(help="Show the whole traceback of an error.", negative=())] = False,
) -> Any:
    app.config = () if config is None else (config_file(config, app.resolved_commands()),)
    return app(tokens, exit_on_error=False, print_error=False)


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments
        What follows ``stellate`` on the command line; that of this process if None.

    Returns
    -------
    int
        0 if all was done, 1 if some of it failed, 2 for wrong input or options, 3 for a fault of the program,
        130 if it was interrupted.
    """
    tolerant_streams()
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    # what went wrong is said below, or with the outcome of a file; log records would say it twice, and those of
    # tifffile about a damaged file in terms of its format
    for name in ("stellate", "tifffile"):
        logging.getLogger(name).setLevel(logging.DEBUG if debug else logging.CRITICAL)
    try:
        with show_warnings():
            status = app.meta(arguments, exit_on_error=False, print_error=False)
    except KeyboardInterrupt:
        warn(
            "stopped; what was finished is kept, and the same command goes on from there (train: with --resume)"
        )
        return INTERRUPTED
    except BrokenPipeError:
        # the reader of a pipe (head) has gone; standard output must not be flushed into it at exit
        sys.stdout = None  # type: ignore[assignment]
        return DONE
    except (StellateError, CycloptsError, OSError) as error:
        if debug:
            raise
        warn(f"error: {_message(error)}")
        return WRONG_INPUT
    except Exception as error:
        if debug:
            raise
        warn(f"internal error: {type(error).__name__}: {error}")
        warn("this is a fault of stellate; please report it with the output of the same command with --debug")
        return FAULT
    return status if isinstance(status, int) else DONE


def _message(error: Exception) -> str:
    """The text of an error in one piece; those of cyclopts come with blank lines."""
    return "\n".join(line for line in str(error).splitlines() if line.strip()) or type(error).__name__
