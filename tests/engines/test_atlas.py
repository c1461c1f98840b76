"""The instant performer: what is cut, how it is posed, and how it travels."""

import time
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engines.atlas.cutting import BARRED, cut_atlas
from engines.atlas.dancer import likeness
from engines.atlas.engine import AtlasEngine
from engines.atlas.keys import figure_of, spread
from engines.atlas.layers import HEAD, HEAD_LIMB, PARTS, body_units, closeness, places
from engines.atlas.learning import Room, bundled, learned_atlas, worth
from engines.atlas.packing import INDEX, packed
from engines.atlas.posing import FADE, Poser, _beyond_ordinary, _depths, _kept_or_changed, _Playing, _reordered
from engines.atlas.warping import Figure, _bone_transform, _origins, trunk_transform
from engines.backends import open_engine
from engines.bundle import Bundle, made_bundle, open_bundle, write_bundle
from engines.errors import BundleError, VideoError
from engines.performer import Performer
from engines.pose.landmarks import Joint, torso_length
from engines.pose.tracker import Tracked
from engines.scene import Scene
from tests.fakes_atlas import COLORS, SIZE, WALL, PaintedTracker, colored, dancing, painted_clip, room, small_atlas

WILD = st.floats(width=32)


def small_bundle() -> Bundle:
    manifest, files = bundled(small_atlas(), name="small", room=Room(room(), (0, 0)), proportions=None, fps=25)
    return made_bundle(manifest, files)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(arrays(np.float32, (33, 4), elements=st.one_of(WILD, st.floats(-2, 3, width=32))))
def test_any_landmarks_give_a_figure(landmarks: np.ndarray) -> None:
    figure = Poser(small_atlas()).posed(landmarks)
    assert figure.shape == (SIZE, SIZE, 4)
    assert figure.dtype == np.uint8
    assert not figure[figure[..., 3] == 0].any()


def test_wild_landmarks_cost_no_more_than_a_body() -> None:
    poser, rng = Poser(small_atlas()), np.random.default_rng(0)
    started = time.thread_time()
    for _ in range(20):
        poser.posed(rng.normal(0.5, 1, (33, 4)).astype(np.float32))
    assert time.thread_time() - started < 10  # a guard against runaways, not a measurement


def test_a_key_pose_gives_its_own_frame_back() -> None:
    landmarks = dancing(8)
    for i in (0, 3, 5):
        figure = Poser(small_atlas()).posed(landmarks[i])
        frame, mask = colored(landmarks[i])
        inside = cv2.erode(mask, np.ones((3, 3), np.uint8)) > 0
        assert (figure[..., 3][inside] > 128).mean() > 0.93
        apart = np.abs(figure[..., :3].astype(int) - frame)[inside & (figure[..., 3] > 128)]
        assert apart.mean() < 22


def test_a_moved_body_is_the_same_figure_elsewhere() -> None:
    poses = dancing(8)
    here = Poser(small_atlas()).posed(poses[2])
    shifted = poses[2].copy()
    shifted[:, 0] += 16 / SIZE
    there = Poser(small_atlas()).posed(shifted)
    assert np.abs(here[:, :-16].astype(int) - there[:, 16:]).mean() < 2


def test_limbs_follow_a_pose_no_key_has() -> None:
    pose = dancing(8)[0].copy()
    elbow, wrist, hand = Joint.LEFT_ELBOW, Joint.LEFT_WRIST, [Joint.LEFT_INDEX, Joint.LEFT_PINKY, Joint.LEFT_THUMB]
    unit = float(torso_length(pose))
    pose[elbow, :2] = pose[Joint.LEFT_SHOULDER, :2] + (0.55 * unit, -0.1 * unit)
    pose[wrist, :2] = pose[elbow, :2] + (0.5 * unit, -0.1 * unit)
    pose[hand, :2] = pose[wrist, :2] + (0.12 * unit, 0)
    figure = Poser(small_atlas()).posed(pose)
    x, y = ((pose[elbow, :2] + pose[wrist, :2]) / 2 * SIZE).astype(int)
    assert figure[y, x, 3] > 200
    assert np.abs(figure[y, x, :3].astype(int) - COLORS["arm"]).max() < 70


