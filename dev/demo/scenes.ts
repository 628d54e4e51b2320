/** The scenes of the demo, by the name that --scene takes. */
import { CAPACITY_SCENE } from "./capacity-scene.ts";
import type { Scene } from "./scene.ts";
import { EXAMPLES_SCENE } from "./words.ts";

const SCENES: Readonly<Record<string, Scene>> = { examples: EXAMPLES_SCENE, capacity: CAPACITY_SCENE };

/** Throws where there is none of that name. */
export function sceneOf(name: string): Scene {
  const scene = Object.hasOwn(SCENES, name) ? SCENES[name] : undefined;
  if (!scene)
    throw new Error(
      `--scene must be one of ${Object.keys(SCENES).join(", ")}; it is ${JSON.stringify(name)}`,
    );
  return scene;
}
