"""Asks a child process to compile an update for devices that are not here.

In a process of its own, since libtpu wants an environment, nothing else may
load it, and one program's memory goes with its process.
"""

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import IO, Any

from attn_agents.distributed import tied
from attn_agents.sizing import compiled, topologies
from configs import errors, resolution

_ROOT = pathlib.Path(__file__).parents[2]
_CHILD = 'attn_agents.sizing.child'
# What actors' automatic numbers are made for; no update depends on them.
CORES = 64
_ENVIRONMENT = {
  'JAX_PLATFORMS': 'cpu',
  # Or it asks the cloud's metadata server for minutes.
  'TPU_SKIP_MDS_QUERY': '1',
  # Compiling takes no chip from another program.
  'ALLOW_MULTIPLE_LIBTPU_LOAD': '1',
  'TPU_LOG_DIR': 'disabled',
  # What was read from a cache says nothing of its memory.
  'JAX_ENABLE_COMPILATION_CACHE': 'false',
}
_PLACE = 'plan'
_UNITS = {'': 1, 'B': 1, 'K': 2**10, 'M': 2**20, 'G': 2**30, 'T': 2**40}


class FailedError(Exception):
  """The compiler, or its process, failed; the message is one line."""


@dataclasses.dataclass(frozen=True)
class Request:
  """What a child is asked.

  Attributes:
    run: fields of `resolution.Request`.
    devices: over all hosts.
    topology: of libtpu; '' counts without compiling.
    options: of the topology.
  """

  run: Mapping[str, Any]
  devices: int
  topology: str = ''
  options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  def to_json(self) -> str:
    """As the child reads it."""
    return json.dumps(dataclasses.asdict(self))

  @classmethod
  def from_json(cls, text: str) -> 'Request':
    """The reverse of `to_json`."""
    return cls(**json.loads(text))


def request(
  run: resolution.Request, topology: topologies.Topology | None
) -> Request:
  """What to ask for a slice, or for one GPU if there is none."""
  fields = dataclasses.asdict(run)
  if topology is None:
    return Request(fields, 1)
  return Request(fields, topology.devices, topology.name, topology.options())


def require_libtpu() -> pathlib.Path:
  """The library that compiles for TPUs.

  Raises:
    ConfigError: it is not installed.
  """
  place = pathlib.Path(sys.prefix) / _PLACE / 'libtpu' / 'libtpu.so'
  if not place.is_file():
    raise errors.ConfigError(
      'libtpu, which compiles for TPUs, is not installed; `make setup-plan` '
      'installs it (no TPU is needed)'
    )
  return place


def compile_update(asked: Request) -> compiled.Update | compiled.Refused:
  """Lets a child compile, or count.

  Raises:
    ConfigError: libtpu is missing.
    FailedError: the child did not answer, or could not compile it.
  """
  environment = {**os.environ, **_ENVIRONMENT}
  # They are for a backend of this machine.
  environment.pop('XLA_FLAGS', None)
  versions = {}
  if asked.topology:
    library = require_libtpu()
    environment['TPU_LIBRARY_PATH'] = str(library)
    versions['libtpu'] = _version(library)
  environment['PYTHONPATH'] = os.pathsep.join([str(_ROOT), *sys.path])
  answer = _ask(asked, environment)
  if 'failed' in answer:
    raise FailedError(' '.join(answer['failed'].split())[:500])
  if 'refused' in answer:
    used, available = (
      num_bytes(answer['refused'][name]) for name in ('used', 'available')
    )
    return compiled.Refused(used, available)
  update = compiled.from_json(answer['update'])
  return dataclasses.replace(update, versions={**update.versions, **versions})


def _ask(asked: Request, environment: Mapping[str, str]) -> dict[str, Any]:
  receiving, sending = os.pipe()
  with tempfile.TemporaryFile() as log, os.fdopen(receiving) as answers:
    process = subprocess.Popen(
      tied.command(
        [sys.executable, '-m', _CHILD, str(sending), asked.to_json()]
      ),
      env=environment,
      pass_fds=(sending,),
      stdin=subprocess.DEVNULL,
      stdout=log,
      stderr=log,
    )
    os.close(sending)
    try:
      text = answers.read()
    finally:
      process.kill()
      code = process.wait()
    if not text:
      raise FailedError(
        f'the compiler ended without an answer (code {code}): {_last(log)}'
      )
    return json.loads(text)


def _last(log: IO[bytes]) -> str:
  log.seek(0)
  lines = log.read().decode(errors='replace').strip().splitlines()
  return lines[-1][:300] if lines else 'no message'


def _version(library: pathlib.Path) -> str:
  (found,) = library.parents[1].glob('libtpu-*.dist-info')
  return found.name.removeprefix('libtpu-').removesuffix('.dist-info')


def num_bytes(text: str) -> int:
  """Of '19.46G' or '19327352832', as libtpu writes it."""
  found = re.fullmatch(r'([\d.]+)([BKMGT]?)B?', text)
  if not found:
    raise FailedError(f'a size that cannot be read: {text}')
  return round(float(found[1]) * _UNITS[found[2]])
