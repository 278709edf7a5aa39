"""Options from a TOML file: ``--config FILE``. What stands on the command line wins."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cyclopts import Token
from cyclopts.config import Dict

from ..errors import ConfigError
from .literals import as_text

__all__ = ["config_file"]


def config_file(path: Path, commands: Iterable[str]) -> Callable[..., None]:
    """A source of options for cyclopts.

    The file holds options by name (``epochs = 100``), with ``_`` or ``-`` between words; those of one command
    may stand in a table of its name (``[train]``).

    Raises
    ------
    ConfigError
        If there is no such file, it is not TOML, or it holds an option that the command has not.
    """
    content = _read(path)
    tables = {key: content.pop(key) for key in tuple(content) if key in set(commands)}

    def apply(app: Any, command: tuple[str, ...], arguments: Any) -> None:
        if not command or len(arguments) == 0:
            return
        values = {**content, **tables.get(command[0], {})}
        options = {a.name.removeprefix("--"): a for a in arguments if a.name.startswith("--")}
        _refuse_unknown(path, values, set(options), command)
        for name in [n for n, value in values.items() if isinstance(value, dict)]:
            _fill_table(path, options[name.replace("_", "-")], values.pop(name))
        Dict(values, source=str(path), use_commands_as_keys=False)(app, command, arguments)

    return apply


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); give the path of a TOML file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from error


def _refuse_unknown(path: Path, values: dict[str, Any], known: set[str], command: tuple[str, ...]) -> None:
    for key in values:
        name = key.replace("_", "-")
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0].replace('-', '_')!r}?" if near else "see --help"
            raise ConfigError(f"{path}: {' '.join(command)} has no option {key!r}; {hint}")


def _fill_table(path: Path, option: Any, settings: dict[str, Any]) -> None:
    """Settings by name (``[network]``); those that the command line gives are left as they are."""
    given = {key.replace("-", "_") for token in option.tokens for key in token.keys}
    for key, value in settings.items():
        if key.replace("-", "_") not in given:
            keyword = f"{option.name}.{key}"
            option.append(Token(keyword=keyword, value=as_text(value), source=str(path), keys=(key,)))
