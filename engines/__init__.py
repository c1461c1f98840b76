"""What a generator needs in order to run anywhere: bundles, poses, conditioning, finish, backends. Never imports torch."""
