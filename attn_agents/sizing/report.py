"""A plan in words, and as JSON."""

import dataclasses
from typing import Any

from attn_agents.sizing import chips, compiled, topologies
from attn_agents.sizing import largest as largest_lib
from attn_agents.sizing import needs as needs_lib


@dataclasses.dataclass(frozen=True)
class Plan:
  """All that was found.

  Attributes:
    run: the run in words.
    dtype: `network.dtype`.
    batch: unrolls, or sequences, of an update of all devices.
    length: steps of each.
    chip: the device.
    topology: of the devices; None for one described GPU.
    update: of one device.
    needs: at the chip's published numbers.
    rate: of actors; None if none is known.
    largest: batch that fits; None if it was not looked for.
  """

  run: str
  dtype: str
  batch: int
  length: int
  chip: chips.Chip
  topology: topologies.Topology | None
  update: compiled.Update
  needs: needs_lib.Needs
  rate: needs_lib.Rate | None
  largest: largest_lib.Largest | None

  @property
  def devices(self) -> int:
    """That share a batch."""
    return self.topology.devices if self.topology else 1

  @property
  def hosts(self) -> int:
    """That share a batch."""
    return self.topology.hosts if self.topology else 1


def lines(plan: Plan) -> dict[str, str]:
  """What is printed, by the word before it."""
  update, chip = plan.update, plan.chip
  counted = '' if plan.topology else ' (arithmetic, nothing was compiled)'
  found = {
    'run': f'{plan.run}, {plan.dtype}, network.convolution=lax',
    'devices': devices(plan.topology, chip) + counted,
    'batch': f'{plan.batch} unrolls x {plan.length} steps: '
    f'{plan.batch // plan.hosts} a host, {plan.batch // plan.devices} a device',
    'memory': memory(update.largest, chip),
    'work': f'{size(update.flops, "FLOP")} and {size(update.moved_bytes)} to '
    'and from memory, of each device in an update',
    'collectives': _collectives(update),
    'time': _time(plan),
    'steps': f'{plan.needs.steps_per_second:,.0f} agent steps/s would keep it '
    'so busy',
    'actors': _actors(plan),
    'arriving': f'{plan.needs.arriving / 1e6:,.0f} MB/s over all hosts, '
    f'{plan.needs.arriving / 1e6 / plan.hosts:,.0f} a host, before any packing '
    f'({update.step_bytes:,.0f} bytes an agent step)',
  }
  if plan.largest is not None:
    found['largest'] = _largest(plan, plan.largest)
  if update.unknown_loops:
    found['not known'] = (
      f'how often {update.unknown_loops} loops run; they count once'
    )
  return found


def devices(topology: topologies.Topology | None, chip: chips.Chip) -> str:
  """What they are, and where."""
  if topology is None:
    return f'1 x {chip.name} on 1 host'
  several = f'{topology.num_slices} x ' if topology.num_slices > 1 else ''
  return (
    f'{several}{topology.name}: {topology.devices} devices on '
    f'{topology.hosts} hosts, {topology.devices_per_host} each'
  )


def memory(program: compiled.Program, chip: chips.Chip) -> str:
  """Its sizes against the chip's memory."""
  share = program.num_bytes / chip.memory_bytes
  verdict = 'fits' if program.num_bytes <= chip.memory_bytes else 'does not fit'
  return (
    f'{size(program.argument_bytes)} arguments, '
    f'{size(program.temporary_bytes)} temporaries, '
    f'{size(program.output_bytes)} outputs, {size(program.code_bytes)} code, '
    f'{size(program.beside_bytes)} batches that wait; together '
    f'{size(program.num_bytes)} of {size(chip.memory_bytes)} '
    f'({share:.1%}): {verdict}'
  )


def as_json(plan: Plan) -> dict[str, Any]:
  """The same as numbers."""
  found = dataclasses.asdict(plan)
  found['update'] |= {
    'num_bytes': plan.update.num_bytes,
    'flops': plan.update.flops,
    'moved_bytes': plan.update.moved_bytes,
  }
  found['needs']['seconds'] = plan.needs.seconds
  return found | {'devices': plan.devices, 'hosts': plan.hosts}


def size(number: float, unit: str = 'B') -> str:
  """With three digits: '376 MB'."""
  prefixes = ['', 'k', 'M', 'G', 'T']
  while number >= 999.5 and len(prefixes) > 1:
    number /= 1000
    prefixes.pop(0)
  prefix = prefixes[0]
  return f'{number:.3g} {prefix}{unit}'


def _collectives(update: compiled.Update) -> str:
  return (
    '; '.join(
      f'{each.count} {each.kind} of {size(each.num_bytes)}'
      + (f' over {each.devices} devices' if each.devices else '')
      for each in update.collectives
    )
    or 'none'
  )


def _time(plan: Plan) -> str:
  found = plan.needs
  end = 'A bound: a real update takes longer'
  if plan.topology is None:
    end = 'The first is a bound, the second an estimate'
  return (
    f'at least {_ms(found.seconds)} an update: {_ms(found.compute_seconds)} at '
    f'the published peak, {_ms(found.memory_seconds)} at the bandwidth of its '
    f'memory. {end}'
  )


def _actors(plan: Plan) -> str:
  if plan.rate is None or plan.needs.cores is None:
    return (
      'not known: no rate was measured for this agent and preset; '
      '--actor_steps_per_core gives one'
    )
  return (
    f'{plan.needs.cores:,.0f} cores at {plan.rate.steps_per_core:,.0f} agent '
    f'steps/s each ({plan.rate.source})'
  )


def _largest(plan: Plan, found: largest_lib.Largest) -> str:
  done, how = 'compiled', 'more compilations'
  if plan.topology is None:
    done, how = 'counted', 'more counts'
  beyond = f'; {found.refused} a device do not fit' if found.refused else ''
  return (
    f'batch of {found.per_device * plan.devices} unrolls, {found.per_device} a '
    f'device, {done}: {size(found.num_bytes)}{beyond} ({found.tries} {how}, '
    'along a straight line)'
  )


def _ms(seconds: float) -> str:
  return f'{1000 * seconds:.3g} ms'
