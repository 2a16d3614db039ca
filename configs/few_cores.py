"""What the `small` presets of all agents share, so that they compare."""

from configs import algorithms, schema


def learning() -> algorithms.VTraceConfig:
  """Short unrolls and few of them: many updates in the minutes there are."""
  return algorithms.VTraceConfig(
    unroll_length=20, batch_size=16, vtrace_lambda=0.95
  )


def optimizer() -> schema.OptimizerConfig:
  """Adam [C]: RMSProp's epsilon of 0.01 holds early, small gradients back."""
  return schema.OptimizerConfig(name='adam', learning_rate=5e-4, epsilon=1e-5)
