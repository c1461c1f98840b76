"""What a generator needs in order to run anywhere: bundles, poses, conditioning, backends. Never imports torch."""

import os

# Read by OpenCV once, when it opens its first film or stream; what cannot be read is said in one sentence of ours.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
