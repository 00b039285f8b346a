// What is sold. A payment names a pack; how many units that is, only this table says. The page reads it as well.

export interface Pack {
  feature_type: string;
  units: number;
}

/** A pack never changes: another amount is another pack, so that an event that comes late grants the same. */
export const packs: Record<string, Pack> = {
  images_100: { feature_type: "image_generation", units: 100 },
  voice_hour: { feature_type: "voice_seconds", units: 3600 },
  credits_500: { feature_type: "credits", units: 500 },
};

/** Returns the pack of this name, if it is sold. */
export function packOf(name: string | undefined): Pack | undefined {
  return name !== undefined && Object.hasOwn(packs, name) ? packs[name] : undefined;
}
