"""Eq. 1-6 against numbers worked out by hand, and the gradient from painter to segmentor."""

from math import log

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from segan_ros.crops import planes as crops  # noqa: E402
from segan_ros.model.losses import (  # noqa: E402
    LossWeights,
    Regions,
    adversarial_loss,
    l1_loss,
    mask_loss,
    order_loss,
    overlap_loss,
    painting_loss,
    total_loss,
)
from segan_ros.model.segan import SeGAN, Sizes, canvas, hardened  # noqa: E402

pytestmark = pytest.mark.torch

PAPER = LossWeights()


def row(*values):
    return torch.tensor(values, dtype=torch.float32).view(1, 1, 1, -1)


def logit(p):
    return log(p / (1 - p))


# One pixel each: visible, invisible, background, background where another object is seen.
REGIONS = Regions(whole=row(1, 1, 0, 0), visible=row(1, 0, 0, 0), others=row(0, 1, 0, 1))


def test_eq1_keeps_visible_colours_paints_hidden_red_and_the_rest_blue():
    rgb = torch.full((1, 3, 1, 3), 0.25)
    result = canvas(rgb, row(1, 0, 0), row(1, 1, 0))
    expected = [[0.25, 0.25, 0.25], [1, 0, 0], [0, 0, 1]]
    assert result[0, :, 0].T.tolist() == expected


def test_eq1_mixes_where_the_whole_mask_is_uncertain():
    result = canvas(torch.zeros(1, 3, 1, 1), row(0), row(0.25))
    assert result.flatten().tolist() == [0.25, 0, 0.75]


def test_eq1_of_training_equals_eq1_of_the_robot():
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (48, 64, 3), np.uint8)
    visible = rng.random((48, 64)) < 0.4
    whole = rng.random((48, 64), np.float32)
    robots = crops.canvas(rgb, visible, whole, (48, 64))
    ours = canvas(
        torch.from_numpy(crops.unmarked(rgb)).permute(2, 0, 1)[None] / 255,
        torch.from_numpy(visible)[None, None].float(),
        torch.from_numpy(whole)[None, None],
    )
    assert np.abs(robots - ours[0].numpy()).max() < 1e-6


def test_eq1_passes_red_minus_blue_to_the_hidden_pixels_of_the_mask():
    whole = row(0.9, 0.5).requires_grad_()
    visible = row(1, 0)
    result = canvas(torch.rand(1, 3, 1, 2), visible, whole)
    (result[:, 0] - result[:, 2]).sum().backward()
    assert whole.grad.flatten().tolist() == [0, 2]


def test_eq2_weighs_each_region_by_the_papers_numbers():
    logits = row(logit(0.8), logit(0.4), logit(0.3), logit(0.1))
    by_hand = -(5 * log(0.8) + 3 * log(0.4) + 1 * log(0.7) + 1 * log(0.9)) / 4
    assert mask_loss(logits, REGIONS, PAPER).item() == pytest.approx(by_hand, rel=1e-5)


def test_hallucination_on_a_neighbour_costs_what_the_config_says():
    logits = row(logit(0.8), logit(0.4), logit(0.3), logit(0.1))
    weights = LossWeights(background=0.5, visible=1, invisible=2, neighbours=6)
    by_hand = -(log(0.8) + 2 * log(0.4) + 0.5 * log(0.7) + 3 * log(0.9)) / 4
    assert mask_loss(logits, REGIONS, weights).item() == pytest.approx(by_hand, rel=1e-5)


def test_overlap_loss_is_one_minus_soft_iou_of_what_is_hidden_by_neighbours():
    probability = row(0.9, 0.4, 0.9, 0.1)
    slack = 0.005 * 4
    by_hand = 1 - (0.4 + slack) / (1 + 0.1 + slack)
    assert overlap_loss(probability, REGIONS).item() == pytest.approx(by_hand, rel=1e-5)


def test_overlap_loss_of_an_unhidden_object_vanishes_with_its_hallucination():
    regions = Regions(whole=row(1, 0), visible=row(1, 0), others=row(0, 1))
    assert overlap_loss(row(1, 0), regions).item() == 0
    assert overlap_loss(row(1, 0.8), regions) > overlap_loss(row(1, 0.1), regions) > 0


