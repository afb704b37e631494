"""A transformer cut between two of its layers: what lies below the cut, and what lies above.

The table of architectures (`encoders/architectures.py`) says where each one keeps its parts.
"""

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from replication.encoders.architectures import ARCHITECTURES

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.modeling_outputs import BaseModelOutput
    from transformers.models.albert.modeling_albert import AlbertTransformer


class Given(nn.Module):
    """Stands where a transformer embeds its tokens, and passes on what it is given."""

    def forward(
        self, *given: Tensor | None, inputs_embeds: Tensor | None = None, **_: object
    ) -> Tensor:
        """(n, t, d), in whatever place or under whatever name it comes."""
        if inputs_embeds is None:
            inputs_embeds = next(x for x in given if x is not None and x.is_floating_point())
        return inputs_embeds


class NoPlaces(nn.Module):
    """Stands where a model adds positions to its embeddings, of states that have theirs."""

    def forward(self, positions: Tensor) -> Tensor:
        """Zero."""
        return torch.zeros((), device=positions.device)


class SharedLayers(nn.Module):
    """Some of ALBERT's layers, whose weights are those of a group: groups run more than once.

    Stands where the model has its encoder. The cut does not change which group a layer is of.
    start   the number of the first layer; stop: that behind the last one
    """

    def __init__(self, encoder: "AlbertTransformer", start: int, stop: int):
        super().__init__()
        config = encoder.config
        a_group = config.num_hidden_layers / config.num_hidden_groups
        self.order = [str(int(i / a_group)) for i in range(start, stop)]
        groups = dict(encoder.albert_layer_groups.named_children())
        self.albert_layer_groups = nn.ModuleDict({g: groups[g] for g in sorted({*self.order})})
        self.embedding_hidden_mapping_in = encoder.embedding_hidden_mapping_in

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, **options: object
    ) -> tuple[Tensor]:
        """(n, t, d) -> the states behind the last of these layers, (n, t, d)."""
        hidden_states = self.embedding_hidden_mapping_in(hidden_states)
        for group in self.order:
            layer = self.albert_layer_groups[group]
            hidden_states = layer(hidden_states, attention_mask, **options)
        return (hidden_states,)


class NoLayers(nn.Module):
    """Stands for the encoder of DeBERTa v2, which cannot run without layers."""

    def forward(self, hidden_states: Tensor, *_: object, **__: object) -> "BaseModelOutput":
        """(n, t, d) -> the same."""
        from transformers.modeling_outputs import BaseModelOutput

        return BaseModelOutput(hidden_states, (hidden_states,))


def cut(model: "PreTrainedModel", start: int, stop: int, ends: bool) -> "PreTrainedModel":
    """The model with its layers from number `start` up to and without `stop`, changed in place.

    ends  the last of them is the encoder's last, so that the norm behind it, if the architecture
          has one, belongs to them; else they end in what the layer above them reads
    """
    parts = ARCHITECTURES[model.config.model_type]
    if parts.shared:
        model.encoder = SharedLayers(cast("AlbertTransformer", model.encoder), start, stop)
    else:
        layers = cast(nn.ModuleList, model.get_submodule(parts.layers))
        if start or stop < len(layers):
            model.set_submodule(parts.layers, layers[start:stop])
        if start and getattr(model.config, "layer_types", None):  # by place among those there are
            model.config.layer_types = model.config.layer_types[start:stop]
    if parts.norm and not ends:
        model.set_submodule(parts.norm, nn.Identity())
    if parts.only_first and start:
        owner, _, name = parts.only_first.rpartition(".")
        setattr(model.get_submodule(owner), name, None)
    if parts.only_first and stop == 0:
        model.encoder = NoLayers()
    return model


def reading_states(model: "PreTrainedModel") -> "PreTrainedModel":
    """The model, changed so that its `inputs_embeds` are states below its first layer, (n, t, d).

    Of its parameters those of its layers train, and nothing else: no biases of attention or norms
    that all layers share with those below the cut.
    """
    parts = ARCHITECTURES[model.config.model_type]
    if parts.embeddings:
        model.set_submodule(parts.embeddings, Given())
    else:
        model.set_input_embeddings(Given())
    if parts.places:
        model.set_submodule(parts.places, NoPlaces())
    owner, _, name = (parts.above or "").rpartition(".")
    if parts.above and hasattr(model.get_submodule(owner), name):
        model.set_submodule(parts.above, nn.Identity())
    model.requires_grad_(False)
    layers_of(model).requires_grad_(True)
    return model


def layers_of(model: "PreTrainedModel") -> nn.ModuleList | nn.ModuleDict:
    """The module that holds a model's layers; where they share weights, the groups of them."""
    layers = model.get_submodule(ARCHITECTURES[model.config.model_type].layers)
    return cast(nn.ModuleList | nn.ModuleDict, layers)


def copied(top: "PreTrainedModel", depth: int) -> int:
    """Parameters of the layers above a cut at `depth` that stand below it as well, untrained: of
    layers that share weights."""
    if not (depth and ARCHITECTURES[top.config.model_type].shared):
        return 0
    return sum(p.numel() for p in layers_of(top).parameters())
