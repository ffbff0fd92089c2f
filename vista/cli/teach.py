"""Shows the stack what a thing looks like: vista teach "purple house" --images photos/

The pictures are kept in the memory of a scene, and every stack that opens it knows the thing by its name,
until it is forgotten (vista memory forget). Twelve pictures from different places are enough.

vista teach "purple house" --images photos/       (PNG, JPEG: crops, or whole images of the robot's camera)
vista teach "my mug" --images shelf.png --box 40 60 90 110      (x0 y0 x1 y1 in pixels)
vista teach --objects examples/objects            (objects of the simulator, drawn 12 times each)
"""

from __future__ import annotations

import argparse

from vista.errors import ConfigError, UnknownNameError
from vista.messages.plain_text import plain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``vista teach``."""
    add = parser.add_argument
    add("name", nargs="?", help="what the thing is called; may be left out with --objects")
    add("--images", metavar="DIR|FILE", help="pictures of the thing, PNG or JPEG")
    add("--box", type=int, nargs=4, metavar=("X0", "Y0", "X1", "Y1"), help="where it is in each of them [px]")
    add("--objects", metavar="DIR", help="folder of objects of the simulator, which draws them")
    add("--memory-folder", default="runs/memory", metavar="DIR", help="of the memories (runs/memory)")
    add("--scene-name", default="scene", metavar="NAME", help="which memory (scene)")
    add("--robot", default="panda", metavar="NAME|FILE", help="whose camera sees them (panda)")
    add("--detector", metavar="REF", help="what finds a thing in a whole image (what ships)")


def main(args: argparse.Namespace) -> int:
    """Teach, and say what was kept where."""
    if (args.images is None) == (args.objects is None):
        raise ConfigError("teach: say one of --images and --objects")
    if args.images is not None and not (args.name or "").strip():
        raise ConfigError("teach: say what the thing is called, before --images")
    if args.box is not None and args.images is None:
        raise ConfigError("teach: --box is for --images only")
    from vista.assembly import loading
    from vista.assembly.teaching import keep_pictures, pictures_at
    from vista.robot.contract import load_robot

    spec = load_robot(args.robot)
    if args.images is not None:
        images, where = pictures_at(args.images, spec, args.box)
        source, taught, told = "pictures", {args.name: images}, where
    else:
        from vista_sim.objects.object_file import load_objects
        from vista_sim.objects.pictures import drawn

        specs = load_objects(args.objects)
        if args.name is not None and args.name not in specs:
            raise UnknownNameError("object", args.name, specs)
        wanted = {label: each for label, each in specs.items() if args.name in (None, label)}
        source, taught, told = "simulator", drawn(wanted, spec), []
    detector = loading.load_detector(args.detector, spec)
    with loading.open_memory(args.memory_folder, args.scene_name) as memory:
        for name, each in taught.items():
            kept = keep_pictures(memory, name, each, detector, spec, source=source, where=told or None)
            print(f"{plain(name)}: {len(kept)} pictures kept in {plain(memory.where)}")
    return 0