def test_no_wall_is_carried_along() -> None:
    figure = Poser(small_atlas()).posed(dancing(8)[4])
    solid = figure[figure[..., 3] > 200][:, :3].astype(int)
    assert (np.abs(solid - WALL).max(axis=1) < 12).mean() < 0.02


def test_a_limb_goes_over_from_key_to_key() -> None:
    poser, poses = Poser(small_atlas()), dancing(8)
    first = poser.posed(poses[1])
    for _ in range(3 * FADE):
        after = poser.posed(poses[6])
    poser = Poser(small_atlas())
    poser.posed(poses[1])
    fading = poser.posed(poses[6])
    assert np.abs(fading.astype(int) - after).sum() > 0
    assert np.abs(poser.posed(poses[1]).astype(int) - first).mean() < 25


def test_a_still_body_is_still() -> None:
    poser, pose = Poser(small_atlas()), dancing(8)[3]
    first = poser.posed(pose)
    assert all(np.array_equal(first, poser.posed(pose)) for _ in range(4))


def test_keys_cover_what_was_danced() -> None:
    poses = dancing(40, 0.5)
    chosen = spread(poses, np.ones(40, np.float32), 10)
    assert len(set(chosen)) == 10
    flat = places(poses[..., :3]) / body_units(places(poses[..., :3]))[:, None, None]
    apart = np.linalg.norm(flat[:, None, 11:] - flat[None, :, 11:], axis=-1).mean(axis=-1)
    farthest = apart[:, chosen].min(axis=1).max()
    assert farthest < apart[:, :10].min(axis=1).max()


def test_a_clip_of_one_pose_gives_one_key() -> None:
    assert len(spread(np.repeat(dancing(1), 20, axis=0), np.ones(20, np.float32))) == 1


def test_a_bundle_of_an_atlas_plays_without_a_graph(tmp_path: object) -> None:
    bundle = write_bundle(tmp_path / "small", small_bundle().manifest, small_bundle().files)  # type: ignore[operator]
    opened = open_bundle(bundle.path or "")
    engine = open_engine(opened)
    assert isinstance(engine, AtlasEngine)
    drawn = Performer(opened, engine).perform(Scene(dancing(8)[2], 1.0))
    assert drawn.figure is not None
    assert np.array_equal(drawn.figure, Poser(small_atlas()).posed(dancing(8)[2]))
    assert np.abs(drawn.image.astype(int) - WALL).max() > 60


def test_who_leaves_fades_with_the_atlas() -> None:
    bundle = small_bundle()
    performer = Performer(bundle, open_engine(bundle))
    whole = performer.perform(Scene(dancing(8)[2], 1.0)).figure
    half = performer.perform(Scene(dancing(8)[2], 0.5)).figure
    gone = performer.perform(Scene(None, 0.0)).figure
    assert whole is not None
    assert half is not None
    assert gone is not None
    assert whole[..., 3].astype(int).sum() > 1.8 * half[..., 3].astype(int).sum() > 0 == gone.sum()


def test_an_atlas_travels_unchanged() -> None:
    atlas, bundle = small_atlas(), small_bundle()
    assert bundle.atlas is not None
    for key, found in zip(atlas.keys, bundle.atlas.keys, strict=True):
        assert np.allclose(key.landmarks, found.landmarks, atol=1e-5)
        for cut, other in zip(key.cuts, found.cuts, strict=True):
            assert (cut is None) == (other is None)
            if cut is not None and other is not None:
                assert cut.corner == other.corner
                assert np.array_equal(cut.pixels, other.pixels)


@pytest.mark.parametrize(
    ("found", "instead", "told"),
    [
        (b'"size": 160', b'"size": 99', "is of size 99"),
        (b'"format": 1', b'"format": 9', "newer understudy"),
        (b'"faults": [', b'"faults": ["x", ', "faults"),
        (b'"corner": [', b'"corner": [99999, ', "corner"),
        (b'"box": [0, 0,', b'"box": [9999, 0,', "outside of atlas/000.png"),
        (b'"box": [0, 0,', b'"box": [0, -1,', "outside of atlas/000.png"),
        (b"{", b"", "is not JSON"),
    ],
)
def test_a_damaged_index_is_refused_in_a_sentence(found: bytes, instead: bytes, told: str) -> None:
    manifest, files = bundled(small_atlas(), name="small", room=None, proportions=None, fps=25)
    assert found in files[INDEX]
    with pytest.raises(BundleError, match=told):
        made_bundle(manifest, {**files, INDEX: files[INDEX].replace(found, instead, 1)})


