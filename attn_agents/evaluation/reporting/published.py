"""Scores that papers print, by the names of our agents and games."""

import functools

from attn_agents.evaluation import scores

# Algorithms whose runs are shown beside scores of V-trace.
V_TRACE = ('vtrace', 'appo')

# Columns of S3TA's Table 3 for one agent of all levels.
_TABLE_3_MULTI = {
  'impala_ff': 'multi_feedforward',
  's3ta': 'multi_attention',
}
# Those of Tables 3 and 4 for an agent of one level; all are in percent of the
# human-normalised score.
_TABLE_3 = {
  'impala_ff': 'expert_feedforward',
  'impala_lstm': 'expert_lstm',
  's3ta': 'expert_attention',
}
_TABLE_4 = {
  's3ta_fixed_query': 'fixed_query',
  's3ta_l2_keys': 'l2_norm_keys',
  's3ta': 'top_down_attention',
}
# Names of algorithms in DRARL's tables; its scores are raw.
_DRARL = {**dict.fromkeys(V_TRACE, 'IMPALA'), 'a2c': 'A2C', 'ppo': 'PPO'}
_DRARL_COLUMNS = {'impala_ff': 'baseline', 'drarl': 'drarl'}


def normalised(
  agent: str, game: str, of_many: bool = False
) -> dict[str, float]:
  """Human-normalised scores that S3TA prints, by the name of their table.

  1 is human. Tables 3 and 4 are of different runs, and differ for `s3ta`.

  Args:
    agent: its name.
    game: its name.
    of_many: of the agent that plays many games, which S3TA trained on all 57.
  """
  tables = [
    ('Table 3', 's3ta_table3', _TABLE_3),
    ('Table 4', 's3ta_table4', _TABLE_4),
  ]
  if of_many:
    tables = [('Table 3, multi-level', 's3ta_table3', _TABLE_3_MULTI)]
  found = {}
  for table, name, columns in tables:
    row = _by_level(name).get(game)
    if row is not None and agent in columns:
      found[table] = float(row[columns[agent]]) / 100
  return found


def raw(agent: str, algorithm: str, game: str) -> tuple[float, float] | None:
  """(mean, standard deviation) of the returns that DRARL prints, or None."""
  column = _DRARL_COLUMNS.get(agent)
  row = _drarl().get((_DRARL.get(algorithm, ''), game))
  if column is None or row is None:
    return None
  return float(row[f'{column}_mean']), float(row[f'{column}_std'])


def hard_attention(game: str) -> tuple[float, float] | None:
  """(ratio, its uncertainty) of S3TA's Table 5, t = 0.1 to t = 0, or None."""
  row = _by_level('s3ta_table5').get(game)
  if row is None:
    return None
  return (
    float(row['relative_score_pct_t0.1_over_t0']) / 100,
    float(row['uncertainty_pct']) / 100,
  )


@functools.cache
def _by_level(name: str) -> dict[str, dict[str, str]]:
  return {row['level']: row for row in scores.read_table(name)}


@functools.cache
def _drarl() -> dict[tuple[str, str], dict[str, str]]:
  return {
    (row['algo'], _snake(row['game'])): row
    for row in scores.read_table('drarl_tables')
  }


def _snake(name: str) -> str:
  """'BeamRider' becomes 'beam_rider'."""
  letters = (f'_{c.lower()}' if c.isupper() else c for c in name)
  return ''.join(letters).lstrip('_')
