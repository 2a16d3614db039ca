"""What the studies are called; imports nothing, for commands that only look."""

NAMES = (
  'heads', 'what_where', 'weights', 'behaviour', 'saliency', 'grad_cam',
  'gradients', 'injection', 'trust', 'hard_attention',
)  # fmt: skip
