"""Where policy and value depend on the screen (S3TA section 4.7, Fig. 7)."""

import numpy as np

from attn_agents.interpretability import context, findings
from attn_agents.interpretability.drawing import overlays
from attn_agents.interpretability.report import report_data
from attn_agents.interpretability.saliency import compute, figure, options
from attn_agents.interpretability.screen import grids

# About the stride of the perturbation at full size: pixels of the screen.
_CELL_SIZE = 5


def run(given: context.Context) -> findings.Findings:
  """Maps of many moments for the player, and one beside another agent's."""
  rows = given.rows(given.options_of(options.Options).maps)
  maps = []
  for found in compute.saliency_maps(given.played, given.recorded, rows):
    maps.append(found)
    given.say(f'saliency: {len(maps)} of {len(rows)} maps')
  screen = given.recorded.frame_size
  cells = (round(screen[0] / _CELL_SIZE), round(screen[1] / _CELL_SIZE))
  images = np.stack(
    [grids.cell_means(found.images(screen), cells) for found in maps]
  )
  # The moment at which the policy depends most on the screen.
  chosen = int(images[:, 0].max(axis=(1, 2)).argmax())
  row = rows[chosen]
  frame = given.recorded.rows('frame', [row])[0]
  ours, theirs = given.labels
  agents = {ours: _pair(maps[chosen], screen)}
  if given.other is not None:
    other, shown = given.shown_to_other
    (found,) = compute.saliency_maps(other, shown, [row])
    agents = {theirs: _pair(found, screen), **agents}
  return findings.Findings(
    how_to_read=(
      'A place is bright if blurring it changes the output of the agent, with '
      'its memory kept fixed. Saliency of the policy is '
      '1/2 |change of the policy|², that of the value is '
      '1/2 (change of the value)². Each map is scaled to its largest value, '
      'which is written below it: a map of tiny values looks as bright as a '
      'map of large ones.'
    ),
    figures={
      'saliency': figure.draw(
        frame, agents, _heads(given, row, ours, images[chosen, 0])
      )
    },
    captions={
      'saliency': f'Saliency at step {row}, where saliency of the policy is '
      'largest.'
    },
    numbers={
      'rows': rows,
      'largest_policy': [float(found.policy.max()) for found in maps],
      'largest_value': [float(found.value.max()) for found in maps],
    },
    arrays={
      'rows': np.array(rows),
      'policy': images[:, 0],
      'value': images[:, 1],
    },
    layers=_layers(images, rows),
  )


def _layers(images: np.ndarray, rows: list[int]) -> list[report_data.Layer]:
  """Saliency of policy and value, [n, 2, h, w], for the player."""
  return [
    report_data.Layer(
      f'Saliency of the {name}',
      f'Blurring these places changes the {name}.',
      'heat',
      images[:, index],
      np.array(rows),
      colour,
    )
    for index, (name, colour) in enumerate(
      {
        'policy': overlays.POLICY_COLOUR,
        'value': overlays.VALUE_COLOUR,
      }.items()
    )
  ]


def _pair(
  found: compute.SaliencyMap, screen: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
  """S_pi and S_V of every pixel of the screen."""
  policy, value = found.images(screen)
  return policy, value


def _heads(
  given: context.Context, row: int, name: str, saliency_map: np.ndarray
) -> dict[str, np.ndarray] | None:
  """The head that is most like the saliency of the policy, to be outlined."""
  if 'attention' not in given.recorded:
    return None
  maps = given.to_draw(given.attention[row])
  height, width = maps.shape[1:]
  there = grids.cell_means(
    overlays.enlarge(saliency_map, given.recorded.frame_size), (height, width)
  )
  overlap = (maps * there).sum(axis=(1, 2))
  return {name: maps[overlap.argmax()]}
