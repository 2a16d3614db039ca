"""Packaging; `make setup` is the way to a working environment."""

import pathlib
import re

import setuptools

_REQUIREMENTS = pathlib.Path(__file__).parent / 'requirements'
# Of requirements/base.in, what only runs with several processes need; their
# wheels exist for Linux on x86-64 and Python 3.10 only.
_DISTRIBUTED = (
  'dm-launchpad',
  'dm-reverb',
  'protobuf',
  'tensorboard',
  'tensorflow-cpu',
)


def _read(name: str) -> list[str]:
  lines = (_REQUIREMENTS / f'{name}.in').read_text().splitlines()
  return [
    line for line in lines if line.strip() and not line.startswith(('#', '-'))
  ]


_BASE = _read('base')
_LAUNCHPAD = [
  line for line in _BASE if re.split('[=<>]', line)[0] in _DISTRIBUTED
]

setuptools.setup(
  name='attn_agents',
  version='0.1.0',
  description='Attention agents for Atari: S3TA, DRARL and DARQN in JAX',
  license='Apache-2.0',
  python_requires='>=3.10',
  packages=setuptools.find_packages(
    include=['attn_agents*', 'configs*', 'launch*']
  ),
  install_requires=[line for line in _BASE if line not in _LAUNCHPAD],
  extras_require={
    'launchpad': _LAUNCHPAD,
    'cuda12': _read('cuda12'),
    'tpu': _read('tpu'),
    'dev': _read('dev'),
  },
)
