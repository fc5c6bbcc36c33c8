"""One step of FineTuner on given rows, alone or as one of several processes: what each learns, in a file.

`python train_ranks.py OUT ddp|fsdp|alone`: process 0 has a row with pictures, process 1 text alone; a process
alone has both. Plain gradient descent, so the weights' change is the gradient.
"""

import sys
from pathlib import Path

import torch
from torch.utils.data import IterableDataset

sys.path.insert(0, str(Path(__file__).parent))

from small_model import make_model, make_picture
from transformers import TrainingArguments

from n3d_ros.training.finetune.examples import build_example
from n3d_ros.training.finetune.packing import pack
from n3d_ros.training.finetune.run import FineTuner, leave_group, sharding

WORDS = list(range(100, 130))


class Rows(IterableDataset):
    """Given rows, as a stream."""

    def __init__(self, rows):
        super().__init__()
        self.rows, self.start_row = rows, 0

    def __iter__(self):
        return iter(self.rows)


def both_rows(model):
    """Two pictures with a long reply each, and text alone with a short one."""
    pad = model.config.image_token_id
    seen = build_example([*WORDS[:4], pad, *WORDS[4:9]], WORDS[10:20], pad, (2, 3))
    text = build_example(WORDS[:12], WORDS[20:23], pad, None)
    pictures = [make_picture(4, 6, seed) for seed in (1, 2)]
    return [pack([seen, seen], pictures, [0, 1]), pack([text], [], [])]


def main(out, mode):
    """Train one step and store the weights."""
    model, _ = make_model(patch_position="sincos")
    rows = both_rows(model)
    arguments = TrainingArguments(
        output_dir=str(out.parent / f"{mode}-run"), max_steps=1, per_device_train_batch_size=1,
        gradient_accumulation_steps=2 if mode == "alone" else 1, learning_rate=0.01, optim="sgd",
        lr_scheduler_type="constant", max_grad_norm=0.0, use_cpu=True, save_strategy="no", logging_steps=1,
        report_to="none", remove_unused_columns=False, disable_tqdm=True, ddp_find_unused_parameters=False,
        **sharding(mode == "fsdp"),
    )  # fmt: skip
    own = rows if mode == "alone" else rows[arguments.process_index : arguments.process_index + 1]
    trainer = FineTuner(model, arguments, Rows(own))
    trainer.train()
    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if trainer.is_world_process_zero():
        torch.save({"weights": weights, "loss": trainer.state.log_history[0]["loss"]}, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
    leave_group()
