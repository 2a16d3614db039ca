"""What `launch/analyze.py` hands to its parts, each of them a stand-in."""

import contextlib
import dataclasses
import os
import sys
import types

import pytest

from attn_agents.interpretability import context, pipeline, registry
from attn_agents.interpretability.recordings import (
  parts,
  record,
  trained_agent,
)
from attn_agents.interpretability.report import size
from attn_agents.runs import saved_runs
from configs import errors
from tests.launch import loading, terminals

_RUN = '--run=zoo:s3ta_catch'


@pytest.fixture(name='analyze')
def _analyze(monkeypatch, tmp_path):
  """Analyses; returns what was recorded, and with what it was analysed."""

  def analyze(*arguments, out=f'--out={tmp_path}/out'):
    seen = types.SimpleNamespace(fitting=None)

    def restore(trained, played, directory, step):
      return types.SimpleNamespace(
        trained=trained, played=played, directory=directory, step=step
      )

    def recorded(agent, plan, path, report):
      seen.recorded = agent, plan, path
      return 'recording'

    def fits(*given):
      seen.fitting = given

    def analyse(given, wanted):
      seen.given, seen.wanted = given, wanted
      return 9

    monkeypatch.setattr(trained_agent, 'restore', restore)
    monkeypatch.setattr(record, 'record', recorded)
    monkeypatch.setattr(size, 'require_fitting', fits)
    with loading.command('analyze', *arguments, *[out] * bool(out)) as command:
      monkeypatch.setattr(command, '_analyse', analyse)
      # The code is that of the analyses.
      assert command.main() == 9
    return seen

  return analyze


def test_all_flags_are_in_the_plan_and_context(analyze, tmp_path):
  seen = analyze(
    _RUN, '--episodes=3', '--max_steps=40', '--seed=5', '--protocol=sticky',
    '--policy=greedy', '--states', '--analyses=saliency,heads',
    '--saliency_maps=7',
  )  # fmt: skip
  agent, plan, path = seen.recorded
  assert plan == record.Plan(3, 40, 5, 'sticky', 'greedy', True)
  assert path == tmp_path / 'out' / 'recording'
  given = seen.given
  assert isinstance(given, context.Context)
  assert (given.played, given.recorded) == (agent, 'recording')
  assert (given.plan, given.directory) == (plan, tmp_path / 'out')
  assert given.trained.environment.game == 'catch'
  run, _ = saved_runs.open_run('zoo:s3ta_catch')
  assert given.checkpoints == run.checkpoints
  assert given.other is None
  assert 'maps=7' in str(given.chosen)
  # In the order of a report, whatever was asked first.
  order = list(registry.ANALYSES)
  assert sorted(seen.wanted, key=order.index) == list(seen.wanted)
  assert set(seen.wanted) == {'saliency', 'heads'}
  assert seen.fitting == (agent, seen.wanted, 40, 3)


def test_what_is_not_said_is_all_of_it_beside_the_run(analyze, monkeypatch):
  monkeypatch.setattr(
    'attn_agents.utils.disk.require_writable', lambda *_: None
  )
  monkeypatch.setattr(
    'attn_agents.utils.disk.explaining', contextlib.nullcontext
  )
  seen = analyze(_RUN, '--seed=4', out='')
  assert seen.wanted == tuple(registry.ANALYSES)
  step = seen.recorded[0].step
  name = f'catch_{step}_sampled_noop_seed4'
  assert seen.given.directory.name == name
  assert seen.given.directory.parent.name == 'analyses'
  assert seen.given.directory.parents[1].name == 's3ta_catch'


def test_the_other_agent_plays_by_the_same_rules(analyze):
  # Both ship; the other one is taken for an agent of the same game.
  seen = analyze('--run=zoo:s3ta_pong', '--baseline=zoo:s3ta_fixed_query_pong')
  other = seen.given.other
  assert other.directory.name == 's3ta_fixed_query_pong'
  assert other.played.environment.game == 'pong'
  assert other.trained.agent == 's3ta_fixed_query'
  assert [other.step] == saved_runs.steps(other.directory)
  for name, value in (
    ('action_repeat', 8), ('fire_reset', None), ('max_pool', None),
  ):  # fmt: skip
    _refuse_other(name, value)


