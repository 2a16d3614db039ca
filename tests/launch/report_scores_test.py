"""What `launch/report_scores.py` reads, and says of what it leaves out."""

import types

import pytest

from attn_agents.evaluation.reporting import run_results, telling_apart
from configs import errors
from tests.launch import loading


def _run(name, frames, scored):
  summary = None if scored is None else {}
  return types.SimpleNamespace(
    name=name, frames=frames, scored_frames=scored, summary=summary
  )


def test_runs_without_a_score_of_their_end_are_named():
  runs = [
    _run('a', 4000, 4000), _run('b', 4000, None), _run('c', 4_000_001, 4000000),
    _run('d', 9, None), _run('e', 4000, 5000),
  ]  # fmt: skip
  with loading.command('report_scores') as command:
    assert command._not_scored(runs) == [
      'not evaluated, so only in the curves: b, d',
      'c: the score is of 4,000,000 frames, and training went on to 4,000,001, '
      'which is not evaluated',
    ]
    assert command._not_scored(runs[:1]) == []


def test_evaluations_are_those_of_the_flags(monkeypatch, tmp_path, capsys):
  read = []

  def reads(path, *how):
    read.append((path, *how))
    return [path]

  monkeypatch.setattr(run_results, 'find', lambda paths: [f'{paths[0]}/a'])
  monkeypatch.setattr(run_results, 'read', reads)
  monkeypatch.setattr(telling_apart, 'label', lambda runs: [*runs, 'label'])
  flags = ('--runs=x', f'--out={tmp_path}/out', '--protocol=sticky',
           '--policy=greedy', '--max_episode_frames=800')  # fmt: skip
  with loading.command('report_scores', *flags) as command:
    monkeypatch.setattr(
      command, '_write', lambda out, runs: f'{out.name}: {runs}'
    )
    assert command.main() == 0
  assert read == [('x/a', 'sticky', 'greedy', 800)]
  assert capsys.readouterr().out.splitlines() == [
    "out: ['x/a', 'label']", f'written to {tmp_path}/out'
  ]  # fmt: skip


@pytest.mark.parametrize(
  ('given', 'line'),
  [
    ([], '--runs is missing'),
    (['--runs=x', '--policy=gredy'], "did you mean 'greedy'"),
    (
      ['--runs=x', '--max_episode_frames=0'],
      '--max_episode_frames=0: expected',
    ),
    (['--runs=x', f'--out={__file__}/a'], f'--out={__file__}/a'),
  ],
)
def test_mistakes_are_one_line(given, line):
  with (
    loading.command('report_scores', *given) as command,
    pytest.raises(errors.ConfigError) as caught,
  ):
    command.main()
  assert line in str(caught.value)
