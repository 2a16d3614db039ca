import json
import pathlib
import subprocess
import sys

import pytest

from benchmarks import harness, report

_ROOT = pathlib.Path(__file__).parents[2]


def _benchmark(calls):
  """Two alternatives under a ceiling, with rates known beforehand."""
  # Units and seconds, round by round.
  script = {
    'ceiling': [(10, 1), (20, 1), (5, 1)],
    'slow': [(2, 1), (8, 2), (4, 4)],
    'fast': [(8, 1), (8, 1), (9, 3)],
  }

  def run(name):
    def measure():
      calls.append(name)
      return harness.Measurement(*script[name].pop(0))

    return measure

  return harness.Benchmark(
    title='both',
    unit='steps',
    alternatives=[
      harness.Alternative('slow', run('slow'), cost=0.5, baseline='slow'),
      harness.Alternative('fast', run('fast'), baseline='slow'),
    ],
    cost_unit='GFLOP',
    ceiling=harness.Alternative('peak', run('ceiling'), cost=2.0),
  )


def test_alternates_and_compares_within_rounds():
  calls = []
  benchmark = _benchmark(calls)
  rates = harness.measure(benchmark, 3, tell=lambda line: None)
  assert calls == ['ceiling', 'slow', 'fast'] * 3
  figures = report.summarise(benchmark, rates)
  # Rates 2, 4, 1 and 8, 8, 3: ratios 4, 2 and 3.
  assert figures['slow'].rate == report.Summary(2.0, 1.0, 4.0)
  assert figures['fast'].ratio == report.Summary(3.0, 2.0, 4.0)
  assert figures['slow'].ratio == report.Summary(1.0, 1.0, 1.0)
  # Costs of 1, 2 and 0.5 GFLOP/s under ceilings of 20, 40 and 10.
  assert figures['slow'].cost_rate == report.Summary(1.0, 0.5, 2.0)
  assert figures['slow'].share == report.Summary(0.05, 0.05, 0.05)
  assert figures[harness.CEILING].rate == report.Summary(20.0, 10.0, 40.0)
  assert figures['fast'].share is None
  # What goes to the file is all of that, and survives it.
  written = json.loads(json.dumps(report.as_json(benchmark, figures, {})))
  assert written['alternatives']['fast']['ratio']['median'] == 3.0
  assert written['alternatives']['slow']['rates'] == [2.0, 4.0, 1.0]


def _with_shares(*shares, is_bounded=True):
  """Figures of an alternative with these shares of its ceiling."""
  benchmark = harness.Benchmark(
    title='t',
    unit='steps',
    alternatives=[
      harness.Alternative('ours', lambda: None, cost=2.0, is_bounded=is_bounded)
    ],
    ceiling=harness.Alternative('peak', lambda: None, cost=1.0),
  )
  rates = {
    harness.CEILING: [10.0] * len(shares),
    'ours': [5 * x for x in shares],
  }
  return report.summarise(benchmark, rates)


def test_rounds_above_the_ceiling_have_no_share_and_are_told():
  figures = _with_shares(0.5, 1.01, 1.0)
  assert figures['ours'].share == report.Summary(0.75, 0.5, 1.0)
  assert report.require_below_ceiling(figures) == [
    'ours: above its ceiling in 1 of 3 rounds, which are left out of its share'
  ]
  assert report.require_below_ceiling(_with_shares(0.5, 1.0)) == []


@pytest.mark.parametrize('shares', [(1.45,), (1.2, 0.9), (1.2, 1.3, 0.9)])
def test_a_benchmark_that_is_mostly_above_its_ceiling_is_refused(shares):
  above = sum(x > 1 for x in shares)
  with pytest.raises(
    harness.FailedError, match=f'in {above} of {len(shares)} rounds'
  ):
    report.require_below_ceiling(_with_shares(*shares))


def test_what_the_ceiling_does_not_bound_has_no_share_and_is_not_refused():
  figures = _with_shares(1.45, 2.4, is_bounded=False)
  assert report.require_below_ceiling(figures) == []
  assert figures['ours'].share is None
  # Rates of 7.25 and 12 at a cost of 2.
  assert figures['ours'].cost_rate == report.Summary(19.25, 14.5, 24.0)


def test_an_alternative_that_does_nothing_is_no_result():
  nothing = harness.Alternative('idle', lambda: harness.Measurement(0, 1))
  benchmark = harness.Benchmark('t', 'steps', [nothing])
  with pytest.raises(harness.FailedError, match='idle did no work'):
    harness.measure(benchmark, 1, tell=lambda line: None)


def test_repeats_until_the_time_is_over(monkeypatch):
  times = iter([10.0, 10.4, 10.8, 11.2])
  monkeypatch.setattr(harness.time, 'perf_counter', lambda: next(times))
  done = harness.repeat(lambda: None, units=5, seconds=1.0)
  assert done.units == 15
  assert done.seconds == pytest.approx(1.2)


_PROGRAM = """
import sys
from benchmarks import harness, runner
def make():
  run = lambda: harness.repeat(lambda: None, 1.0, 0.0)
  if '--fail' in sys.orig_argv[-1]: raise harness.FailedError('no such luck')
  return harness.Benchmark('t', 'steps', [harness.Alternative('a', run)])
sys.exit(runner.run(make, ['x', *sys.argv[1:]]))
"""


def _run(*args):
  return subprocess.run(
    [sys.executable, '-c', _PROGRAM, *args],
    cwd=_ROOT,
    capture_output=True,
    text=True,
    check=False,
  )


def test_the_command_writes_what_it_measured(tmp_path):
  target = tmp_path / 'figures.json'
  done = _run('--rounds=3', f'--json={target}')
  assert done.returncode == 0, done.stderr
  written = json.loads(target.read_text())
  assert len(written['alternatives']['a']['rates']) == 3
  machine = written['machine']
  assert machine['cores'] >= 1 and machine['jax']
  assert f'--json={target}' in machine['command']


@pytest.mark.parametrize(
  ('flag', 'expected'),
  [
    ('--rounds=0', 'rounds'),
    ('--round=2', 'Did you mean: rounds'),
    ('--json=/nowhere/at/all.json', '/nowhere/at does not'),
  ],
)
def test_bad_flags_end_in_one_line(flag, expected):
  done = _run(flag)
  assert done.returncode == 2
  assert expected in done.stderr and len(done.stderr.splitlines()) == 1
