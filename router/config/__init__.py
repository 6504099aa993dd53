"""Configuration: a YAML file and the environment become typed settings, or a list of everything wrong."""

from router.config.load import ConfigError, check_exposure, is_loopback, is_name, load, parse, schema
from router.config.settings import Settings
from router.config.source import Fault

__all__ = [
    "ConfigError",
    "Fault",
    "Settings",
    "check_exposure",
    "is_loopback",
    "is_name",
    "load",
    "parse",
    "schema",
]
