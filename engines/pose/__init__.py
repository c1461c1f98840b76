"""Poses: the model, the tracker, landmarks, the skeleton, smoothing and retargeting."""
