"""What both editions of TensorRT share: the card, the edition's library, building a plan, running it."""
