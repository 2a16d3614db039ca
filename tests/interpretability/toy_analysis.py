"""An analysis that is in this file only: how bright the screen is."""

import dataclasses

import numpy as np
from matplotlib import figure as figure_lib

from attn_agents.interpretability import context, findings, options
from attn_agents.interpretability.drawing import curves
from attn_agents.interpretability.report import report_data
from configs import errors


@dataclasses.dataclass(frozen=True)
class Options(options.Options):
  """See `options.Options`."""

  every: int = options.flag('toy_every', 1, 'Rows from one to the next.')

  def __post_init__(self):
    errors.require(self.every >= 1, '--toy_every', self.every, 'at least 1')

  def check(self, screen):
    errors.require(screen[0] > 1, '--toy_every', self.every, 'a taller screen')


def brightness(recorded, every):
  """The mean level of every so manieth frame, float64 [n]."""
  frames = np.concatenate(
    [arrays['frame'] for _, arrays in recorded.parts('frame')]
  )
  return frames[::every].mean(axis=(1, 2, 3))


def draw(seconds, levels) -> figure_lib.Figure:
  """Levels over time."""
  return curves.panels(seconds, {'Brightness': {'screen': levels}})


def run(given: context.Context) -> findings.Findings:
  """See `registry.Analysis.section`."""
  if given.agent == 'impala_ff':
    raise context.DoesNotApplyError('brightness says nothing about it')
  every = given.options_of(Options).every
  levels = brightness(given.recorded, every)
  rows = np.arange(0, len(given.recorded), every)
  return findings.Findings(
    how_to_read='Higher is brighter.',
    figures={'brightness': draw(np.array(given.seconds(rows)), levels)},
    captions={'brightness': 'Mean level of the screen over time.'},
    tables=[report_data.Table('Levels.', ('mean',), [(float(levels.mean()),)])],
    numbers={'mean': float(levels.mean()), 'rows': len(levels)},
    arrays={'levels': levels},
  )
