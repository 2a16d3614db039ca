"""Installed versions against the locks of `requirements/`."""

import importlib.metadata
import pathlib
import re

REQUIREMENTS = pathlib.Path(__file__).parents[2] / 'requirements'
VARIANTS = ('cpu', 'cuda12', 'tpu')
# The package that only this variant installs.
_MARKS = {'jax-cuda12-plugin': 'cuda12', 'libtpu': 'tpu'}
_PIN = re.compile(r'([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)')


def installed_variant() -> str:
  """Returns which of `VARIANTS` this environment was installed as."""
  for package, variant in _MARKS.items():
    if _installed(package):
      return variant
  return 'cpu'


def pins(variant: str) -> dict[str, str]:
  """Reads a lock: package name to version.

  Raises:
    FileNotFoundError: no such lock, e.g. outside of a source checkout.
  """
  text = (REQUIREMENTS / f'{variant}.txt').read_text()
  found = map(_PIN.match, text.splitlines())
  return {pin[1]: pin[2] for pin in found if pin}


def differences(variant: str) -> list[str]:
  """Returns 'name installed (lock: version)' for each deviating package."""
  return [
    f'{name} {_installed(name) or "missing"} (lock: {version})'
    for name, version in pins(variant).items()
    if _installed(name) != version
  ]


def _installed(name: str) -> str:
  try:
    return importlib.metadata.version(name)
  except importlib.metadata.PackageNotFoundError:
    return ''
