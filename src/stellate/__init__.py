"""Find, outline and measure cells in images.

The names below are imported when they are first used, so that ``import stellate`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "ConfigError": "errors",
    "DataError": "errors",
    "Image": "axes",
    "InputError": "errors",
    "Instances": "results",
    "ModelFileError": "errors",
    "PredictOptions": "prediction.options",
    "Predictor": "prediction.predictor",
    "StellateError": "errors",
    "TrainSettings": "training.settings",
    "check": "api",
    "convert": "api",
    "convert_data": "api",
    "evaluate": "api",
    "info": "api",
    "load": "api",
    "predict": "api",
    "read": "api",
    "sample": "data.sample",
    "show": "api",
    "train": "api",
}

__all__ = ["__version__", "list_models", *_HOMES]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("stellate")
    elif name == "list_models":
        # `stellate.models` is the package of networks
        value = import_module(".api", __name__).models
    elif name in _HOMES:
        value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