def test_a_sheet_that_is_missing_is_refused() -> None:
    manifest, files = bundled(small_atlas(), name="small", room=None, proportions=None, fps=25)
    with pytest.raises(BundleError, match=r"atlas/003.png is missing"):
        made_bundle(manifest, {name: data for name, data in files.items() if name != "atlas/003.png"})


def test_a_limb_that_was_never_seen_is_no_reason_to_stop() -> None:
    atlas = small_atlas()
    headless = type(atlas)(
        atlas.size,
        tuple(type(key)(key.landmarks, (None,) * len(PARTS), key.faults) for key in atlas.keys),
    )
    assert not Poser(headless).posed(dancing(1)[0]).any()
    assert set(packed(headless)) >= {INDEX, "atlas/000.png"}


def learned(poses: np.ndarray) -> Bundle:
    return learned_atlas(painted_clip(poses), size=128, keys=8, tracker=lambda: PaintedTracker(poses, 15.0))


def test_a_clip_becomes_a_performer_without_training() -> None:
    bundle = learned(dancing(60, 1 / 15))
    assert bundle.manifest.method == "atlas"
    assert not bundle.manifest.graphs
    assert bundle.atlas is not None
    assert 4 <= len(bundle.atlas.keys) <= 8
    assert bundle.plate is not None
    assert 20 < (bundle.plate.astype(int) - WALL).mean() < 40


def test_a_clip_of_one_pose_is_refused_with_the_moves_that_are_missing() -> None:
    with pytest.raises(VideoError, match=r"different poses.*raise your left arm.*bend"):
        learned(np.repeat(dancing(1), 30, axis=0) + np.linspace(0, 0.01, 30)[:, None, None].astype(np.float32))


class Blind(PaintedTracker):
    """Finds poses, and outlines only where `sees` says so; `empty` ones elsewhere, or none."""

    def __init__(self, poses: np.ndarray, sees: Callable[[int], bool], empty: bool) -> None:
        super().__init__(poses, 15.0)
        self._sees, self._empty = sees, empty

    def track(self, frame: np.ndarray, time_s: float) -> Tracked:
        found = super().track(frame, time_s)
        if self._sees(round(time_s * 15)):
            return found
        assert found.mask is not None
        return Tracked(found.landmarks, np.zeros_like(found.mask) if self._empty else None, time_s)


@pytest.mark.parametrize("empty", [False, True])
def test_a_dancer_without_an_outline_is_refused_and_not_invisible(empty: bool) -> None:
    poses = dancing(60, 1 / 15)
    with pytest.raises(VideoError, match="outline was found in only 0 of"):
        learned_atlas(painted_clip(poses), size=64, keys=8, tracker=lambda: Blind(poses, lambda _: False, empty))


def test_keys_are_taken_where_there_is_an_outline() -> None:
    poses = dancing(60, 1 / 15)
    tracker = lambda: Blind(poses, lambda number: number % 3 == 0, empty=False)  # noqa: E731
    atlas = learned_atlas(painted_clip(poses), size=64, keys=8, tracker=tracker).atlas
    assert atlas is not None
    assert all(any(key.cuts) for key in atlas.keys)


def narrowed(pose: np.ndarray, share: float) -> np.ndarray:
    """The pose turned away until it is `share` as wide."""
    turned = pose.copy()
    turned[:, 0] = 0.5 + share * (pose[:, 0] - 0.5)
    return turned


def test_a_trunk_seen_from_the_side_is_no_broad_back() -> None:
    front = figure_of(dancing(8)[0], SIZE)
    for share in (0.1, 0.3, 0.6, 1.0):
        profile = figure_of(narrowed(dancing(8)[0], share), SIZE)
        matrix, _ = trunk_transform(profile, front)
        scale = profile.unit / front.unit
        fetched = np.hypot(*(matrix @ [1.0, 0.0]))  # how far the key is gone along for a pixel across the picture
        assert fetched > scale / 1.26


