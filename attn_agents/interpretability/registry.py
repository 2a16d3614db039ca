"""Which analyses there are, in the order of the report.

A new analysis is a folder and a line here. Nothing is imported before it is
run, so that a command that only looks up names starts at once.
"""

import importlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
  from attn_agents.interpretability import context, findings


class Analysis(NamedTuple):
  """One analysis, a section of the report.

  Attributes:
    title: of the section.
    module: has `run(given)`; a name that starts with a dot is relative to this
      package.
  """

  title: str
  module: str

  def run(self, given: 'context.Context') -> 'findings.Findings':
    """Analyses a recording.

    Raises:
      DoesNotApplyError: it says nothing about this agent.
    """
    return importlib.import_module(self.module, __package__).run(given)


ANALYSES = {
  'heads': Analysis('What each head attends to', '.heads.section'),
  'what_where': Analysis('What versus where', '.what_where.section'),
  'weights': Analysis('How attention is spread', '.weights.section'),
  'behaviour': Analysis('What each head does', '.behaviour.section'),
  'saliency': Analysis('Perturbation saliency', '.saliency.section'),
  'grad_cam': Analysis('Grad-CAM', '.grad_cam.section'),
  'gradients': Analysis('Pixel gradients', '.gradients.section'),
  'injection': Analysis('A novel object', '.injection.section'),
  'trust': Analysis('Sanity checks of the maps', '.trust.section'),
  'hard_attention': Analysis('Hard attention', '.hard_attention.section'),
}
