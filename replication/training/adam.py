"""PyTorch's Adam, without the compiler that its wrappers import."""

import inspect

import torch


class Adam(torch.optim.Adam):
    """The same steps. Three methods of torch's own are wrapped for torch.compile, and the wrappers
    import it when first called: two seconds of every process, for nothing that this study uses."""

    add_param_group = inspect.unwrap(torch.optim.Adam.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Adam.zero_grad)
    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))