def test_a_front_may_turn_away() -> None:
    front, profile = (figure_of(narrowed(dancing(8)[0], share), SIZE) for share in (1.0, 0.7))
    matrix, offset = trunk_transform(front, profile)
    width = np.hypot(*(front.spots[12, :2] - front.spots[11, :2]))
    for corner in (11, 12, 23, 24):
        assert np.hypot(*(matrix @ profile.spots[corner, :2] + offset - front.spots[corner, :2])) < 0.1 * width


def test_an_arm_that_turned_about_takes_nothing_of_the_trunk_with_it() -> None:
    """Else a pixel is a mixture of two places far apart in the key, and cloth is drawn out in fans."""
    key, pose = dancing(8)[0].copy(), dancing(8)[0].copy()
    arm = [Joint.LEFT_ELBOW, Joint.LEFT_WRIST, Joint.LEFT_PINKY, Joint.LEFT_INDEX, Joint.LEFT_THUMB]
    shoulder = key[Joint.LEFT_SHOULDER, :2]
    pose[arm, :2] = 2 * shoulder - key[arm, :2]
    part, here, there = PARTS[2], figure_of(pose, SIZE), figure_of(key, SIZE)
    near = here.spots[Joint.LEFT_SHOULDER, :2] + np.array([[-3.0, 0.0], [-4.0, -2.0], [-5.0, 3.0]], np.float32)
    origin = _origins(near, part, there, here)
    # Rigid: half a turn about the shoulder.
    expected = there.spots[Joint.LEFT_SHOULDER, :2] - (near - here.spots[Joint.LEFT_SHOULDER, :2])
    assert np.abs(origin - expected).max() < 0.005 * SIZE


@pytest.mark.parametrize(("better", "changes"), [(0.8, False), (0.7, False), (0.6, True)])
def test_a_limb_keeps_its_key_until_another_is_clearly_better(better: float, changes: bool) -> None:
    playing = _kept_or_changed(_Playing(0), np.array([1.0, better]))
    assert (playing.key, playing.before) == ((1, 0) if changes else (0, None))


def test_a_head_takes_the_key_that_looks_where_the_dancer_looks() -> None:
    first = small_atlas().keys[0]
    unit = float(torso_length(first.landmarks[:, :2]))

    def looking(aside: float) -> np.ndarray:
        landmarks = first.landmarks.copy()
        landmarks[Joint.NOSE, 0] += aside * unit
        return landmarks

    atlas = replace(small_atlas(), keys=tuple(replace(first, landmarks=looking(aside)) for aside in (-0.03, 0.03)))
    poser = Poser(atlas)
    for aside, key in ((-0.03, 0), (0.03, 1)):
        poser.posed(looking(aside))
        assert poser._playing[HEAD_LIMB].key == key


def test_what_every_head_lies_over_is_no_fault_of_one() -> None:
    faults = np.full((8, 6), 1.0, np.float32)
    faults[0, HEAD_LIMB], faults[1, HEAD_LIMB] = 0, 3
    told = _beyond_ordinary(faults)
    assert told[:, HEAD_LIMB].tolist() == [0, 2, 0, 0, 0, 0, 0, 0]
    assert np.array_equal(np.delete(told, HEAD_LIMB, axis=1), np.delete(faults, HEAD_LIMB, axis=1))


def test_limbs_are_as_thick_from_picture_to_picture() -> None:
    poser, still = Poser(small_atlas()), figure_of(dancing(1)[0], SIZE)
    units = np.array([poser._calmed(Figure(still.spots, still.unit * (1 + 0.05 * (-1) ** n))).unit for n in range(20)])
    assert np.abs(np.diff(units[1:])).max() < 0.02 * still.unit
    assert units[-1] == pytest.approx(still.unit, rel=0.03)


