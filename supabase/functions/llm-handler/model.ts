// The chat model: replies with text, or requests an image.

export type Turn = { text: string } | { imagePrompt: string };

export interface ChatModel {
  answer(message: string): Promise<Turn>;
}

/** A simple rule instead of a model: a message that asks to draw something requests an image. */
export class LocalModel implements ChatModel {
  answer(message: string): Promise<Turn> {
    const wish = /\b(?:draw|paint|sketch|(?:picture|image|photo) of)\s+(.+)/is.exec(message);
    return Promise.resolve(wish ? { imagePrompt: wish[1].trim() } : { text: `You said: ${message}` });
  }
}
