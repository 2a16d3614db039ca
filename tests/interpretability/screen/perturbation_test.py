import numpy as np
import pytest

from attn_agents.interpretability.recordings import trained_agent
from attn_agents.interpretability.screen import perturbation
from tests import in_process
from tests.interpretability import synthetic
from tests.networks import tiny


@pytest.mark.parametrize('agent', ['s3ta', 'impala_ff', 'impala_shallow'])
def test_networks_say_the_same_to_floats_as_to_bytes(agent):
  settings = ('network.channels=4,4',) if agent == 'impala_ff' else ()
  config = in_process.catch_config(*settings, agent=agent)
  played = trained_agent.TrainedAgent(config, {}, {})
  shape = (config.environment.height, config.environment.width, 1)
  params = tiny.random_params(played.network, shape)
  rng = np.random.default_rng(0)
  state = played.agent.initial_state(1)
  seen = synthetic.moment(
    rng.integers(0, 256, shape, dtype=np.uint8), state.core_state
  )
  of_bytes, of_floats = (
    played.inspect(params, timestep, seen.state).outputs
    for timestep in (seen.timestep, perturbation.with_floats(seen.timestep))
  )
  # Logits and baseline; the rest is a loss's own.
  for expected, found in zip(of_bytes[:2], of_floats[:2], strict=True):
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_one_compilation_of_equal_batches_serves_all(monkeypatch):
  monkeypatch.setattr(perturbation, 'MAX_BATCH', 16)
  played = synthetic.make_agent()
  shapes = []
  inspect = played.agent.inspect

  def counted(params, timestep, state):
    shapes.append(timestep.observation.shape)
    return inspect(params, timestep, state)

  monkeypatch.setattr(played.agent, 'inspect', counted)
  perturber = perturbation.Perturber(played, 2.0, 20)
  seen = synthetic.observations(2)
  masks = [np.full(synthetic.SIZE, share) for share in np.linspace(0, 1, 20)]
  for scale in (1.0, 2.0):
    for observation in seen:
      before, after = perturber.responses(
        {'policy': np.float32(scale)}, synthetic.moment(observation), masks
      )
      # Of the checkerboard's contrast, 1 / 2, what is not blurred is left.
      logit = 4.0 * scale * 0.5
      assert before.policy.shape == (1, 3)
      odds = after.policy[:, 0] / after.policy[:, 1]
      expected = logit * (1 - np.linspace(0, 1, 20))
      np.testing.assert_allclose(np.log(odds), expected, atol=0.05)
      np.testing.assert_allclose(before.policy[0], after.policy[0])
  # 21 observations in two calls of 11.
  assert shapes == [(11, *synthetic.SIZE, 3)]
