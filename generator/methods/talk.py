"""`talk`: a still, animated to the take's voice. Every pixel of the person is made."""

from __future__ import annotations

from tellmark.generator.factory.roles import number
from tellmark.generator.factory.scene import Scene
from tellmark.generator.methods import Forgery
from tellmark.generator.methods.setting import performed
from tellmark.generator.motions import motion_model
from tellmark.generator.renderers import renderer
from tellmark.generator.types import Controls


def forge(scene: Scene) -> Forgery:
    """Animate the scene's still by the take's motion model."""
    seed = number(scene.take.seed, "talk") % 2**31
    model = motion_model(scene.take.motion)
    motion = model.generate(scene.speech, Controls(), seed)
    made = renderer(scene.take.renderer, scene.still)
    return Forgery(
        frames=performed(scene, made, motion),
        wav=scene.wav,
        voice_id=scene.take.sound.voice_id,
        params={"renderer": made.name, "motion_model": model.name, "seed": seed},
    )
