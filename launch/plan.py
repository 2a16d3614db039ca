#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
r"""Says what a run would take on accelerators that are not here.

    launch/plan.py --agent=s3ta --preset=paper --topology=v5e:4x4

compiles the run's own update for a slice of TPUs (`make setup-plan`; no TPU, no
network) and prints its memory, its work, the time that it takes at least, and
the actors and the bandwidth that would keep it busy. --gpu=h100, or
--gpu=name:memory:peak:bandwidth in GB, TFLOP/s and GB/s, estimates the same for
one GPU without compiling. Exit codes: 0 it fits; 1 the compiler failed; 2 bad
input, or it does not fit.
"""

import dataclasses
import json
import pathlib
import sys

from absl import flags

from attn_agents.algorithms import base, registry
from attn_agents.sizing import (
  chips,
  compiled,
  compiler,
  largest,
  needs,
  report,
  topologies,
)
from attn_agents.utils import disk, output, whole_files
from configs import errors, resolution, schema
from launch import command_line, paths

_RESULTS = pathlib.Path(__file__).resolve().parents[1] / 'results' / 'speed'

_AGENT = flags.DEFINE_string('agent', 's3ta', 'Agent to train.')
_GAME = flags.DEFINE_string('game', 'ms_pacman', 'Game to play.')
_PRESET = flags.DEFINE_string('preset', 'paper', 'Sizes: paper or small.')
_ALGORITHM = flags.DEFINE_string(
  'algorithm', 'auto', "How the agent learns, or auto: the preset's own."
)
_SET = flags.DEFINE_multi_string(
  'set', [], 'A field of the config, as section.field=value'
)
_TOPOLOGY = flags.DEFINE_string(
  'topology', None, 'Slice of TPUs, e.g. v5e:4x4 or v4:2x2x4.'
)
_NUM_SLICES = flags.DEFINE_integer('num_slices', 1, 'Number of such slices.')
_GPU = flags.DEFINE_string(
  'gpu',
  None,
  'One GPU in place of a slice: '
  + ', '.join(chips.GPUS)
  + ', or name:memory:peak:bandwidth in GB, TFLOP/s and GB/s.',
)
_RATE = flags.DEFINE_float(
  'actor_steps_per_core',
  None,
  'Agent steps/s of a core that acts. If unset: what was measured here '
  '(results/speed).',
)
_LARGEST = flags.DEFINE_bool(
  'largest',
  True,
  'Look for the largest batch that fits, by two to five more compilations.',
)
_JSON = paths.define('json', None, 'File for the same as numbers.')


def main() -> int:
  """Checks everything, then compiles; returns the exit code."""
  topology, chip = _device()
  if _RATE.value is not None:
    errors.require(
      0 < _RATE.value < 1e9, '--actor_steps_per_core', _RATE.value,
      'a number above 0',
    )  # fmt: skip
  num_devices = topology.devices if topology else 1
  run, config = _resolve(_SET.value, num_devices)
  if topology is not None:
    compiler.require_libtpu()
  if _JSON.value:
    disk.require_writable(
      '--json', _JSON.value, pathlib.Path(_JSON.value).parent
    )
  try:
    found = _plan(run, config, topology, chip)
  except compiler.FailedError as error:
    output.say(f'failed: {error}')
    return command_line.FAILED
  for name, text in report.lines(found).items():
    output.say(f'{name:<12}{text}')
  if _JSON.value:
    _write(pathlib.Path(_JSON.value), found)
  return 0


def _write(path: pathlib.Path, plan: report.Plan) -> None:
  content = report.as_json(plan) | {'command': ' '.join(sys.argv)}
  with disk.explaining(path.parent):
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_files.replacing(path) as partial:
      partial.write_text(json.dumps(content, indent=1) + '\n')


def _device() -> tuple[topologies.Topology | None, chips.Chip]:
  if (_TOPOLOGY.value is None) == (_GPU.value is None):
    raise errors.ConfigError(
      'expected either --topology, for example --topology=v5e:4x4, or --gpu, '
      'for example --gpu=h100'
    )
  if _GPU.value is not None:
    errors.require(
      _NUM_SLICES.value == 1, '--num_slices', _NUM_SLICES.value, '1 with --gpu'
    )
    return None, chips.gpu('--gpu', _GPU.value)
  found = topologies.parse(
    '--topology', _TOPOLOGY.value or '', _NUM_SLICES.value
  )
  return found, found.chip


