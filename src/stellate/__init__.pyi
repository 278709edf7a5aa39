from .api import check as check
from .api import convert as convert
from .api import convert_data as convert_data
from .api import evaluate as evaluate
from .api import info as info
from .api import load as load
from .api import models as list_models
from .api import predict as predict
from .api import read as read
from .api import show as show
from .api import train as train
from .axes import Image as Image
from .data.sample import sample as sample
from .errors import ConfigError as ConfigError
from .errors import DataError as DataError
from .errors import InputError as InputError
from .errors import ModelFileError as ModelFileError
from .errors import StellateError as StellateError
from .prediction.options import PredictOptions as PredictOptions
from .prediction.predictor import Predictor as Predictor
from .results import Instances as Instances
from .training.settings import TrainSettings as TrainSettings

__all__ = [
    "ConfigError",
    "DataError",
    "Image",
    "InputError",
    "Instances",
    "ModelFileError",
    "PredictOptions",
    "Predictor",
    "StellateError",
    "TrainSettings",
    "__version__",
    "check",
    "convert",
    "convert_data",
    "evaluate",
    "info",
    "list_models",
    "load",
    "predict",
    "read",
    "sample",
    "show",
    "train",
]

__version__: str
