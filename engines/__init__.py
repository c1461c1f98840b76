"""What a generator needs in order to run anywhere: bundles, poses, conditioning, backends. Never imports torch."""
