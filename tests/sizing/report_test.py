"""A plan in words and as JSON: every figure where it belongs."""

import dataclasses
import json

import pytest

from attn_agents.sizing import (
  chips,
  compiled,
  largest,
  needs,
  report,
  topologies,
  work,
)

_CHIP = chips.Chip('x1', 10**9, {'float32': 1e12}, 1e9)
_GROUP = work.Collective('all-reduce', 4096, 8, 2)
_ALONE = work.Collective('send', 8, 0, 1)


def _program(name, times, sizes, counted):
  return compiled.Program(name, times, *sizes, counted)


def _update(unknown_loops=0):
  """Of two programs: one runs once, the other, which is larger, three times."""
  first = work.Work(1e9, 2e6, (_ALONE,), unknown_loops)
  second = work.Work(3e9, 4e6, (_GROUP,), 2 * unknown_loops)
  return compiled.Update(
    (
      _program('prepare', 1, (10**6, 0, 0, 0, 0), first),
      _program(
        'step', 3, (10**8, 2 * 10**7, 3 * 10**6, 4 * 10**5, 5 * 10**4), second
      ),
    ),
    step_bytes=1500.0,
    versions={'jax': '1'},
    seconds=2.0,
  )


def _plan(**changes):
  fields = {
    'run': 's3ta on pong',
    'dtype': 'float32',
    'batch': 64,
    'length': 20,
    'chip': _CHIP,
    'topology': dataclasses.replace(
      topologies.parse('--topology', 'v5e:4x4', 2), chip=_CHIP
    ),
    'update': _update(),
    'needs': needs.Needs(0.01, 0.014, 91_428.6, 137_142_857.0, 45.7),
    'rate': needs.Rate(2000.4, 'a file'),
    'largest': largest.Largest(5, 7 * 10**8, 6, 3),
  }
  return report.Plan(**{**fields, **changes})


def test_what_is_said_of_several_slices():
  assert report.lines(_plan()) == {
    'run': 's3ta on pong, float32, network.convolution=lax',
    'devices': '2 x v5e:4x4: 32 devices on 8 hosts, 4 each',
    'batch': '64 unrolls x 20 steps: 8 a host, 2 a device',
    'memory': '100 MB arguments, 20 MB temporaries, 3 MB outputs, 400 kB code, '
    '50 kB batches that wait; together 123 MB of 1 GB (12.3%): fits',
    'work': '10 GFLOP and 14 MB to and from memory, of each device in an '
    'update',
    'collectives': '1 send of 8 B; 6 all-reduce of 4.1 kB over 8 devices',
    'time': 'at least 14 ms an update: 10 ms at the published peak, 14 ms at '
    'the bandwidth of its memory. A bound: a real update takes longer',
    'steps': '91,429 agent steps/s would keep it so busy',
    'actors': '46 cores at 2,000 agent steps/s each (a file)',
    'arriving': '137 MB/s over all hosts, 17 a host, before any packing (1,500 '
    'bytes an agent step)',
    'largest': 'batch of 160 unrolls, 5 a device, compiled: 700 MB; 6 a device '
    'do not fit (3 more compilations, along a straight line)',
  }


def test_what_is_said_of_one_gpu():
  found = report.lines(
    _plan(
      topology=None,
      rate=None,
      largest=largest.Largest(9, 999_499, None, 5),
      update=_update(unknown_loops=1),
    )
  )
  assert found['devices'] == (
    '1 x x1 on 1 host (arithmetic, nothing was compiled)'
  )
  assert found['batch'].endswith(': 64 a host, 64 a device')
  assert found['time'].endswith('The first is a bound, the second an estimate')
  assert found['actors'].startswith('not known: ')
  assert found['arriving'].startswith('137 MB/s over all hosts, 137 a host,')
  assert found['largest'] == (
    'batch of 9 unrolls, 9 a device, counted: 999 kB (5 more counts, along a '
    'straight line)'
  )
  assert found['not known'] == 'how often 3 loops run; they count once'
  alone = report.lines(_plan(largest=None))
  assert 'largest' not in alone
  assert 'not known' not in alone


def test_little_that_is_said():
  update = _update()
  quiet = dataclasses.replace(update, programs=())
  assert report._collectives(quiet) == 'none'
  one = topologies.parse('--topology', 'v5e:2x2')
  assert report.devices(one, one.chip) == (
    'v5e:2x2: 4 devices on 1 hosts, 4 each'
  )
  # A full device is full, and a byte more is too much.
  for more, verdict in ((0, '(100.0%): fits'), (1, '(100.0%): does not fit')):
    program = _program('update', 1, (10**9, more, 0, 0, 0), None)
    assert report.memory(program, _CHIP).endswith(verdict)


@pytest.mark.parametrize(
  ('number', 'text'),
  [
    (0, '0 B'), (999.4, '999 B'), (999.5, '1 kB'), (1000, '1 kB'),
    (1_234_000, '1.23 MB'), (376e6, '376 MB'), (5e9, '5 GB'), (2e12, '2 TB'),
    (2e15, '2e+03 TB'),
  ],
)  # fmt: skip
def test_sizes_have_three_digits(number, text):
  assert report.size(number) == text


def test_the_same_as_numbers():
  plan = _plan()
  found = json.loads(json.dumps(report.as_json(plan)))
  assert (found['devices'], found['hosts']) == (32, 8)
  assert found['needs']['seconds'] == 0.014
  update = found['update']
  assert update.pop('num_bytes') == 123_450_000
  assert update.pop('flops') == 10e9
  assert update.pop('moved_bytes') == 14e6
  # What the child writes is read again, with its collectives.
  assert compiled.from_json(update) == plan.update
