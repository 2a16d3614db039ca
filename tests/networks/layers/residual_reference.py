"""The deep residual network's parts as slow NumPy, in float64.

Maps are [batch, height, width, channels]; `params` are Flax's trees.
"""

import numpy as np


def convolve(inputs, layer):
  """A stride-1 SAME convolution with bias, one cell at a time."""
  batch, height, width, _ = inputs.shape
  rows, columns, _, features = layer['kernel'].shape
  outputs = np.zeros((batch, height, width, features)) + layer['bias']
  for i in range(height):
    for j in range(width):
      for di in range(rows):
        for dj in range(columns):
          y, x = i + di - rows // 2, j + dj - columns // 2
          if 0 <= y < height and 0 <= x < width:
            outputs[:, i, j] += inputs[:, y, x] @ layer['kernel'][di, dj]
  return outputs


def window(index, size):
  """Cells of window `index` of 3 with stride 2, SAME, on an axis."""
  # All padding but what makes it even goes after the last cell.
  total = 2 * (-(-size // 2) - 1) + 3 - size
  start = 2 * index - total // 2
  return range(max(start, 0), min(start + 3, size))


def max_pool(inputs, gradient=None):
  """3 x 3 maxima of stride 2, or what their gradient is for the inputs.

  Of equals the first in row-major order gets the gradient.
  """
  batch, height, width, channels = inputs.shape
  outputs = np.zeros((batch, -(-height // 2), -(-width // 2), channels))
  back = np.zeros(inputs.shape)
  for n, i, j, c in np.ndindex(outputs.shape):
    cells = [(y, x) for y in window(i, height) for x in window(j, width)]
    values = [inputs[n, y, x, c] for y, x in cells]
    best = int(np.argmax(values))
    outputs[n, i, j, c] = values[best]
    if gradient is not None:
      back[n, cells[best][0], cells[best][1], c] += gradient[n, i, j, c]
  return outputs if gradient is None else back


def bilinear(inputs, height, width):
  """Enlarges with half-pixel centres, the border cells extended outwards."""
  batch, rows, columns, channels = inputs.shape
  outputs = np.zeros((batch, height, width, channels))
  for i in range(height):
    for j in range(width):
      y = np.clip((i + 0.5) * rows / height - 0.5, 0, rows - 1)
      x = np.clip((j + 0.5) * columns / width - 0.5, 0, columns - 1)
      top, left = int(y), int(x)
      low, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
      upper = (1 - x + left) * inputs[:, top, left]
      upper += (x - left) * inputs[:, top, right]
      lower = (1 - x + left) * inputs[:, low, left]
      lower += (x - left) * inputs[:, low, right]
      outputs[:, i, j] = (1 - y + top) * upper + (y - top) * lower
  return outputs


def relu(x):
  return np.maximum(x, 0.0)


def sigmoid(x):
  return 1.0 / (1.0 + np.exp(-x))


def dense(x, layer):
  return x @ layer['kernel'] + layer['bias']


def block(x, params):
  inner = convolve(relu(x), params['conv_0'])
  return x + convolve(relu(inner), params['conv_1'])


def mask(x, params, num_blocks, resample):
  height, width = x.shape[1:3]
  if resample:
    x = max_pool(x)
  for index in range(num_blocks):
    x = block(x, params[f'block_{index}'])
  if resample:
    x = bilinear(x, height, width)
  x = convolve(relu(x), params['conv_0'])
  return sigmoid(convolve(relu(x), params['conv_1']))


def section(x, params, num_blocks, attention, mask_blocks):
  x = max_pool(convolve(x, params['conv']))
  trunk = x
  for index in range(num_blocks):
    trunk = block(trunk, params[f'block_{index}'])
  if attention == 'none':
    return trunk
  resample = attention == 'residual'
  return trunk + trunk * mask(x, params['mask_branch'], mask_blocks, resample)


def torso(observation, params, config):
  """Pixels [N, height, width, c] to features [N, hidden_size]."""
  x = observation / 255.0
  for index in range(len(config.channels)):
    x = section(
      x,
      params[f'section_{index}'],
      config.blocks_per_section,
      config.attention,
      config.mask_blocks,
    )
  return relu(dense(relu(x).reshape(len(x), -1), params['hidden']))


def lstm(inputs, hidden, cell, layer):
  """One step of an LSTM: the new hidden state and cell."""
  gates = dense(np.concatenate([inputs, hidden], axis=-1), layer)
  into, candidate, forget, out = np.split(gates, 4, axis=-1)
  cell = sigmoid(forget + 1) * cell + sigmoid(into) * np.tanh(candidate)
  return sigmoid(out) * np.tanh(cell), cell
