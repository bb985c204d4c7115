# Gpt, from <string>, written by fanin 0.1.0. It needs torch, and nothing of fanin.
# 92,592 parameters.
# Hyper-parameters: vocab = 96, context = 64, width = 48, depth = 3, heads = 4

import hashlib
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class Attention(nn.Module):
    """Causal self-attention of several heads.

    [B, T, dim] -> [B, T, dim]
    """

    def __init__(self, dim: int, heads: int, p: float = 0.1) -> None:
        super().__init__()
        self.heads = heads
        self.dim = dim
        self.p = p
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        B, T, _ = x.shape
        q, k, v = self.qkv(x).chunk(3, dim=-1)  # [B, T, dim] each
        q = q.reshape(B, T, self.heads, self.dim // self.heads).transpose(1, 2)  # [B, 4, T, 12]
        k = k.reshape(B, T, self.heads, self.dim // self.heads).transpose(1, 2)
        v = v.reshape(B, T, self.heads, self.dim // self.heads).transpose(1, 2)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        h = a.transpose(1, 2).reshape(B, T, self.dim)  # [B, T, dim]
        return F.dropout(self.proj(h), self.p, training=self.training)


class GptBlock(nn.Module):
    """[B, T, width] -> [B, T, width]"""

    def __init__(self, width: int, heads: int, p: float = 0.1) -> None:
        super().__init__()
        self.p = p
        self.ln1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, p=p)
        self.ln2 = nn.LayerNorm(width)
        self.fc = nn.Linear(width, 4 * width)
        self.proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln1(x))
        h = F.gelu(self.fc(self.ln2(x)))  # [B, T, 4 * width]
        return x + F.dropout(self.proj(h), self.p, training=self.training)


class Gpt(nn.Module):
    """int[B, T] -> [B, T, 96]"""

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__()
        with torch.device("meta"), _Undrawn():
            self.wte = nn.Embedding(96, 48)
            self.wpe = nn.Embedding(64, 48)
            self.h = nn.ModuleList([GptBlock(48, 4) for _ in range(3)])
            self.ln_f = nn.LayerNorm(48)
            self.lm_head = nn.Linear(48, 96, bias=False)
            self.lm_head.weight = self.wte.weight
        _draw_weights(self, seed)

    def forward(self, token: Tensor) -> Tensor:
        if token.dtype not in (torch.long, torch.int) or token.dim() != 2:
            raise ValueError(f"token must be int[B, T], not {token.dtype} {list(token.shape)}")
        T = token.shape[1]
        if T > 64:
            raise ValueError(f"T must be at most 64, not {T}: there are no more positions")
        x = self.wte(token)  # [B, T, 48]
        x = x + self.wpe(torch.arange(T, device=self.wte.weight.device))
        x = F.dropout(x, 0.1, training=self.training)
        for h in self.h:
            x = h(x)
        return self.lm_head(self.ln_f(x))


class _Undrawn(TorchFunctionMode):
    """Modules are made without PyTorch's own first values, which nothing would read."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def _usual_law(module: nn.Module, name: str, tensor: Tensor) -> None:
    """The law of what states none of its own where it is made."""
    if isinstance(module, nn.Linear):
        if name == "weight":
            nn.init.normal_(tensor, std=0.02)
        else:
            nn.init.zeros_(tensor)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(tensor, std=0.02)
    elif name in ("weight", "running_var"):
        nn.init.ones_(tensor)
    else:
        nn.init.zeros_(tensor)


def _draw_weights(model: nn.Module, seed: int) -> None:
    """Give every tensor of a model that was built without storage its first values.

    Each is drawn on the CPU, from a seed made of ``seed`` and its name: it depends on nothing else.
    """
    drawn: dict[int, Tensor] = {}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for path, module in model.named_modules():
            for tensors in (module._parameters, module._buffers):
                for name, old in tensors.items():
                    if old is None or not old.is_meta:
                        continue
                    if id(old) not in drawn:
                        new = torch.empty(old.shape, dtype=old.dtype)
                        key = f"{seed}:{path}.{name}" if path else f"{seed}:{name}"
                        digest = hashlib.sha256(key.encode()).digest()
                        torch.default_generator.manual_seed(int.from_bytes(digest[:8], "big"))
                        getattr(old, "law", partial(_usual_law, module, name))(new)
                        if isinstance(old, nn.Parameter):
                            new = nn.Parameter(new, requires_grad=old.requires_grad)
                        drawn[id(old)] = new
                    tensors[name] = drawn[id(old)]
