"""``fpga-gnn`` for torchrun, of which rank 1 is killed when the second quantized epoch begins."""

import os
import signal

from fpga_gnn.cli.main import run
from fpga_gnn.training.distributed import rank
from fpga_gnn.training.loop import Trainer

train_epoch = Trainer._epoch


def killed(self, phase, epoch, *arguments):
    if (phase, epoch, rank()) == ("qat", 1, 1):
        os.kill(os.getpid(), signal.SIGKILL)
    return train_epoch(self, phase, epoch, *arguments)


Trainer._epoch = killed
run()
