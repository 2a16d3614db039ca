"""Installed versions against the locks of `requirements/`."""

import importlib.metadata
import pathlib

from packaging import requirements

REQUIREMENTS = pathlib.Path(__file__).parents[2] / 'requirements'
VARIANTS = ('cpu', 'cuda12', 'tpu', 'core', 'core-cuda')
# Packages that only one of the variants with Launchpad installs.
_MARKS = {'jax-cuda12-plugin': 'cuda12', 'libtpu': 'tpu'}
# Packages of `core-cuda`: on Python 3.11 and newer, and on 3.10.
_CORE_MARKS = ('jax-cuda13-plugin', 'jax-cuda12-plugin')


def has_launchpad() -> bool:
  """Whether this environment can run several processes."""
  return bool(_installed('dm-launchpad'))


def installed_variant() -> str:
  """The one of `VARIANTS` that this environment was installed as."""
  if not has_launchpad():
    return 'core-cuda' if any(map(_installed, _CORE_MARKS)) else 'core'
  for package, variant in _MARKS.items():
    if _installed(package):
      return variant
  return 'cpu'


def pins(variant: str) -> dict[str, str]:
  """Reads a lock: package name to version, of those meant for this Python.

  Raises:
    FileNotFoundError: no such lock, e.g. outside of a source checkout.
  """
  text = (REQUIREMENTS / f'{variant}.txt').read_text()
  found = {}
  for line in text.splitlines():
    if not line or line.startswith(('#', ' ')):
      continue
    pin = requirements.Requirement(line.removesuffix('\\'))
    if pin.marker is None or pin.marker.evaluate():
      found[pin.name] = str(pin.specifier).removeprefix('==')
  return found


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