def _resolve(
  settings: list[str], num_devices: int
) -> tuple[resolution.Request, schema.Config]:
  """The run as it would be on those devices.

  Raises:
    ConfigError: a value is wrong, or does not fit the devices.
  """
  # Tracing sees this machine's CPU, for which 'auto' is another form.
  run = resolution.Request(
    agent=_AGENT.value,
    game=_GAME.value,
    preset=_PRESET.value,
    algorithm=_ALGORITHM.value,
    runtime='threads',
    settings=['network.convolution=lax', *settings],
  )
  resolution.check_names(run)
  config = resolution.resolve(
    run, 'tpu' if _TOPOLOGY.value else 'gpu', num_devices, compiler.CORES
  )
  return run, config


def _plan(
  run: resolution.Request,
  config: schema.Config,
  topology: topologies.Topology | None,
  chip: chips.Chip,
) -> report.Plan:
  num_devices = topology.devices if topology else 1
  if topology is not None:
    output.say(f'compiling for {report.devices(topology, chip)}')
  update = compiler.compile_update(compiler.request(run, topology))
  if isinstance(update, compiled.Refused):
    raise errors.ConfigError(
      _does_not_fit(config, num_devices, chip)
      + f'temporaries alone take {report.size(update.num_bytes)}, and the '
      f'compiler has {report.size(update.available)} for them'
    )
  if update.num_bytes > chip.memory_bytes:
    raise errors.ConfigError(
      _does_not_fit(config, num_devices, chip)
      + report.memory(update.largest, chip)
    )
  learning = config.learning
  replay = registry.get(config.algorithm).replay(config)
  batch = replay.batch_size if replay else learning.batch_size
  length = replay.sequence_length if replay else learning.unroll_length
  steps = (
    batch * length / replay.samples_per_insert if replay else batch * length
  )
  rate = (
    needs.Rate(_RATE.value, '--actor_steps_per_core')
    if _RATE.value
    else needs.measured_rate(_RESULTS, config.agent, config.preset)
  )
  plan = report.Plan(
    run=f'{config.agent} on {config.environment.game}, {config.algorithm}, '
    f'preset {config.preset}',
    dtype=config.network.dtype,
    batch=batch,
    length=length,
    chip=chip,
    topology=topology,
    update=update,
    needs=needs.at_most(update, chip, config.network.dtype, steps, rate),
    rate=rate,
    largest=None,
  )
  return _with_largest(plan) if _LARGEST.value else plan


def _with_largest(plan: report.Plan) -> report.Plan:
  def measure(per_device: int) -> compiled.Update | compiled.Refused:
    batch = per_device * plan.devices
    output.say(f'looking for the largest batch: {batch} unrolls')
    run, _ = _resolve(
      [*_SET.value, f'learning.batch_size={batch}'], plan.devices
    )
    return compiler.compile_update(compiler.request(run, plan.topology))

  found = largest.find(
    plan.batch // plan.devices,
    plan.update.num_bytes,
    plan.chip.memory_bytes,
    measure,
    lambda share: _nearest(share, plan.devices),
  )
  return dataclasses.replace(plan, largest=found)


def _nearest(share: int, num_devices: int) -> int:
  """The largest share of a device up to this one that a run may have."""
  most = int(base.LearningConfig.RANGES['batch_size'].high)
  share = min(share, most // num_devices)
  while share > 1:
    try:
      _resolve(
        [*_SET.value, f'learning.batch_size={share * num_devices}'], num_devices
      )
    except errors.ConfigError:
      share -= 1
    else:
      break
  return share


def _does_not_fit(
  config: schema.Config, num_devices: int, chip: chips.Chip
) -> str:
  share = config.learning.batch_size // num_devices
  return (
    f'{share} unrolls a device (learning.batch_size='
    f'{config.learning.batch_size} over {num_devices}) do not fit into '
    f'{chip.name}, which has {report.size(chip.memory_bytes)}: '
  )


if __name__ == '__main__':
  sys.exit(command_line.run(main))
