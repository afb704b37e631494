"""A causal model that answers questions about clicks, as one module that processes can share."""

from typing import TYPE_CHECKING, cast

from torch import Tensor, nn

from replication.encoders.architectures import ARCHITECTURES
from replication.encoders.lora.questions import Questions, answer_scores
from replication.machine import processes
from replication.machine.precision import computing_device

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


class Judge(nn.Module):
    """`answer_scores` of a model with LoRA weights (peft's), as its forward pass."""

    def __init__(self, model: "PeftModel", answers: tuple[int, int]):
        super().__init__()
        self.model = model
        self.answers = answers

    def base(self) -> "PreTrainedModel":
        """The model itself, whose layers hold the LoRA weights."""
        return cast("PreTrainedModel", self.model.get_base_model())

    def forward(self, questions: Questions) -> Tensor:
        """(b, 1 + K) float32."""
        return answer_scores(self.base(), questions, self.answers)


def shared(judge: Judge, in_shares: bool) -> nn.Module:
    """The same module, of whose gradients all processes get the mean.

    in_shares  each process holds a share of every weight, frozen ones included, and gathers a
               layer's for as long as it computes with it (torch's `fully_shard`, which is FSDP's
               second version; parameters are then new ones, under the names of the old); else
               each holds them all
    """
    if not in_shares:
        return processes.learning_together(judge)
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(computing_device().type, (processes.count(),))
    decoder = judge.base().get_decoder()
    for layer in decoder.get_submodule(ARCHITECTURES[decoder.config.model_type].layers):
        fully_shard(layer, mesh=mesh)
    fully_shard(judge, mesh=mesh)
    return judge.to(computing_device())  # buffers: of them there are no shares