def test_somebody_of_another_size_is_that_size_at_once() -> None:
    poser, body = Poser(small_atlas()), figure_of(dancing(1)[0], SIZE)
    poser._calmed(body)
    assert poser._calmed(Figure(body.spots, 1.5 * body.unit)).unit == pytest.approx(1.5 * body.unit)
    poser.reset()
    assert poser._calmed(Figure(body.spots, 1.4 * body.unit)).unit == pytest.approx(1.4 * body.unit)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(arrays(np.float32, (33, 4), elements=st.one_of(WILD, st.floats(-2, 3, width=32))), min_size=2, max_size=5)
)
def test_any_dance_gives_figures_and_wakes_up_from_it(danced: list[np.ndarray]) -> None:
    poser, then = Poser(small_atlas()), dancing(1)[0]
    for landmarks in danced:
        assert poser.posed(landmarks).shape == (SIZE, SIZE, 4)
        assert poser._unit is not None
        assert 0 < poser._unit < SIZE
    for _ in range(30):
        poser.posed(then)
    assert poser._unit == pytest.approx(figure_of(then, SIZE).unit, rel=0.01)


def test_parts_at_almost_one_depth_are_not_painted_in_turns() -> None:
    assert _reordered([0, 1], np.array([0.0, 0.05], np.float32)) == [0, 1]
    assert _reordered([0, 1], np.array([0.0, 0.15], np.float32)) == [1, 0]


def test_a_head_is_before_its_trunk_whatever_the_tracker_guesses() -> None:
    pose = dancing(8)[0].copy()
    pose[:11, 2] += 5
    depths = _depths(figure_of(pose, SIZE))
    assert depths[1] < depths[0]


def test_of_two_frames_of_one_pose_the_sharper_is_the_key() -> None:
    usual, rare = dancing(8)[0], dancing(8)[5]
    poses = np.stack([usual, usual, usual, rare, rare + np.float32(1e-3)])
    for worths, sharper in (([0.5, 1.2], 4), ([1.2, 0.5], 3)):
        assert spread(poses, np.array([1, 1, 1, *worths], np.float32), 2)[1] == sharper


def test_a_landmark_that_is_no_number_costs_no_dancer() -> None:
    pose = dancing(8)[0].copy()
    whole = (Poser(small_atlas()).posed(pose)[..., 3] > 128).sum()
    pose[Joint.LEFT_EAR] = np.nan
    assert (Poser(small_atlas()).posed(pose)[..., 3] > 128).sum() > 0.8 * whole


def test_a_bone_is_not_drawn_out_however_it_is_foreshortened() -> None:
    key, pose = dancing(8)[0].copy(), dancing(8)[0].copy()
    shoulder, elbow = Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW
    key[elbow, :2] = key[shoulder, :2] + 0.1 * (key[elbow, :2] - key[shoulder, :2])
    matrix, _ = _bone_transform(PARTS[2].bones[0], figure_of(key, SIZE), figure_of(pose, SIZE))
    stretches = np.linalg.svd(matrix)[1]
    scale = figure_of(key, SIZE).unit / figure_of(pose, SIZE).unit
    assert stretches.min() > scale / 1.41


def test_a_bone_that_points_at_the_camera_is_shortened_with_it() -> None:
    key, pose = dancing(8)[0].copy(), dancing(8)[0].copy()
    shoulder, elbow = Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW
    for share, shrunk in ((0.4, 2.5), (0.1, 3.0)):
        pose[elbow, :2] = key[shoulder, :2] + share * (key[elbow, :2] - key[shoulder, :2])
        here, there = figure_of(key, SIZE), figure_of(pose, SIZE)
        matrix, _ = _bone_transform(PARTS[2].bones[0], here, there)
        along = pose[elbow, :2] - pose[shoulder, :2]
        drawn = np.linalg.norm(matrix @ along) / np.linalg.norm(along) * there.unit / here.unit
        assert drawn == pytest.approx(shrunk, rel=0.05)


def test_the_shoulders_are_not_the_heads() -> None:
    body = figure_of(dancing(1)[0], 256)
    near = closeness((0, 0), (256, 256), body.spots, body.unit)
    for shoulder in (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER):
        x, y = body.spots[shoulder, :2].astype(int)
        above = y - int(0.05 * body.unit)
        assert near[1, above, x] > near[0, above, x] + 0.2