def _refuse_other(name, value):
  """The baseline's environment differs in one field."""
  opened = saved_runs.open_run

  def changed(path):
    run, config = opened(path)
    if 'fixed' not in path:
      return run, config
    environment = config.environment
    other = not getattr(environment, name) if value is None else value
    environment = dataclasses.replace(environment, **{name: other})
    return run, dataclasses.replace(config, environment=environment)

  with (
    pytest.MonkeyPatch.context() as patch,
    loading.command(
      'analyze', '--run=zoo:s3ta_pong',
      '--baseline=zoo:s3ta_fixed_query_pong',
    ) as command,
  ):  # fmt: skip
    patch.setattr(saved_runs, 'open_run', changed)
    with pytest.raises(errors.ConfigError) as caught:
      command.main()
  line = str(caught.value)
  assert line.startswith('--baseline=zoo:s3ta_fixed_query_pong: expected a run')
  assert f'environment.{name}=' in line


@pytest.mark.parametrize(
  ('given', 'line'),
  [
    ([], '--run is missing'),
    ([_RUN, '--protocol=stiky'], "did you mean 'sticky'"),
    ([_RUN, '--policy=gredy'], "did you mean 'greedy'"),
    ([_RUN, '--game=cath'], "did you mean 'catch'"),
    ([_RUN, f'--out={__file__}'], f'--out={__file__}: expected'),
  ],
)
def test_what_cannot_be_analysed_is_refused(given, line, monkeypatch):
  monkeypatch.setattr(
    trained_agent, 'restore', lambda *given: pytest.fail('restored')
  )
  with (
    loading.command('analyze', *given) as command,
    pytest.raises(errors.ConfigError) as caught,
  ):
    command.main()
  assert line in str(caught.value)


def test_a_terminal_has_a_bar_while_it_records(monkeypatch, tmp_path):
  terminal, checks = terminals.Terminal(), []

  def recorded(agent, plan, path, report):
    for row in range(1, plan.max_steps + 1):
      report(row)
    return agent, path

  monkeypatch.setattr(record, 'record', recorded)
  with loading.command('analyze') as command:
    monkeypatch.setattr(command.rich.console, 'Console', terminal)
    monkeypatch.setattr(command._INTERRUPT, 'check', lambda: checks.append(1))
    plan = record.Plan(max_steps=3)
    assert command._record('agent', plan, tmp_path) == ('agent', tmp_path)

    def damaged(*given, report):
      raise parts.RecordingError('a.npz is damaged')

    monkeypatch.setattr(record, 'record', damaged)
    # A line, as of any other bad input.
    with pytest.raises(errors.ConfigError) as caught:
      command._record('agent', plan, tmp_path)
  assert str(caught.value) == 'a.npz is damaged'
  assert (terminal.to_stderr, len(checks)) == ([True, True], 3)
  assert any('recording' in x and '100%' in x for x in terminal.lines())


@pytest.mark.parametrize('extra', [0, 1])
def test_each_analysis_says_how_long_it_took(
  monkeypatch, tmp_path, capsys, extra
):
  terminal, checks, now = terminals.Terminal(), [], [100.0]
  shown = []
  page = tmp_path / 'report.html'
  page.touch()
  os.truncate(page, 40_000_000 + extra)

  def run(given, wanted, command, *, started, ended):
    assert (wanted, command) == (('heads', 'weights'), 'analyze.py a b')
    for name, seconds, why in (('heads', 1.5, ''), ('weights', 3.0, 'no map')):
      started(name)
      now[0] += seconds
      ended(name, why)
    given.say('writing')
    return page

  monkeypatch.setattr(pipeline, 'run', run)
  monkeypatch.setattr(sys, 'argv', ['launch/analyze.py', 'a', 'b'])
  given = types.SimpleNamespace(say=None)
  with loading.command('analyze') as command:
    monkeypatch.setattr(command.rich.console, 'Console', terminal)
    monkeypatch.setattr(command._INTERRUPT, 'check', lambda: checks.append(1))
    update = command.rich.progress.Progress.update

    def updated(progress, task, description):
      shown.append(description)
      update(progress, task, description=description)

    monkeypatch.setattr(command.rich.progress.Progress, 'update', updated)
    monkeypatch.setattr(
      command, 'time', types.SimpleNamespace(monotonic=lambda: now[0])
    )
    monkeypatch.setattr(
      command.shlex, 'join', lambda words: ' '.join(words)[len('launch/') :]
    )
    assert command._analyse(given, ('heads', 'weights')) == 0
  assert terminal.to_stderr == [True]
  lines = [x for x in terminal.lines() if x]
  assert 'heads: 1.5 s' in lines
  assert 'weights: does not apply, no map' in lines
  assert shown == ['heads', 'weights', 'writing']
  assert lines[-1].startswith('writing ') and '100%' in lines[-1]
  assert len(checks) == 2
  said = capsys.readouterr().out.splitlines()
  assert said[0] == f'written   {page} (40.0 MB)'
  assert len(said) == 1 + extra
