"""The live show. Never imports torch nor training."""
