"""What keeps a film going: its codes, a teacher who knows the way from anywhere, and walks that never end."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.test_next_frame import SIZE, config, film_pairs
from training.examples import open_examples
from training.film_examples import FilmExamples
from training.networks.flowing import Flowing
from training.networks.memory import FADING, PLACE, Memory
from training.rehearsal import Teacher, Walkers

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> FilmExamples:
    return open_examples(film_pairs(tmp_path_factory.mktemp("memory")), config())  # type: ignore[return-value]


@pytest.fixture(scope="module")
def memory(examples: FilmExamples) -> Memory:
    torch.manual_seed(0)
    made = Memory(12, SIZE)
    made.remember(examples.frames[examples.train])
    return made


@pytest.fixture(scope="module")
def teacher(memory: Memory, examples: FilmExamples) -> Teacher:
    return Teacher(memory, examples, CPU)


def _pictures(frames: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1


def test_a_picture_of_few_components_is_remembered_whole() -> None:
    rng = np.random.default_rng(0)
    blocks = rng.uniform(-0.2, 0.2, (3, 4, 8, 3)).repeat(8, axis=1).repeat(8, axis=2)
    frames = np.stack([np.tensordot(rng.uniform(-1, 1, 3), blocks, 1) for _ in range(20)])
    levels = np.rint((frames + 1) * 127.5).astype(np.uint8)
    memory = Memory(3, SIZE)
    memory.remember(levels)
    codes = memory.codes(_pictures(levels))
    assert torch.allclose(codes.mean(dim=0), torch.zeros(3), atol=1e-3)
    assert torch.allclose(codes.square().mean(dim=0), torch.ones(3), atol=1e-2)
    back = memory.pictured(codes) + memory.mean.view(1, 3, 16, 32).repeat_interleave(2, 2).repeat_interleave(2, 3)
    inside = (slice(None), slice(None), slice(2, 6), slice(2, 6))  # enlarging smooths the edges of a block
    assert float((back - _pictures(levels))[inside].abs().max()) < 0.02


def test_fewer_frames_than_numbers_leave_the_rest_at_nothing(examples: FilmExamples) -> None:
    memory = Memory(12, SIZE)
    memory.remember(examples.frames[:5])
    codes = memory.codes(_pictures(examples.frames[:5]))
    assert bool((codes[:, 4:] == 0).all())
    assert bool(torch.isfinite(codes).all())


def test_on_the_film_the_teacher_goes_on_as_the_film_did(
    teacher: Teacher, memory: Memory, examples: FilmExamples
) -> None:
    place = int(examples.train[4])
    codes = memory.codes(_pictures(examples.frames[[place - 2, place, place + 2]]))
    assert torch.allclose(teacher.after(codes[:1], codes[1:2]), codes[2:], atol=1e-3)


def test_what_is_different_from_the_film_fades(teacher: Teacher, memory: Memory, examples: FilmExamples) -> None:
    place = int(examples.train[4])
    codes = memory.codes(_pictures(examples.frames[[place - 2, place, place + 2]]))
    off = 0.01 * torch.ones_like(codes[:1])
    told = teacher.after(codes[:1] + off, codes[1:2] + off)
    assert torch.allclose(told - codes[2:], FADING * off, atol=1e-3)


def test_at_the_end_of_what_was_learned_the_teacher_goes_back_into_the_film(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    slow = open_examples(film_pairs(tmp_path_factory.mktemp("slow"), count=120, speed=0.25), config())
    memory = Memory(12, SIZE)
    memory.remember(slow.frames[slow.train])  # type: ignore[union-attr]
    teacher = Teacher(memory, slow, CPU)  # type: ignore[arg-type]
    last = int(teacher.places[-1]) + 2
    before, now = (memory.codes(_pictures(slow.frames[[place]])) for place in (last - 2, last))  # type: ignore[union-attr]
    seen = []
    for _ in range(60):
        seen.append(int(teacher.places[teacher.like(before, now)[0]]))
        before, now = now, teacher.after(before, now)
    # Nothing moves back in this film; who knows only what is nearest stands at its end for ever.
    assert len(set(seen[-20:])) > 6


def test_nobody_learns_to_stand_where_the_film_stands_for_a_moment(tmp_path: Path) -> None:
    pairs = film_pairs(tmp_path, speed=1.0)
    examples = open_examples(pairs, config())
    examples.frames[10:16] = examples.frames[10]  # type: ignore[union-attr]
    memory = Memory(12, SIZE)
    memory.remember(examples.frames[examples.train])  # type: ignore[union-attr]
    places = set(Teacher(memory, examples, CPU).places.tolist())  # type: ignore[arg-type]
    assert not places & {10, 11, 12, 13}
    assert {8, 9, 14, 15, 16} <= places


def test_a_memory_learns_to_walk_by_itself(teacher: Teacher, examples: FilmExamples) -> None:
    torch.manual_seed(0)
    memory = Memory(12, SIZE)
    memory.remember(examples.frames[examples.train])
    walks = Walkers(12)
    walks.begin(teacher)
    optimizer = torch.optim.Adam(memory.telling.parameters(), 2e-3)
    losses = []
    for _ in range(600):
        loss = walks.loss(memory, teacher)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-20:]) < 0.5 * np.mean(losses[:5])


def test_a_picture_comes_most_of_the_way_to_where_its_memory_wants_it(examples: FilmExamples) -> None:
    torch.manual_seed(0)
    generator = Flowing(6, 8, 1, SIZE, memory=12)
    memory = generator.memory
    assert memory is not None
    memory.remember(examples.frames[examples.train])
    before, now = (_pictures(examples.frames[examples.train - back]) for back in (examples.stride, 0))
    with torch.no_grad():
        wanted = memory.after(memory.codes(before), memory.codes(now))
        made = memory.codes(generator(torch.cat([before, now], dim=1)))
    missed, way = (((one - wanted) * memory.deviations).norm(dim=1).mean() for one in (made, memory.codes(now)))
    assert float(missed) < 0.6 * float(way)


def test_what_is_strange_fades_and_what_is_known_goes_on(memory: Memory, examples: FilmExamples) -> None:
    pictures = _pictures(examples.frames[[examples.train[3]]])
    assert float(memory.known(pictures).min()) == 1.0
    pictures[:, :, :PLACE, :PLACE] += torch.where(pictures[:, :, :PLACE, :PLACE] > 0, -0.6, 0.6)
    known = memory.known(pictures)
    assert float(known[0, 0, 4, 4]) == pytest.approx(1 - FADING)
    assert float(known[0, 0, -1, -1]) == 1.0


def test_what_is_remembered_cannot_leave_the_range_of_levels() -> None:
    torch.manual_seed(0)
    net = Flowing(6, 8, 1, SIZE, memory=4)
    assert net.memory is not None
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=2.0)
    net.memory.components.normal_()
    picture = torch.rand(1, 3, *SIZE) * 2 - 1
    for _ in range(20):
        picture = net(torch.cat([picture, picture], dim=1)).detach()
    assert bool(torch.isfinite(picture).all())
    assert float(picture.abs().max()) <= 1


def test_a_generator_without_a_memory_has_no_numbers() -> None:
    assert Flowing(6, 8, 1, SIZE).memory is None


def test_pictures_are_told_by_losses_that_do_not_bend_the_memory() -> None:
    net = Flowing(6, 8, 1, SIZE, memory=4)
    assert net.memory is not None
    net(torch.rand(1, 6, *SIZE)).mean().backward()
    assert all(parameter.grad is None for parameter in net.memory.parameters())
