"""Compiles one update; `compiler` starts it, since it wants an environment.

`python -m attn_agents.sizing.child FD REQUEST` writes one JSON object to the
file descriptor FD: an update as `compiled.from_json` reads it, or 'refused' or
'failed' with the reason. Stdout and stderr are left to the libraries.
"""

import dataclasses
import importlib.metadata
import json
import os
import re
import sys
import time
from typing import Any

from attn_agents.sizing import compiled, compiler, hlo, work
from configs import resolution, schema

# libtpu says so of a program that is too large for its chip, and of one array.
_TOO_LARGE = (
  re.compile(r'Used (\S+) of (\S+) hbm'),
  re.compile(r'size=(\d+)\) would exceed memory \(size=(\d+)\)'),
)


def main(argv: list[str]) -> None:
  """Answers `argv` = [FD, REQUEST]."""
  request = compiler.Request.from_json(argv[1])
  with os.fdopen(int(argv[0]), 'w') as answers:
    try:
      answer = _answer(request)
    except Exception as error:
      answer = {'failed': f'{type(error).__name__}: {error}'}
    json.dump(answer, answers)
    answers.flush()
    # Native destructors may abort on the way out.
    os._exit(0)


def _answer(request: compiler.Request) -> dict[str, Any]:
  config = resolution.resolve(
    resolution.Request(**dict(request.run)),
    'tpu' if request.topology else 'gpu',
    request.devices,
    compiler.CORES,
  )
  if request.topology:
    return _compiled(config, request)
  return _counted(config)


def _compiled(
  config: schema.Config, request: compiler.Request
) -> dict[str, Any]:
  import jax
  from jax.experimental import topologies

  from attn_agents.sizing import lowering

  options = dict(request.options)
  options['chips_per_host_bounds'] = tuple(options['chips_per_host_bounds'])
  slices = topologies.get_topology_desc(
    platform='tpu', topology_name=request.topology, **options
  )
  traced = lowering.trace(config, list(slices.devices))
  beside = traced.waiting_bytes
  start = time.monotonic()
  programs = []
  for stage in traced.stages:
    try:
      done = stage.lowered.compile()
    except jax.errors.JaxRuntimeError as error:
      sizes_of = too_large(str(error))
      if sizes_of is None:
        raise
      return {'refused': sizes_of}
    sizes, text = done.memory_analysis(), done.as_text()
    if sizes is None or text is None:
      raise RuntimeError('the compiler does not tell sizes')
    programs.append(
      compiled.Program(
        name=stage.name,
        times=stage.times,
        argument_bytes=sizes.argument_size_in_bytes,
        temporary_bytes=sizes.temp_size_in_bytes,
        output_bytes=sizes.output_size_in_bytes - sizes.alias_size_in_bytes,
        code_bytes=sizes.generated_code_size_in_bytes,
        beside_bytes=beside + stage.keeps_batch * traced.batch_bytes,
        work=work.measure(hlo.parse(text)),
      )
    )
  return _as_json(programs, traced.step_bytes, time.monotonic() - start)


def too_large(message: str) -> dict[str, str] | None:
  """The sizes in a refusal of libtpu; None if it is none."""
  for pattern in _TOO_LARGE:
    found = pattern.search(message)
    if found:
      return {'used': found[1], 'available': found[2]}
  return None


def _counted(config: schema.Config) -> dict[str, Any]:
  """The same of one device, without a compiler for it."""
  import jax

  from attn_agents.sizing import lowering

  start = time.monotonic()
  traced = lowering.trace(config, jax.devices('cpu')[:1])
  residuals = lowering.residual_bytes(config)
  beside = traced.waiting_bytes
  programs = []
  for stage in traced.stages:
    args = sum(
      int(leaf.size) * leaf.dtype.itemsize
      for leaf in jax.tree.leaves(stage.lowered.in_avals)
    )
    text = stage.lowered.as_text('hlo')
    counted = work.measure(hlo.parse(text))
    # Nothing is fused yet, so that what it moves says nothing. It reads its
    # arguments, writes what it keeps, and reads that again.
    kept = round(residuals * stage.differentiated)
    moved = float(args + 2 * kept)
    programs.append(
      compiled.Program(
        name=stage.name,
        times=stage.times,
        argument_bytes=args,
        temporary_bytes=kept,
        output_bytes=0,
        code_bytes=0,
        beside_bytes=beside + stage.keeps_batch * traced.batch_bytes,
        work=dataclasses.replace(counted, moved_bytes=moved, collectives=()),
      )
    )
  return _as_json(programs, traced.step_bytes, time.monotonic() - start)


def _as_json(
  programs: list[compiled.Program], step_bytes: float, seconds: float
) -> dict[str, Any]:
  versions = {
    name: importlib.metadata.version(name) for name in ('jax', 'jaxlib')
  }
  update = compiled.Update(tuple(programs), step_bytes, versions, seconds)
  return {'update': dataclasses.asdict(update)}


if __name__ == '__main__':
  main(sys.argv[1:])
