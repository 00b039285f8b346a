// What is sold. A payment names a pack; how many units that is, only this table says.
import { HttpError } from "../_shared/http.ts";

interface Pack {
  feature_type: string;
  units: number;
}

/** A pack never changes: another amount is another pack, so that an event that comes late grants the same. */
const packs: Record<string, Pack> = {
  images_100: { feature_type: "image_generation", units: 100 },
  voice_hour: { feature_type: "voice_seconds", units: 3600 },
};

/**
 * A paid pack that is not sold here is a mistake of ours, and somebody has paid for it. With a 422, Stripe shows
 * the failure and sends the event again: once the table has the pack, it is granted.
 */
export function packOf(name: string | undefined): Pack {
  if (name !== undefined && Object.hasOwn(packs, name)) return packs[name];
  console.error(JSON.stringify({ event: "unknown_pack", pack: name }));
  throw new HttpError(422, "There is no such pack.", { error_code: "UNKNOWN_PACK" });
}
