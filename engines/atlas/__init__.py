"""The instant performer: key figures cut from a clip, in layers, and laid onto any pose without training."""
