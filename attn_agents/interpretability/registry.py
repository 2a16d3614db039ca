"""Which studies there are, in the order of the report."""

from collections.abc import Callable
from typing import NamedTuple

from attn_agents.interpretability import context, findings
from attn_agents.interpretability.behaviour import section as behaviour
from attn_agents.interpretability.grad_cam import section as grad_cam
from attn_agents.interpretability.gradients import section as gradients
from attn_agents.interpretability.hard_attention import (
  section as hard_attention,
)
from attn_agents.interpretability.heads import section as heads
from attn_agents.interpretability.injection import section as injection
from attn_agents.interpretability.saliency import section as saliency
from attn_agents.interpretability.trust import section as trust
from attn_agents.interpretability.weights import section as weights
from attn_agents.interpretability.what_where import section as what_where


class Study(NamedTuple):
  """One analysis.

  Attributes:
    title: of its section.
    run: does it; raises `context.DoesNotApplyError` where it cannot.
  """

  title: str
  run: Callable[[context.Context], findings.Findings]


STUDIES = {
  'heads': Study('What each head attends to', heads.study),
  'what_where': Study('What or where', what_where.study),
  'weights': Study('How attention is spread', weights.study),
  'behaviour': Study('What each head does', behaviour.study),
  'saliency': Study('Perturbation saliency', saliency.study),
  'grad_cam': Study('Grad-CAM', grad_cam.study),
  'gradients': Study('Gradients on pixels', gradients.study),
  'injection': Study('A novel object', injection.study),
  'trust': Study('How far to trust the pictures', trust.study),
  'hard_attention': Study('Hard attention', hard_attention.study),
}
