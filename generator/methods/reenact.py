"""`reenact`: a still, driven by the performance of a video. Every pixel of the person is made.

The driver is the take's own original (the still speaks with its own performance, heard with its own sound) or, by the
plan's choice, the donor's, heard with the donor's.
"""

from __future__ import annotations

from tellmark.generator.factory.scene import Scene
from tellmark.generator.methods import Forgery
from tellmark.generator.methods.setting import performed
from tellmark.generator.renderers import renderer


def forge(scene: Scene, driver: Scene | None = None) -> Forgery:
    """Drive the scene's still by the original of ``driver``, by default the scene's own."""
    driver = driver or scene
    motion = driver.performance(scene.still)
    made = renderer(scene.take.renderer, scene.still)
    return Forgery(
        frames=performed(scene, made, motion),
        wav=driver.wav,
        voice_id=driver.take.sound.voice_id,
        params={"renderer": made.name, "motion_model": "tracked", "driver": driver.take.take_id},
    )