def test_a_bowed_heads_collar_is_the_trunks() -> None:
    pose = dancing(8)[7].copy()
    face = list(range(Joint.NOSE, Joint.MOUTH_RIGHT + 1))
    shoulders = pose[[Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER], 1].mean()
    unit = body_units(places(pose[:, :3]))
    pose[face, 1] += shoulders - 0.24 * unit - pose[face, 1].mean()  # a quarter of a torso above the shoulders
    pose[face, 0] += pose[[Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER], 0].mean() - pose[face, 0].mean()
    body = figure_of(pose, 256)
    near = closeness((0, 0), (256, 256), body.spots, body.unit)
    x, y = (body.spots[HEAD, :2] + body.unit * np.array([0.4, 0.19])).astype(int)
    assert near[1, y, x] > 1.8
    x, y = (body.spots[HEAD, :2] + body.unit * np.array([0.0, 0.12])).astype(int)
    assert near[1, y, x] < 1


def test_a_thigh_does_not_go_on_beside_the_shin() -> None:
    body = figure_of(dancing(8)[7], 256)
    near = closeness((0, 0), (256, 256), body.spots, body.unit)
    hip, knee, ankle = (body.spots[joint, :2] for joint in (Joint.LEFT_HIP, Joint.LEFT_KNEE, Joint.LEFT_ANKLE))
    down = (ankle - hip) / np.linalg.norm(ankle - hip)
    beside = knee + body.unit * (0.2 * down + 0.18 * np.array([-down[1], down[0]]))
    x, y = beside.astype(int)
    thigh, shin = (next(n for n, part in enumerate(PARTS) if part.name == f"left {name}") for name in ("thigh", "shin"))
    assert near[thigh, y, x] > near[shin, y, x] + 0.3


def test_a_hand_is_drawn_out_less_than_an_arm() -> None:
    key, pose = dancing(8)[0].copy(), dancing(8)[0].copy()
    wrist, fingers = Joint.LEFT_WRIST, [Joint.LEFT_INDEX, Joint.LEFT_PINKY]
    key[fingers, :2] = key[wrist, :2] + 0.1 * (key[fingers, :2] - key[wrist, :2])
    matrix, _ = _bone_transform(PARTS[3].bones[1], figure_of(key, SIZE), figure_of(pose, SIZE))
    scale = figure_of(key, SIZE).unit / figure_of(pose, SIZE).unit
    assert np.linalg.svd(matrix)[1].min() > scale / 1.16


def test_a_head_with_a_hand_before_it_is_left_where_another_is() -> None:
    landmarks = dancing(8)
    before = landmarks[0].copy()
    before[[Joint.LEFT_WRIST, Joint.LEFT_INDEX, Joint.LEFT_PINKY], :2] = before[Joint.NOSE, :2]
    before[Joint.LEFT_ELBOW, :2] = (before[Joint.LEFT_SHOULDER, :2] + before[Joint.NOSE, :2]) / 2 + (0.05, 0.03)
    poses = np.stack([before, landmarks[1]])
    atlas = cut_atlas(lambda i: (*colored(poses[i]), room()), poses, [0, 1], SIZE)
    assert atlas.keys[0].faults[HEAD_LIMB] > BARRED > atlas.keys[1].faults[HEAD_LIMB]
    poser = Poser(atlas)
    poser.posed(before)
    assert poser._playing[HEAD_LIMB].key == 1


def test_a_hand_before_the_trunk_is_not_cut_out_with_it() -> None:
    skin, cloth = np.array([[30.0, 200, 30]] * 6, np.float32), np.array([[200.0, 30, 30]] * 6, np.float32)
    palettes = [cloth if n in (0, 1) else skin for n in range(len(PARTS))]
    figure = np.full((20, 20, 4), 255, np.uint8)
    figure[:, :10, :3], figure[:, 10:, :3] = (200, 30, 30), (30, 200, 30)
    alike = likeness(figure, np.ones((20, 20), bool), palettes, 0)
    assert alike[:, :8].min() == 1
    assert alike[:, 12:].max() == 0


def test_a_sharp_frame_is_worth_more_and_a_blurred_one_less() -> None:
    assert worth(np.array([10.0, 10.0, 10.0, 2.0, 30.0])) == pytest.approx([1, 1, 1, 0.5, 1.2])