def test_order_loss_is_the_mean_cross_entropy_over_pairs():
    """Two pixels of an object in front, one of another that is not, one where nothing is asked."""
    logits = row(logit(0.8), logit(0.6), logit(0.3), 5.0)
    by_hand = -((log(0.8) + log(0.6)) / 2 + log(0.7)) / 2
    assert order_loss(logits, row(0.5, 0.5, -1, 0)).item() == pytest.approx(by_hand, rel=1e-5)


def test_order_loss_of_an_object_alone_is_nothing():
    assert order_loss(row(3.0, -3.0), row(0, 0)).item() == 0


def test_eq3_is_cross_entropy_on_every_patch():
    verdict = row(logit(0.9), logit(0.2))
    real, fake = -(log(0.9) + log(0.2)) / 2, -(log(0.1) + log(0.8)) / 2
    assert adversarial_loss(verdict, real=True).item() == pytest.approx(real, rel=1e-5)
    assert adversarial_loss(verdict, real=False).item() == pytest.approx(fake, rel=1e-5)


def test_eq4_is_the_mean_difference_on_the_scale_of_pix2pix():
    appearance, target = torch.full((1, 3, 1, 2), 0.5), torch.zeros(1, 3, 1, 2)
    target[..., 1] = 0.4
    assert l1_loss(appearance, target, row(0, 1)).item() == pytest.approx(2 * (0.5 + 0.1) / 2)
    assert l1_loss(appearance, target, row(0, 1), hidden=5).item() == pytest.approx(0.5 + 5 * 0.1)


def test_eq5_and_eq6_add_up_with_100_and_a_tenth():
    verdict, l1, mask = row(logit(0.5)), torch.tensor(0.02), torch.tensor(0.7)
    painting = painting_loss(adversarial_loss(verdict, real=True), l1, PAPER)
    assert painting.item() == pytest.approx(log(2) + 100 * 0.02, rel=1e-5)
    assert total_loss(mask, painting, PAPER).item() == pytest.approx(
        0.7 + 0.1 * (log(2) + 2), rel=1e-5
    )


def test_hardened_masks_are_binary_and_keep_the_soft_gradient():
    probability = row(0.2, 0.7).requires_grad_()
    hard = hardened(probability)
    (hard * row(3, 5)).sum().backward()
    assert hard.flatten().tolist() == [0, 1]
    assert probability.grad.flatten().tolist() == [3, 5]


@pytest.mark.parametrize("size", ["tabletop", "paper"])
def test_painting_errors_reach_the_segmentor_through_the_canvas(size):
    torch.manual_seed(0)
    small = Sizes((8, 8, 8, 8), 4, 8, 4)
    model = SeGAN(size, small)
    spec = model.spec.segmentor
    planes = torch.rand(2, spec.channels, *spec.size)
    boxes = torch.tensor([[0.1, 0.1, 0.9, 0.9]] * 2)
    side = model.spec.painter.size
    picture, seen, occluders = (
        torch.rand(2, 3, *side),
        torch.zeros(2, 1, *side),
        torch.ones(2, 1, *side),
    )
    for p in model.painter.parameters():  # ours starts without a say
        torch.nn.init.normal_(p, 0, 0.1)
    logits, painted_on, appearance = model(planes, boxes, picture, seen, occluders)
    assert logits.shape[-2:] == model.mask_size
    assert painted_on.shape == appearance.shape == (2, 3, *side)
    appearance[:, 0].mean().backward()
    first = next(model.segmentor.parameters())
    assert first.grad is not None and first.grad.abs().sum() > 0


def test_where_nothing_can_hide_the_object_painting_teaches_the_segmentor_nothing():
    model = SeGAN("tabletop", Sizes((8, 8, 8, 8), 4, 8, 4))
    nothing = torch.zeros(2, 1, 64, 64)
    arguments = (torch.rand(2, 8, 96, 96), torch.zeros(2, 4), torch.rand(2, 3, 64, 64))
    model(*arguments, nothing, nothing)[2].mean().backward()
    assert all(p.grad is None or not p.grad.any() for p in model.segmentor.parameters())


def test_unknown_size_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"model\.size is 'huge'; choose from paper, tabletop"):
        SeGAN("huge")
