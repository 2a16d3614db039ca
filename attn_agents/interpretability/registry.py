"""Which analyses there are, in the order of the report.

A new analysis is a folder and a line here. Its section is imported when it is
run, so that a command that looks up names and options starts at once.
"""

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

from attn_agents.interpretability import options as options_lib

if TYPE_CHECKING:
  from attn_agents.interpretability import context, findings


class Analysis(NamedTuple):
  """One analysis, a section of the report.

  Names of modules that start with a dot are relative to this package.

  Attributes:
    title: of the section.
    section: module with `run(given)`.
    options: module with `Options`, its options that flags set, if it has any;
      imports neither JAX nor Matplotlib.
  """

  title: str
  section: str
  options: str | None = None

  def run(self, given: 'context.Context') -> 'findings.Findings':
    """Analyses a recording.

    Raises:
      DoesNotApplyError: it says nothing about this agent.
    """
    return _load(self.section).run(given)

  def options_class(self) -> type[options_lib.Options] | None:
    """Its `Options`, None if no flag sets any."""
    return None if self.options is None else _load(self.options).Options


def _load(module: str) -> Any:
  return importlib.import_module(module, __package__)


def register(name: str, analysis: Analysis) -> None:
  """Adds an analysis under a name, after those there are.

  Raises:
    ValueError: the name is taken.
  """
  if name in ANALYSES:
    raise ValueError(f'there is an analysis {name} already')
  ANALYSES[name] = analysis


# Mutable: `register` adds analyses of programs that build on this one.
ANALYSES: dict[str, Analysis] = {
  'heads': Analysis('What each head attends to', '.heads.section'),
  'what_where': Analysis('What versus where', '.what_where.section'),
  'weights': Analysis('How attention is spread', '.weights.section'),
  'behaviour': Analysis(
    'What each head does', '.behaviour.section', '.behaviour.options'
  ),
  'saliency': Analysis(
    'Perturbation saliency', '.saliency.section', '.saliency.options'
  ),
  'grad_cam': Analysis('Grad-CAM', '.grad_cam.section'),
  'gradients': Analysis('Pixel gradients', '.gradients.section'),
  'injection': Analysis(
    'A novel object', '.injection.section', '.injection.options'
  ),
  'trust': Analysis('Sanity checks of the maps', '.trust.section'),
  'hard_attention': Analysis(
    'Hard attention', '.hard_attention.section', '.hard_attention.options'
  ),
}
