"""Learning from one single picture: SinGAN as published, and ConSinGAN's concurrent stages as the fast default.

A pyramid of sizes of one picture; a generator that grows by one scale at a time, judged by a critic that sees patches.
Small enough to need neither the pairs nor the loop of the other methods; the run's folder is like theirs.
"""
