"""Keys the shape keys of the active object by a take of Affetto (`face-take/1` JSON or JSON Lines).

In Blender: open this file in the Text Editor and run it, or install it under Preferences, Add-ons. Select the mesh of
the face, then choose File, Import, Affetto take. Shape keys are found by name, whatever their case; they may be those
of ARKit (`jawOpen`, `JawOpen`). Keys begin at the current frame of the timeline, at the frame rate of the scene, so
that the take lasts as long as it did.
"""

import json
import math
from fractions import Fraction

import bpy
from bpy_extras.io_utils import ImportHelper
from mathutils import Euler

bl_info = {
    "name": "Affetto take",
    "author": "Affetto",
    "version": (1, 0, 0),
    "blender": (3, 6, 0),
    "location": "File > Import > Affetto take",
    "description": "Keys shape keys by a take (face-take/1)",
    "category": "Import-Export",
}

SCHEMA = "face-take/1"
DEFAULT_FPS = Fraction(60)


class TakeError(Exception):
    """What the user is told."""


def read_take(path):
    """The frames, each as its file has it, and the time of each in seconds from the first."""
    with open(path, encoding="utf-8-sig") as file:
        if path.lower().endswith((".jsonl", ".ndjson")):
            frames = [json.loads(line) for line in file if line.strip()]
            fps = DEFAULT_FPS
        else:
            take = json.load(file)
            if take.get("schema") != SCHEMA:
                raise TakeError(f"the schema is not {SCHEMA}")
            frames, fps = take["frames"], Fraction(str(take["fps"]))
    if not frames:
        raise TakeError("no frames")
    times = [float(index / fps) for index in range(len(frames))]
    if all("t" in frame for frame in frames):
        times = [frame["t"] - frames[0]["t"] for frame in frames]
    return frames, times


def shape_keys_by_name(mesh):
    """The shape keys of an object, by name in small letters."""
    keys = getattr(mesh.data, "shape_keys", None) if mesh else None
    if keys is None:
        raise TakeError("select a mesh with shape keys")
    return keys, {block.name.lower(): block for block in keys.key_blocks}


def curve_of(owner, data_path, index, count):
    """An empty F-curve with room for `count` keys, in place of what was there."""
    if owner.animation_data is None:
        owner.animation_data_create()
    if owner.animation_data.action is None:
        owner.animation_data.action = bpy.data.actions.new(f"{owner.name} take")
    action = owner.animation_data.action
    if hasattr(action, "fcurve_ensure_for_datablock"):  # Blender 5
        curve = action.fcurve_ensure_for_datablock(owner, data_path, index=index)
        curve.keyframe_points.clear()
    else:
        old = action.fcurves.find(data_path, index=index)
        if old is not None:
            action.fcurves.remove(old)
        curve = action.fcurves.new(data_path, index=index)
    curve.keyframe_points.add(count)
    return curve


def set_keys(curve, places, values):
    flat = [number for pair in zip(places, values) for number in pair]
    curve.keyframe_points.foreach_set("co", flat)
    for point in curve.keyframe_points:
        point.interpolation = "LINEAR"
    curve.update()


def key_shapes(keys, blocks, frames, places):
    """Keys every shape key that is a shape of ARKit, and says how many."""
    names = {name.lower(): name for frame in frames for name in frame["weights"]}
    found = [(block, names[name]) for name, block in blocks.items() if name in names]
    for block, name in found:
        curve = curve_of(keys, f'key_blocks["{block.name}"].value', 0, len(frames))
        set_keys(curve, places, [frame["weights"].get(name, 0.0) for frame in frames])
    return len(found)


def blender_rotation(turn):
    """A turn of a face that looks along -y with z up, as Blender's importers leave it: x stays, y becomes z, and z
    becomes -y."""
    euler = Euler((turn["pitch"], -turn["roll"], turn["yaw"]), "YXZ")
    return euler.to_quaternion()


def key_head(mesh, frames, places):
    """Keys the rotation of the object, where the head turns at all."""
    still = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0}
    turns = [frame.get("head", still) for frame in frames]
    if not any(any(turn.values()) for turn in turns):
        return
    mesh.rotation_mode = "QUATERNION"
    rotations = [blender_rotation(turn) for turn in turns]
    for before, rotation in zip(rotations, rotations[1:]):
        if before.dot(rotation) < 0.0:
            rotation.negate()
    for index in range(4):
        curve = curve_of(mesh, "rotation_quaternion", index, len(frames))
        set_keys(curve, places, [rotation[index] for rotation in rotations])


def import_take(context, path, with_head):
    frames, times = read_take(path)
    mesh = context.active_object
    keys, blocks = shape_keys_by_name(mesh)
    scene = context.scene
    fps = scene.render.fps / scene.render.fps_base
    places = [scene.frame_current + time * fps for time in times]
    count = key_shapes(keys, blocks, frames, places)
    if count == 0:
        raise TakeError("no shape key has the name of a shape of ARKit")
    if with_head:
        key_head(mesh, frames, places)
    scene.frame_end = max(scene.frame_end, math.ceil(places[-1]))
    return count


class ImportAffettoTake(bpy.types.Operator, ImportHelper):
    """Key the shape keys of the active object by a take of Affetto"""

    bl_idname = "import_anim.affetto_take"
    bl_label = "Import Affetto take"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".json"
    filter_glob: bpy.props.StringProperty(default="*.json;*.jsonl;*.ndjson", options={"HIDDEN"})
    with_head: bpy.props.BoolProperty(name="Turn the head", description="Key the rotation of the object too", default=True)

    def execute(self, context):
        try:
            count = import_take(context, self.filepath, self.with_head)
        except (TakeError, OSError, ValueError, KeyError, TypeError) as error:
            self.report({"ERROR"}, f"Not imported: {error}")
            return {"CANCELLED"}
        self.report({"INFO"}, f"{count} shape keys keyed")
        return {"FINISHED"}


def menu_entry(self, _context):
    self.layout.operator(ImportAffettoTake.bl_idname, text="Affetto take (.json, .jsonl)")


def register():
    bpy.utils.register_class(ImportAffettoTake)
    bpy.types.TOPBAR_MT_file_import.append(menu_entry)


def unregister():
    bpy.types.TOPBAR_MT_file_import.remove(menu_entry)
    bpy.utils.unregister_class(ImportAffettoTake)


if __name__ == "__main__":
    register()
