"""A process that crashes as ONNX Runtime would: run as a child in place of the one that tries."""

import os
import signal

if __name__ == "__main__":
    os.kill(os.getpid(), signal.SIGSEGV)
