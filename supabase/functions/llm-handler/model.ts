// The chat model: it answers in words, or asks for an image.

export type Turn = { text: string } | { imagePrompt: string };

export interface ChatModel {
  answer(message: string): Promise<Turn>;
}

/** A rule in place of a model: whoever asks to draw something wants an image. */
export class LocalModel implements ChatModel {
  answer(message: string): Promise<Turn> {
    const wish = /\b(?:draw|paint|sketch|(?:picture|image|photo) of)\s+(.+)/is.exec(message);
    return Promise.resolve(wish ? { imagePrompt: wish[1].trim() } : { text: `You said: ${message}` });
  }
}
