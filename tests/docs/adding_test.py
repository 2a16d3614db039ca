"""The example of docs/adding.md, as it stands there, is an agent."""

import pathlib
import re
import sys
import types as python_types

import jax
import numpy as np
import pytest

import attn_agents.networks
import configs.agents
from configs import agents
from tests import in_process

_PAGE = pathlib.Path(__file__).parents[2] / 'docs/adding.md'
_BLOCK = re.compile(
  r'```python title="(\w+)\.py, in ([\w/]+)"\n(.*?)\n```', re.S
)


@pytest.fixture(name='glance', autouse=True)
def _glance(monkeypatch):
  """Its two modules, made from the page, and its line in the registry."""
  blocks = _BLOCK.findall(_PAGE.read_text())
  assert [folder for _, folder, _ in blocks] == [
    'configs/agents',
    'attn_agents/networks',
  ]
  made = []
  for name, folder, code in blocks:
    module = python_types.ModuleType(f'{folder.replace("/", ".")}.{name}')
    monkeypatch.setitem(sys.modules, module.__name__, module)
    parent = configs.agents if not made else attn_agents.networks
    monkeypatch.setattr(parent, name, module, raising=False)
    exec(compile(code, f'{folder}/{name}.py', 'exec'), vars(module))
    made.append(module)
  agents.register('glance', agents.presets_of(made[0]))
  yield
  del agents.AGENTS['glance']


def test_has_both_presets():
  assert set(agents.AGENTS['glance']) == {'paper', 'small'}
  assert agents.make('glance', 'small').network.channels == 16


def test_trains_and_shows_what_it_attends_to():
  config = in_process.catch_config(agent='glance')
  run = in_process.InMemory(config)
  try:
    before = run.learner.snapshot().state.params
    with run.actor_threads(config.runtime.num_actors):
      batch = run.feeder().get(timeout=60)
      assert batch is not None, 'no data'
      run.learner.step(*batch)
    after = run.learner.snapshot().state.params
    environment = run.parts.make_environment(run.parts.seeds(0, 0))
    seen = run.parts.agent.inspect(
      after,
      environment.reset().timestep,
      run.parts.agent.initial_state(environment.num_envs),
    )
    environment.close()
  finally:
    run.close()
  assert np.any(before['query'] != after['query'])
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(after))
  attention = seen.intermediates['attention']
  assert attention.shape == (environment.num_envs, 1, 21, 21)
  np.testing.assert_allclose(attention.sum(axis=(2, 3)), 1.0, rtol=1e-4)
