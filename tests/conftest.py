"""What every test may rely on."""

import signal

from hypothesis import settings

# A machine that is busy with something else is no fault of what is tested.
settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")

# A shell that starts a command with & has it ignore Ctrl-C, and its children inherit that; the tests of Ctrl-C and the
# processes that they start are to hear it all the same (CI runs may well begin so).
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
