"""Virtual actors: photograph-like portraits of people who do not exist, without end, each from a seed.

The recipe is drawn first and holds every choice; the picture is one exposure of the person that the reference
renderer moves, in the pose and by the camera that the recipe says.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json

import cv2
import numpy as np

from tellmark.faces import find_face
from tellmark.generator.actors.facespace import f32
from tellmark.generator.actors.recipe import VERSION, ActorAttributes, Recipe, actor_attributes, draw_recipe
from tellmark.generator.actors.reference import ReferenceRenderer
from tellmark.generator.actors.sitting import Shot
from tellmark.generator.types import EXPRESSIONS, SIZE, Motion, Portrait
from tellmark.types import F32, F64, U8

__all__ = [
    "ActorAttributes",
    "actor",
    "actor_attributes",
    "at_rest",
    "develop",
    "frame_of",
    "motion_of",
    "recipe_sha256",
    "still",
]


def frame_of(recipe: Recipe) -> F64:
    """(2, 3) matrix from the rendered picture to the still: how the camera was held."""
    roll, zoom, right, down = recipe.framing
    matrix = cv2.getRotationMatrix2D((SIZE / 2, 0.42 * SIZE), -roll, zoom)
    matrix[:, 2] += right, down
    return np.asarray(matrix, np.float64)


def motion_of(recipe: Recipe) -> Motion:
    """One frame of what the person does when the still is taken."""
    motion, pose = Motion.rest(25.0), recipe.pose
    smile = pose.smile - 0.35 * pose.teeth  # what shows teeth needs less of it
    strengths = {"smile": smile, "squint": 0.35 * smile**2, "brow_up": pose.brow_up}
    strengths |= {"upper_raise": 0.7 * pose.teeth, "jaw": 0.15 * pose.teeth, "wide": 0.15 * pose.teeth}
    for name, strength in strengths.items():
        motion.expression[:, EXPRESSIONS.index(name)] = strength
    motion.rotation_deg[:] = pose.rotation_deg
    motion.gaze_deg[:] = pose.gaze_deg
    motion.blink[:] = pose.lids
    return motion


def develop(linear: F32, shot: Shot, seed: int) -> U8:
    """The still (SIZE, SIZE, 3) RGB of linear light: what lenses, phones and JPEG do to a picture."""
    rng = np.random.default_rng([seed, 2])
    red, blue = shot.balance
    light = cv2.GaussianBlur(linear, (0, 0), shot.blur_px + 0.1) * np.exp(np.array([red, 0, blue], np.float32))
    glow = cv2.GaussianBlur(np.maximum(light - 0.8, 0), (0, 0), 6.0)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE - 0.5
    light = (light + 0.3 * glow) * (1 - 0.35 * (x**2 + y**2))[..., None] + np.float32(0.003)
    grain = rng.normal(0, 1, (SIZE, SIZE, 3)).astype(np.float32)
    grain = 0.7 * grain.mean(axis=2, keepdims=True) * 1.7 + 0.35 * cv2.GaussianBlur(grain, (0, 0), 1.2) * 3
    light = np.maximum(light + shot.noise * grain * np.sqrt(np.maximum(light, 0) * 0.6 + 0.004), 0)
    # A film-like shoulder: what is bright runs into white slowly.
    light = np.where(light > 0.55, 0.55 + 0.45 * np.tanh((light - 0.55) / 0.45 * 0.85), light)
    tone = np.clip(light, 0, 1) ** (1 / 2.2)
    tone = tone + shot.curve * (tone * tone * (3 - 2 * tone) - tone)
    grey = (tone @ np.array([0.30, 0.59, 0.11], np.float32))[..., None]
    tone = grey + np.float32(0.94) * (tone - grey)  # the curve took colours too far
    blotches = cv2.GaussianBlur(rng.normal(0, 1, (SIZE, SIZE, 3)).astype(np.float32), (0, 0), 2.2)
    tone = tone + (0.2 * np.sqrt(shot.noise)) * blotches * f32([0.7, 0.25, 1.0]) * tone
    tone = tone + shot.sharpen * (tone - cv2.GaussianBlur(tone, (0, 0), 1.1))
    picture = np.clip(np.round(tone * 255), 0, 255).astype(np.uint8)
    if shot.camera == "webcam":  # denoised until it smears
        picture = cv2.bilateralFilter(picture, 5, 22, 2)
    _, jpeg = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, shot.quality])
    return np.ascontiguousarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1])


def still(seed: int) -> tuple[U8, F32]:
    """The picture of actor ``seed``, (SIZE, SIZE, 3) RGB, and the person's matte (SIZE, SIZE)."""
    renderer = ReferenceRenderer(seed)
    recipe = renderer.recipe
    light, matte, _ = renderer.light(motion_of(recipe), 0)
    held = frame_of(recipe)
    light, matte = (
        cv2.warpAffine(layer, held, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        for layer in (light, matte)
    )
    return develop(np.maximum(light, 0), recipe.shot, seed), np.clip(matte, 0, 1)


def actor(seed: int) -> Portrait:
    """The portrait of virtual actor ``seed``: the same bytes every time; needs nobody's consent."""
    image, matte = still(seed)
    return Portrait(image, find_face(image).landmarks, matte, f"actor:{seed}", recipe_sha256(seed))


def at_rest(seed: int) -> Portrait:
    """The same person in the same light, facing the camera and doing nothing: who they are, without what they do."""
    renderer = ReferenceRenderer(seed)
    light, matte, _ = renderer.light(Motion.rest(25.0), 0)
    image = develop(np.maximum(light, 0), renderer.recipe.shot, seed)
    return Portrait(image, find_face(image).landmarks, np.clip(matte, 0, 1), f"actor:{seed}", recipe_sha256(seed))


def recipe_sha256(seed: int) -> str:
    """What stands for actor ``seed`` in place of a file's checksum."""
    recipe = json.dumps(dataclasses.asdict(draw_recipe(seed)), sort_keys=True)
    return hashlib.sha256(f"tellmark.actor/{VERSION}:{recipe}".encode()).hexdigest()
