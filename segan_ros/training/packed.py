"""Batches that are made where they are learned from: on a GPU, from a pack of scenes.

Everything is drawn for the whole batch at once, and nothing waits for a CPU: which objects, how
they are turned and cut out, what is pasted in front of them, colours, blur and noise. A batch is a
function of seed, step and kind of device alone. It is made as `Batches` makes it, but for this:

- masks are those of the pack's variants, never noisy ones;
- what is pasted are objects as scenes show them, it is placed in the view that was chosen without
  it, and nobody asks who lies in front of it;
- the view of a warped object is that of its warped box, which is wider by a sixth on average;
- order is asked of all objects, also where drawn masks contradict the truth;
- nothing is put on photographs, blur is of the view's pixels, depth comes in 254 steps and has
  neither holes nor flying pixels;
- hidden pixels may lie in no gap between masks.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from segan_ros.runtime.spec import ModelSpec
from segan_ros.training.augment import LEAST_LEFT, MOST_DEPTH_NOISE, SHEAR, STRETCH, TURN
from segan_ros.training.config import Augmentation, Config, Stage
from segan_ros.training.data import IN_FRONT, Batch
from segan_ros.training.packs import MOST_OBJECTS, OTHER, Pack
from segan_ros.training.surroundings import OCCLUDED

PASTED = OTHER
"""Number of an object that was pasted in front."""


class Chosen(NamedTuple):
    """``(B,)`` each: subjects, and the variants of the masks that are shown."""

    subject: Tensor
    variant: Tensor


class Look(NamedTuple):
    """What is sampled of the pictures, at twice the side of the result: two samples a pixel and
    direction, as `crops.resized` takes them.

    Args:
        rgb: ``(B, 3, S, S)`` in 0..1.
        labels: ``(B, S, S)`` int64, as a segmenter draws them, the nearest.
        visible, labelled, whole: ``(B, S, S)`` in 0..1, bilinear: the object's mask, all masks, and
            the object's whole mask, which contains the first.
        depth: ``(B, S, S)`` metres, NaN unknown.
    """

    rgb: Tensor
    labels: Tensor
    visible: Tensor
    labelled: Tensor
    whole: Tensor
    depth: Tensor


def check_stage(number: int, stage: Stage, spec: ModelSpec) -> None:
    """Whether a stage can learn from a pack.

    Raises:
        ValueError: it trains something else than a segmentor that sees the widened box.
    """
    if stage.trains != "segmentor" or spec.segmentor.view != "roi":
        raise ValueError(
            f"stages[{number}] trains {stage.trains}; from a pack of scenes only a segmentor that "
            "sees the widened box can learn: give folders of scenes"
        )


class PackedBatches(Dataset[Batch]):
    """The batches of one stage that trains the segmentor, by step.

    Args:
        pack: what to draw from.
        config: seed, augmentation, share of occluded objects.
        number: of the stage in `config`.
        spec: what the segmentor looks at: the widened box.
        device: where they are made.

    Raises:
        ValueError: the stage trains something else, or no object is occluded, or none is not.
    """

    def __init__(
        self, pack: Pack, config: Config, number: int, spec: ModelSpec, device: torch.device
    ) -> None:
        self.config, self.number, self.spec = config, number, spec.segmentor
        self.stage, self.device = config.stages[number], device
        check_stage(number, self.stage, spec)
        side = self.stage.side or self.spec.size[0]
        self.side = side
        self.size = pack.rgb.shape[1:3]

        def here(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device)

        self.rgb = here(pack.rgb).view(-1, 3)
        self.labels = here(pack.labels).view(-1)
        self.depth = here(pack.depth).view(-1)
        self.hides, self.whole = here(pack.hides), here(pack.whole)
        self.scene, self.own, self.boxes = here(pack.scene), here(pack.number), here(pack.boxes)
        self.variants = pack.labels.shape[1]
        hidden, near = pack.hidden >= OCCLUDED, pack.near
        self.occluded, self.clear = (here(np.flatnonzero(c)) for c in (hidden, ~hidden & near))
        self.entire = here(np.flatnonzero(pack.hidden < 0.005))
        for name, group in (("occluded", self.occluded), ("beside others", self.clear)):
            if not len(group):
                raise ValueError(f"the pack holds no object that is {name}")

    def __len__(self) -> int:
        return self.stage.steps

    @torch.no_grad()
    def __getitem__(self, step: int) -> Batch:
        key = (self.config.seed, self.number, step)
        seed = int(np.random.SeedSequence(key).generate_state(1)[0])
        draw = _Draw(torch.Generator(self.device).manual_seed(seed), self.stage.batch)
        chosen = self._chosen(draw)
        x, y, reach = self._places(chosen, draw)
        look = self._look(chosen, x, y)
        own = self.own[chosen.subject]
        look, others = self._with_depth(look, draw), self.config.augmentation.paste
        look = self._pasted(look, own, chosen, draw) if others and len(self.entire) else look
        look = look._replace(rgb=_photographed(look.rgb, self.config.augmentation, draw))
        return self._batch(look, own, reach, self.hides[self.scene[chosen.subject]])

    def _chosen(self, draw: _Draw) -> Chosen:
        count = round(self.config.data.occluded * self.stage.batch)
        subject = torch.cat(
            [
                self.occluded[draw.integers(len(self.occluded), count)],
                self.clear[draw.integers(len(self.clear), self.stage.batch - count)],
            ]
        )
        variant = torch.zeros_like(subject)
        if self.variants > 1:
            drawn = 1 + draw.integers(self.variants - 1)
            variant = torch.where(draw.chance(self.config.augmentation.drawn_masks), drawn, 0)
        box = self.boxes[subject, variant]
        return Chosen(subject, torch.where(box[:, 2] > box[:, 0], variant, 0))  # lost: as it is

    def _places(self, chosen: Chosen, draw: _Draw) -> tuple[Tensor, Tensor, Tensor]:
        """``(B, S, S)`` columns and rows in the picture of all samples, and ``(B,)`` reach (see
        `crops.input_planes`)."""
        chances = self.config.augmentation
        box = self.boxes[chosen.subject, chosen.variant].float()
        middle = (box[:, :2] + box[:, 2:] - 1) / 2
        # From the result to the picture: turned, stretched and sheared about the object's middle.
        turn = draw.uniform(-TURN, TURN)
        stretch = draw.uniform(-STRETCH, STRETCH).exp()
        shear = draw.uniform(-SHEAR, SHEAR)
        cosine, sine = turn.cos(), turn.sin()
        rotation = torch.stack([cosine, -sine, sine, cosine], 1).view(-1, 2, 2)
        shape = torch.stack([stretch, shear, torch.zeros_like(shear), 1 / stretch], 1)
        warp = rotation @ shape.view(-1, 2, 2)
        warped = draw.chance(chances.warp)
        warp = torch.where(warped[:, None, None], warp, torch.eye(2, device=self.device))
        half = (box[:, 2:] - box[:, :2]) / 2
        seen = (warp.inverse().abs() @ half[:, :, None])[:, :, 0]  # of the warped object's box
        extent = 2 * seen
        if self.spec.roi.of == "longest_side":
            extent = extent.amax(1, keepdim=True).expand(-1, 2)
        low, high = chances.margin
        before, after = (draw.uniform(low, high, 2) * extent for _ in range(2))
        start, end = middle + 0.5 - seen - before, middle + 0.5 + seen + after
        limit = torch.tensor(self.size[::-1], device=self.device, dtype=torch.float32)
        # Beyond the picture there is nothing to see, as on a robot.
        start, end = start.clamp(min=0), torch.minimum(end, limit)
        side = 2 * self.side
        steps = (torch.arange(side, device=self.device) + 0.5) / side
        flip = draw.chance(chances.flip)
        across = torch.where(flip[:, None], 1 - steps, steps)
        x = start[:, :1] + across * (end - start)[:, :1] - 0.5
        y = start[:, 1:] + steps * (end - start)[:, 1:] - 0.5
        away_x, away_y = (
            x[:, None, :] - middle[:, 0, None, None],
            y[:, :, None] - middle[:, 1, None, None],
        )
        a, b, c, d = (warp.view(-1, 4)[:, k, None, None] for k in range(4))
        columns = middle[:, 0, None, None] + a * away_x + b * away_y
        rows = middle[:, 1, None, None] + c * away_x + d * away_y
        return (
            _mirrored(columns, self.size[1]),
            _mirrored(rows, self.size[0]),
            (end - start).amax(1) / max(self.size),
        )

    def _look(self, chosen: Chosen, x: Tensor, y: Tensor) -> Look:
        height, width = self.size
        subject = chosen.subject[:, None, None]
        scene = self.scene[subject]
        variant = (scene * self.variants + chosen.variant[:, None, None]) * height * width
        nearest = y.round().long() * width + x.round().long()
        left, top = x.floor().clamp(0, width - 2), y.floor().clamp(0, height - 2)
        right, low, at = x - left, y - top, top.long() * width + left.long()
        visible, labelled, whole = torch.zeros(3, *x.shape, device=self.device)
        for corner, weight in (
            (at, (1 - right) * (1 - low)),
            (at + 1, right * (1 - low)),
            (at + width, (1 - right) * low),
            (at + width + 1, right * low),
        ):
            label = self.labels[variant + corner]
            mine = label == self.own[subject]
            bits = self.whole[subject, corner >> 3] >> (7 - (corner & 7)).to(torch.uint8)
            visible, labelled = visible + weight * mine, labelled + weight * (label > 0)
            whole = whole + weight * (mine | ((bits & 1) > 0))
        return Look(
            self._colours(scene, x, y),
            self.labels[variant + nearest].long(),
            visible,
            labelled,
            whole,
            self.depth[scene * height * width + nearest].float(),
        )

    def _colours(self, scene: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """``(B, 3, S, S)`` in 0..1, bilinear."""
        height, width = self.size
        left, top = x.floor().clamp(0, width - 2), y.floor().clamp(0, height - 2)
        right_share, low_share = (x - left)[..., None], (y - top)[..., None]
        at = scene * height * width + top.long() * width + left.long()
        above, below = (
            self.rgb[at + k].float() * (1 - right_share)
            + self.rgb[at + k + 1].float() * right_share
            for k in (0, width)
        )
        return torch.lerp(above, below, low_share).permute(0, 3, 1, 2) / 255

    def _with_depth(self, look: Look, draw: _Draw) -> Look:
        """With noise in depth, or without any of it."""
        chances = self.config.augmentation
        share = draw.uniform(0, MOST_DEPTH_NOISE) * draw.chance(chances.depth_noise)
        noise = 1 + share[:, None, None] * draw.normal(*look.depth.shape[1:])
        hidden = ~draw.chance(chances.depth)[:, None, None]
        return look._replace(depth=torch.where(hidden, torch.nan, look.depth * noise))

    def _pasted(self, look: Look, own: Tensor, chosen: Chosen, draw: _Draw) -> Look:
        """With an unoccluded object of another scene in front of some."""
        chances, count, side = self.config.augmentation, self.stage.batch, 2 * self.side
        subject = self.entire[draw.integers(len(self.entire))]
        box = self.boxes[subject, 0].float()
        size = (box[:, 2:] - box[:, :2]).amax(1)
        solid = look.whole > 0.5
        rows, columns = solid.any(2).float().sum(1), solid.any(1).float().sum(1)
        # Its middle goes near the border of the object's box: most hides a part.
        extent = torch.maximum(rows, columns).clamp(min=4)
        scale = size / (extent * draw.uniform(0.5, 1.2))  # pixels of its picture for one of ours
        angle, reach = draw.uniform(0, 2 * math.pi), draw.uniform(0.3, 1.1) / 2
        grid = torch.arange(side, device=self.device, dtype=torch.float32)
        weight = look.whole
        total = weight.sum((1, 2)).clamp(min=1)
        centre = torch.stack(
            [(weight.sum(1) * grid).sum(1) / total, (weight.sum(2) * grid).sum(1) / total], 1
        )
        centre += reach[:, None] * torch.stack([columns * angle.cos(), rows * angle.sin()], 1)
        flip = torch.where(draw.chance(0.5), -1.0, 1.0)
        middle = (box[:, :2] + box[:, 2:] - 1) / 2
        x = middle[:, :1] + (flip * scale)[:, None] * (grid - centre[:, :1])
        y = middle[:, 1:] + scale[:, None] * (grid - centre[:, 1:])
        x = x[:, None, :].expand(count, side, side)
        y = y[:, :, None].expand(count, side, side)
        height, width = self.size
        inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
        x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
        theirs = self._look(Chosen(subject, torch.zeros_like(subject)), x, y)
        over = inside & (theirs.labels == self.own[subject][:, None, None])
        seen = look.labels == own[:, None, None]
        left = (seen & ~over).sum((1, 2)) >= LEAST_LEFT * seen.sum((1, 2))
        over &= (left & draw.chance(chances.paste))[:, None, None]
        number = torch.where(draw.chance(chances.unlabelled), 0, PASTED)[:, None, None]
        nearest = torch.where(over, look.depth, torch.nan).flatten(1).nan_to_num(torch.inf).amin(1)
        ahead = (nearest * (1 - draw.uniform(0.005, 0.08)))[:, None, None]
        depth = torch.where(ahead.isfinite(), ahead, torch.nan)
        return look._replace(
            rgb=torch.where(over[:, None], theirs.rgb, look.rgb),
            labels=torch.where(over, number, look.labels),
            visible=torch.where(over, 0, look.visible),
            labelled=torch.where(over, (number > 0).float(), look.labelled),
            depth=torch.where(over, depth, look.depth),
        )

    def _batch(self, look: Look, own: Tensor, reach: Tensor, hides: Tensor) -> Batch:
        labels = look.labels
        visible = F.avg_pool2d(look.visible[:, None], 2)
        labelled = F.avg_pool2d(look.labelled[:, None], 2)
        small, depth = labels[:, ::2, ::2], look.depth[:, ::2, ::2]
        is_own = small == own[:, None, None]
        distance = (
            torch.where(is_own, depth, torch.nan).flatten(1).nanmedian(1).values[:, None, None]
        )
        ahead = (distance - depth) / (distance * reach[:, None, None]) + 0.5
        known = ahead.isfinite()
        borders = torch.zeros_like(small, dtype=torch.bool)
        borders[:, :, 1:] = small[:, :, 1:] != small[:, :, :-1]
        borders[:, 1:] |= small[:, 1:] != small[:, :-1]
        kinds = {
            "rgb": F.avg_pool2d(look.rgb, 2),
            "visible": visible,
            "others": labelled - visible,
            "borders": borders[:, None].float(),
            "depth": torch.stack([torch.where(known, ahead.clamp(0, 1), 0.5), known.float()], 1),
        }
        in_front = (labels == 0) & (look.depth < distance - IN_FRONT)
        in_front &= self.spec.occluders == "auto"
        occluders = F.avg_pool2d(torch.where(in_front, 1, look.labelled)[:, None], 2)
        whole = torch.maximum(F.avg_pool2d(look.whole[:, None], 2), visible)
        none = torch.zeros(len(own), 0, device=self.device)
        return Batch(
            planes=torch.cat([kinds[name] for name in self.spec.planes], 1),
            boxes=torch.zeros(len(own), 4, device=self.device),
            whole=whole,
            visible=visible,
            others=(occluders - visible).clamp(min=0),
            order=_order(small, own, hides)[:, None],
            picture=none,
            seen=none,
            full=none,
            occluders=none,
            target=none,
        )


class _Draw:
    """Lots for a batch of so many objects."""

    def __init__(self, generator: torch.Generator, count: int) -> None:
        self.generator, self.count, self.device = generator, count, generator.device

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        lots = torch.rand(self.count, *shape, generator=self.generator, device=self.device)
        return low + (high - low) * lots

    def chance(self, probability: float) -> Tensor:
        return self.uniform(0, 1) < probability

    def integers(self, limit: int, count: int | None = None) -> Tensor:
        shape = (self.count if count is None else count,)
        return torch.randint(limit, shape, generator=self.generator, device=self.device)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(self.count, *shape, generator=self.generator, device=self.device)


def _order(labels: Tensor, own: Tensor, hides: Tensor) -> Tensor:
    """``(B, h, w)``, as `order_loss` takes it; 0 at what is no other object, or was pasted."""
    count = MOST_OBJECTS + 1
    known = (labels > 0) & (labels < count) & (labels != own[:, None, None])
    at = torch.where(known, labels, 0)
    pixels = torch.zeros(len(labels), count, device=labels.device)
    pixels.scatter_add_(1, at.flatten(1), torch.ones_like(at.flatten(1), dtype=torch.float32))
    batch = torch.arange(len(labels), device=labels.device)
    side = torch.where(hides[batch, :, own], 1.0, -1.0) / pixels.clamp(min=1)
    return torch.where(known, side.gather(1, at.flatten(1)).view(labels.shape), 0)


def _mirrored(places: Tensor, limit: int) -> Tensor:
    """Places in a picture whose mirror images lie around it."""
    period = 2 * (limit - 1)
    folded = places.remainder(period)
    return torch.where(folded > limit - 1, period - folded, folded)


def _photographed(rgb: Tensor, chances: Augmentation, draw: _Draw) -> Tensor:
    """With other colours, out of focus, and with noise, as `augment.augmented` makes them."""
    count = len(rgb)
    tones = rgb.clamp(1e-4, 1) ** draw.uniform(0.7, 1.4)[:, None, None, None]
    gain, lift = draw.uniform(0.7, 1.3), draw.uniform(-0.12, 0.12)
    tones = (tones - 0.5) * gain[:, None, None, None] + 0.5 + lift[:, None, None, None]
    saturation = draw.uniform(0.3, 1.3)[:, None, None]
    shuffled = torch.argsort(draw.uniform(0, 1, 3), dim=1)
    plain = torch.arange(3, device=rgb.device).expand(count, 3)
    order = torch.where(draw.chance(0.3)[:, None], shuffled, plain)
    mixing = saturation * F.one_hot(order, 3).float() + (1 - saturation) / 3
    mixing = mixing * draw.uniform(0.85, 1.15, 3)[:, :, None]
    coloured = torch.einsum("bij,bjhw->bihw", mixing, tones.clamp(0, 1)).clamp(0, 1)
    rgb = torch.where(draw.chance(chances.colour)[:, None, None, None], coloured, rgb)
    # At twice the side: half as sharp there is as sharp as the picture allows here.
    sigma = draw.uniform(0.8, 2.8)
    taps = torch.arange(-6, 7, device=rgb.device)
    kernel = torch.exp(-(taps**2) / (2 * sigma[:, None] ** 2))
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)
    flat = rgb.reshape(1, -1, *rgb.shape[2:])
    padded = F.pad(flat, (6, 6, 6, 6), mode="reflect")
    soft = F.conv2d(padded, kernel[:, None, None, :], groups=3 * count)
    soft = F.conv2d(soft, kernel[:, None, :, None], groups=3 * count).reshape(rgb.shape)
    rgb = torch.where(draw.chance(chances.blur)[:, None, None, None], soft, rgb)
    grain = draw.uniform(2, 12)[:, None, None, None] / 255 * draw.normal(*rgb.shape[1:])
    grain = grain * draw.chance(chances.noise)[:, None, None, None]
    return (rgb + grain).clamp(0, 1)
