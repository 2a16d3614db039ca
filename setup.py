"""Packaging; `make setup` is the way to a working environment."""

import pathlib

import setuptools

_REQUIREMENTS = pathlib.Path(__file__).parent / 'requirements'


def _read(name: str) -> list[str]:
  lines = (_REQUIREMENTS / f'{name}.in').read_text().splitlines()
  return [
    line for line in lines if line.strip() and not line.startswith(('#', '-'))
  ]


# What everything imports, free of the bounds that only Launchpad's TensorFlow
# sets. Its extra adds those to the distributed runtime, whose wheels exist for
# Linux on x86-64 and Python 3.10 only.
_CORE = _read('core')
_LAUNCHPAD = [line for line in _read('base') if line not in _CORE]

setuptools.setup(
  name='attn_agents',
  version='0.1.0',
  description='Attention agents for Atari: S3TA, DRARL and DARQN in JAX',
  license='Apache-2.0',
  python_requires='>=3.10',
  packages=setuptools.find_packages(
    include=['attn_agents*', 'configs*', 'launch*']
  ),
  package_data={
    'attn_agents.interpretability.injection': ['data/*'],
    'attn_agents.interpretability.report': ['templates/*'],
    'attn_agents.environments': ['data/*.csv'],
    'attn_agents.evaluation': ['data/*.csv'],
    'attn_agents.watching': ['page/*'],
    'attn_agents.zoo': ['*/*', '*/evaluation/*/*'],
  },
  install_requires=_CORE,
  extras_require={
    'launchpad': _LAUNCHPAD,
    'cuda': _read('core-cuda'),
    'cuda12': _read('cuda12'),
    'tpu': _read('tpu'),
    'gcs': _read('gcs'),
    's3': _read('s3'),
    'hub': _read('hub'),
    'dev': _read('dev'),
  },
)
