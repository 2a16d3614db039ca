"""Everything that knows Reverb: the trajectory queue and shared parameters.

No other package of the project imports Reverb or TensorFlow. Both are loaded
here once, and as little of them as is used.
"""

from attn_agents.transport.reverb import tensorflow_parts

tensorflow_parts.load()
