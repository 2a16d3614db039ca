"""Everything that knows Reverb: the trajectory queue and shared parameters.

Import order, dealt with here once: rlax pulls in TensorFlow Probability, which
refuses TensorFlow 2.8 if TensorFlow was loaded first, and Reverb loads
TensorFlow. So rlax comes first, before any module of this package can import
Reverb, and no other package of the project imports Reverb at all.
"""

import rlax as _rlax  # noqa: F401
